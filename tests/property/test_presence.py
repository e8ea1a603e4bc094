"""The state machine of a sensor that falls silent and returns: by the times of the table, whoever asks and when."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_service.clock import MS, NS
from choreo_service.packets import MODALITIES, MODALITY_NAMES, ModalityState
from choreo_service.presence import Presence

LIVE, HELD, RECOVERING, MISSING = ModalityState
TABLE = list(MODALITIES.values())
SENSORS = [i for i, m in enumerate(TABLE) if not m.free_running]
MOTION, HEART, BEAT, CONTEXT = range(4)

# Gaps around every threshold of the table, in ms; the same instant twice is one of them.
GAPS = sorted(
    {round(1e3 * s) + d for m in TABLE[:2] for s in (m.hold_after_s, m.missing_after_s) for d in (-1, 0, 1)}
    | {0, 1, 10, 40, 99, 250, 900, 1000, 2000, 4000, 9000}
)
heard = st.lists(st.tuples(st.sampled_from(GAPS), st.integers(0, 1), st.integers(0, 3)), max_size=60)
Heard = list[tuple[int, int, int]]


def play(samples: Heard, presence: Presence, start_ms: int = 1000) -> int:
    """(gap ms, performer, modality) one after the other; the time (ms) at the end."""
    now = start_ms
    for gap, performer, modality in samples:
        now += gap
        presence.hear(performer, modality, now * MS)
    return now


def states(presence: Presence, ms: int) -> list[list[int]]:
    return presence.at(ms * MS)[0].tolist()


class Model:
    """One modality, written down as the table of the state machine is, sample by sample and time by time."""

    def __init__(self, modality: int) -> None:
        self.row = TABLE[modality]
        self.believed = self.row.free_running
        self.last, self.tries = -math.inf, list[float]()

    def hear(self, ms: float) -> None:
        if ms <= self.last:
            return
        if self.believed and self.lost(ms):
            self.believed = False
        self.last = ms
        if not self.believed:
            self.tries = [t for t in [*self.tries, ms] if ms - t <= 1e3 * self.row.recover_within_s]
            if len(self.tries) >= self.row.recover_samples:
                self.believed, self.tries = True, []

    def lost(self, ms: float) -> bool:
        return not self.row.free_running and ms - self.last > 1e3 * self.row.missing_after_s

    def state(self, ms: float) -> ModalityState:
        fresh = ms - self.last <= 1e3 * self.row.hold_after_s
        if self.believed and not self.lost(ms):
            return LIVE if fresh else HELD
        return RECOVERING if fresh else MISSING


@given(heard, st.sampled_from(GAPS))
@settings(max_examples=300)
def test_it_is_the_state_machine_of_the_table(samples: Heard, later: int) -> None:
    presence, models = Presence(2), [[Model(i) for i in range(4)] for _ in range(2)]
    now = 1000
    for gap, performer, modality in samples:
        now += gap
        assert states(presence, now) == [[m.state(now) for m in row] for row in models]
        presence.hear(performer, modality, now * MS)
        models[performer][modality].hear(now)
        assert states(presence, now) == [[m.state(now) for m in row] for row in models]
    assert states(presence, now + later) == [[m.state(now + later) for m in row] for row in models]


@given(heard, st.lists(st.integers(0, 30_000), max_size=20), st.sampled_from(GAPS))
def test_who_asks_and_when_changes_nothing(samples: Heard, asked: list[int], later: int) -> None:
    alone, watched = Presence(2), Presence(2)
    end = play(samples, alone)
    now = 1000
    for gap, performer, modality in samples:
        now += gap
        for ms in asked:
            watched.at(ms * MS)
        watched.hear(performer, modality, now * MS)
    assert states(alone, end + later) == states(watched, end + later)


@given(heard, st.sampled_from(GAPS))
def test_the_ages_are_those_of_the_last_sample_and_bound_the_states(samples: Heard, later: int) -> None:
    presence, last = Presence(2), np.full((2, 4), -np.inf)
    now = play(samples, presence)
    at = 1000
    for gap, performer, modality in samples:
        at += gap
        last[performer, modality] = at
    found, age_s = presence.at((now + later) * MS)
    np.testing.assert_allclose(age_s, (now + later - last) / 1e3, rtol=1e-6)
    for modality in SENSORS:
        row = TABLE[modality]
        for state, age in zip(found[:, modality], age_s[:, modality], strict=True):
            if state in (LIVE, RECOVERING):
                assert age <= row.hold_after_s + 1e-6
            if state == HELD:
                assert row.hold_after_s < age <= row.missing_after_s + 1e-6
    assert (found[:, BEAT] <= HELD).all()  # a clock of our own is never missing


@given(heard, heard)
def test_a_saved_state_goes_on_as_if_nothing_had_happened(before: Heard, after: Heard) -> None:
    first, second = Presence(2), Presence(2)
    now = play(before, first)
    saved = json.loads(json.dumps(first.state(), default=lambda array: array.tolist()))
    second.load_state(saved)
    ends = [play(after, presence, now) for presence in (first, second)]
    assert states(first, ends[0]) == states(second, ends[1])


@given(heard)
def test_reset_forgets_everything(samples: Heard) -> None:
    presence = Presence(2)
    now = play(samples, presence)
    presence.reset()
    assert states(presence, now) == states(Presence(2), now)


@pytest.mark.parametrize(
    ("modality", "sample_s", "expected"),
    [
        ("motion", [0.0, 0.01, 0.02, 0.03], RECOVERING),
        ("motion", [0.0, 0.01, 0.02, 0.03, 0.04], LIVE),
        ("motion", [0.0, 0.2, 0.4, 0.6, 0.8], LIVE),  # a slow phone comes back too
        ("motion", [0.0, 0.3, 0.6, 0.9, 1.2], RECOVERING),
        ("motion", [0.0, 0.0, 0.0, 0.0, 0.0], RECOVERING),  # a burst of one instant is one sample
        ("heart", [0.0, 1.0], RECOVERING),
        ("heart", [0.0, 1.0, 2.0], LIVE),
        ("heart", [0.0, 2.5, 5.0], LIVE),
        ("heart", [0.0, 3.0, 6.0], RECOVERING),
        ("context", [0.0], LIVE),
    ],
)
def test_a_lost_modality_is_believed_again_after_its_samples_in_its_time(
    modality: str, sample_s: Sequence[float], expected: ModalityState
) -> None:
    presence, column = Presence(1), MODALITY_NAMES.index(modality)
    for second in sample_s:
        t_ns = 9 * NS + round(second * NS)
        presence.hear(0, column, t_ns)
    assert presence.at(t_ns)[0][0, column] == expected
