"""The missing-modality experiment: known policies get the errors they must have."""

from itertools import pairwise

import numpy as np
import pytest
from shows import PERIOD, make_core

from choreo_pipelines.bodies import Gap, missing_modality
from choreo_pipelines.bodies.missing import GAPS, SETTLE_S, place, table
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.packets import FloatArray, Frame, Latent, SensorPacket
from choreo_service.protocols import Models
from choreo_service.replay import TapeEntry


def tape(seconds: int, *, heart: bool = True) -> list[TapeEntry]:
    """Motion energy 5 m/s^2 and 90 bpm that never change."""
    entries = []
    for k in range(1, seconds * 50 + 1):
        t_ns = NS + k * PERIOD
        packets = [SensorPacket("motion_features", 0, 0, t_ns, t_ns, None, "test", (5.0, 1, 1, 0, 0, 1))]
        if heart and k % 50 == 1:
            packets.append(SensorPacket("heart_features", 0, 0, t_ns, t_ns, None, "test", (90.0, 0.0)))
        entries.append(TapeEntry(k, 1, t_ns, tuple(packets)))
    return entries


class Filled:
    """Coherence, normaliser and mapper that play motion_energy / 10; a masked motion is 0, or what it last was."""

    def __init__(self, *, hold: bool) -> None:
        self._hold, self._last = hold, np.float32(0)

    def step(self, *arguments: object) -> object:
        first = arguments[0]
        if isinstance(first, Frame):
            if first.present[0, 0] and first.age_s[0, 0] < 0.05:  # older motion is fading out
                self._last = first.motion[0, 0]
            masked = self._last if self._hold else np.float32(0)
            z = np.full((1, 104), first.motion[0, 0] if first.present[0, 0] else masked, np.float32)
            return Latent(z, np.ones(1, np.float32), ~first.present)
        if isinstance(first, Latent):
            return first.z
        z: FloatArray = first  # type: ignore[assignment]
        return z[:, :5] / np.float32(10)

    def state(self) -> dict[str, object]:
        return {}

    def load_state(self, state: object) -> None: ...

    def reset(self) -> None: ...


def core_with(*, hold: bool) -> Core:
    part = Filled(hold=hold)
    return make_core(models=Models("filled", part, part, part))  # type: ignore[arg-type]


POLICIES = {"hold": lambda: core_with(hold=True), "zero-fill": lambda: core_with(hold=False)}
MOTION = Gap("motion", 2.0, 4.0)
HEART = Gap("heart", 10.0, 5.0)


def test_each_policy_gets_the_error_it_must_have() -> None:
    hold, zero = missing_modality(tape(60), POLICIES, name="still", gaps=[MOTION], spans=3)
    assert (hold.policy, zero.policy, hold.modality) == ("hold", "zero-fill", "motion")
    assert hold.raw_absent == pytest.approx(0.0, abs=1e-12)
    assert hold.sent_absent is not None
    assert zero.sent_absent is not None
    assert zero.raw_absent == pytest.approx(0.25)
    assert hold.sent_absent < 0.01 < zero.sent_absent < 0.25  # the guards smooth both
    assert zero.raw_span is not None
    assert 0.15 < zero.raw_span < 0.25  # the first 0.3 s are not masked yet


def test_masked_time_begins_when_the_modality_is_called_missing() -> None:
    results = missing_modality(tape(60), {"hold": POLICIES["hold"]}, name="still", gaps=[MOTION, HEART], spans=2)
    motion, heart = results
    assert (motion.spans, heart.spans) == (2, 2)
    assert motion.absent_s == pytest.approx(2 * (2.0 - 0.3), abs=0.1)
    assert 0 < heart.absent_s < 2 * (10.0 - 8.0) + 2.0  # the last packet may be 1 s old already


def test_a_modality_that_was_never_there_has_no_numbers() -> None:
    (result,) = missing_modality(
        tape(40, heart=False), {"hold": POLICIES["hold"]}, name="no heart", gaps=[HEART], spans=1
    )
    assert result.spans == 1
    assert (result.absent_s, result.raw_absent, result.sent_span) == (0.0, None, None)
    assert " - " in table([result])


def test_a_take_too_short_for_a_gap_says_so() -> None:
    (result,) = missing_modality(tape(10), {"hold": POLICIES["hold"]}, name="short", gaps=[HEART])
    assert (result.spans, result.raw_span) == (0, None)


@pytest.mark.parametrize("gap", GAPS, ids=lambda gap: f"{gap.modality} {gap.length_s:g}")
@pytest.mark.parametrize("seed", range(5))
def test_gaps_are_spread_over_the_take_and_keep_apart(gap: Gap, seed: int) -> None:
    spans = place(gap, 900.0, spans=6, seed=seed)
    assert len(spans) == 6
    assert spans == place(gap, 900.0, spans=6, seed=seed)
    assert spans != place(gap, 900.0, spans=6, seed=seed + 1)
    assert spans[0][0] >= SETTLE_S + gap.apart_s
    assert spans[-1][1] <= 900.0
    for begin, end in spans:
        assert end - begin == pytest.approx(gap.length_s)
    for (_, end), (begin, _) in pairwise(spans):
        assert begin - end >= gap.apart_s - 1e-9
    assert all(part * 149 < begin + gap.length_s for part, (begin, _) in enumerate(spans))


def test_a_short_take_gets_fewer_gaps() -> None:
    assert len(place(GAPS[0], 25.0, spans=6, seed=0)) == 2
    assert place(GAPS[2], 25.0, spans=6, seed=0) == ()
