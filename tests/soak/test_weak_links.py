"""A show on bad radio: the heart lost in every way, the phone on weak Wi-Fi. Nothing that is sent is wrong, no tick is
late for it, and no hand-over to what M1 reconstructs, or back, is a jump.

`make soak` plays CHOREO_SOAK_MINUTES of virtual time with 20 losses of the heart in half an hour, the normal tests
three minutes. With -s the tables are printed.
"""

from __future__ import annotations

import gc
import os
import random
import time
import types
from collections import Counter
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pytest
from hand_overs import PERIOD_NS, HandOver, Seen, hand_overs, table, worst
from shows import make_service
from trained_pair import trained_pair
from weak_links import GAP_S, OUTAGE_S, Phone, Span, Strap, spans

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_models.inference import make_players
from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.engine import Engine
from choreo_service.packets import CONTROLS, Step
from choreo_service.protocols import Models
from choreo_service.service.show import Service
from choreo_service.ticker import Tick

pytestmark = pytest.mark.usefixtures("no_log")

MINUTES: Final = float(os.environ.get("CHOREO_SOAK_MINUTES", "3"))
SEED: Final = 7
BLACKOUT: Final = Span(32.0, 62.0, "bluetoothd")  # everything at once, long enough for the controls to come to rest


class Metered:
    """An adapter whose stretches of work between two waits are measured, in processor time."""

    def __init__(self, adapter: Any) -> None:
        self.adapter = adapter
        self.long = 0  # stretches of more than half a slot: each would have made a tick late

    def run(self) -> Generator[Any, Any, None]:
        return self._measured(self.adapter.run())

    @types.coroutine
    def _measured(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        resume: Callable[[], Any] = lambda: work.send(None)  # noqa: E731
        while True:
            began_ns = time.thread_time_ns()
            try:
                waits_for = resume()
            except StopIteration:
                return
            finally:
                self.long += time.thread_time_ns() - began_ns > PERIOD_NS / 2
            try:
                value = yield waits_for
            except BaseException as error:
                resume = partial(work.throw, error)
            else:
                resume = partial(work.send, value)


@dataclass(frozen=True)
class Show:
    """One show that has been played."""

    seen: Seen
    service: Service
    phone: Phone
    strap: Strap
    losses: list[Span]
    late: int

    def check(self) -> None:
        """AssertionError names what went wrong."""
        assert self.seen.not_finite == 0, f"{self.seen.not_finite} values are not finite"
        assert self.seen.out_of_range == 0, f"{self.seen.out_of_range} values are out of range"
        assert self.late == 0, f"{self.late} ticks late"

    def text(self) -> str:
        kinds = Counter(loss.kind for loss in self.losses)
        return (
            f"{self.service.telemetry.text()}\nheart lost {len(self.losses)} times {dict(kinds)} and in the blackout, "
            f"{self.strap.attempts} attempts to connect; datagrams lost {self.phone.wifi.lost}, overtaken "
            f"{self.phone.wifi.overtaken}\nnot finite {self.seen.not_finite}, out of range {self.seen.out_of_range}, "
            f"late ticks {self.late}"
        )


def play(minutes: float, models: Models | None, make_strap: Callable[..., Strap] = Strap) -> Show:
    rng, length_s, clock = random.Random(SEED), 60.0 * minutes, VirtualClock()
    losses = spans(rng, length_s, min(90.0, max(30.0, length_s / 6.0)), 13.0, 18.0)
    gaps, outages = spans(rng, length_s, 7.0, GAP_S, GAP_S), spans(rng, length_s, 45.0, OUTAGE_S, OUTAGE_S)
    sensors = {
        "phone": lambda emit, c: Metered(Phone(emit, c, rng, gaps, [*outages, BLACKOUT])),
        "strap": lambda emit, c: Metered(make_strap(emit, c, rng, [*losses, BLACKOUT])),
    }
    null = {"null": lambda wires, c: NullBridge(NullConfig(), wires, c)}
    service, seen = make_service(clock, sensors, null, models=models), Seen()
    service.listeners.append(seen)
    gc.disable()  # a collection in the middle of an adapter's work would be taken for its own
    try:
        run_virtual(clock, service.run(length_s))
    finally:
        gc.enable()
    phone, strap = (service.sensors[name] for name in sensors)
    assert isinstance(phone, Metered)
    assert isinstance(strap, Metered)
    return Show(seen, service, phone.adapter, strap.adapter, losses, seen.late + phone.long + strap.long)


def shipped() -> Models:
    players = make_players(trained_pair(), performers=1, period_s=PERIOD_NS / NS)
    return Models(players.name, players.coherence, players.normaliser, players.mapper)


def at_once() -> Models:
    """Models whose hand-overs are cuts."""
    models = shipped()
    models.coherence._blend_steps[:] = 1.0  # type: ignore[attr-defined]
    return models


def rules() -> None:
    """No models: the rule mapper plays."""


def found_in(show: Show, models: Callable[[], Models | None]) -> list[HandOver]:
    return hand_overs(show.seen, lambda: Engine(performers=1, period_ns=PERIOD_NS, models=models()))


@pytest.mark.parametrize("models", [shipped, rules])
def test_a_show_on_bad_radio_plays_on_and_no_hand_over_is_a_jump(models: Callable[[], Models | None]) -> None:
    show = play(MINUTES, models())
    found = found_in(show, models)
    print(f"\n{models.__name__}, {MINUTES:g} min\n{show.text()}\n{table(found)}")
    show.check()
    assert {(one.modality, one.way) for one in found} == {(m, w) for m in ("motion", "heart") for w in ("lost", "back")}
    assert sum(one.modality == "heart" and one.way == "lost" for one in found) >= len(show.losses)
    assert worst(found) <= 1.0
    assert max(one.sent.max() for one in found) <= 1.0 + 1e-5  # float32


def test_when_everything_is_lost_the_controls_come_to_rest_at_neutral_and_back() -> None:
    show = play(1.5, shipped())
    begin_s = show.seen.frames[0].t_ns / NS
    at_s = np.array([frame.t_ns / NS - begin_s for frame in show.seen.frames])
    controls = np.stack(show.seen.controls)
    # The heart is missing 8 s into the blackout; 3 s later the controls leave, 4 s later they are there.
    resting = (at_s > BLACKOUT.begin + 8 + 3 + 4 + 2.5) & (at_s < BLACKOUT.end)
    neutral = [c.neutral for c in CONTROLS.values()]
    np.testing.assert_allclose(controls[resting], np.tile(neutral, (resting.sum(), 1)), atol=2e-3)
    assert np.ptp(controls[at_s > BLACKOUT.end + 5], axis=0).min() > 0.05
    show.check()


def test_a_hand_over_at_once_is_seen() -> None:
    assert worst(found_in(play(1.0, at_once()), at_once)) > 1.0


class Blocking(Strap):
    """Its library blocks the loop now and then, as D-Bus can."""

    def _tell(self, t_s: float) -> None:
        super()._tell(t_s)
        self._clock.advance(3 * PERIOD_NS // 2)  # type: ignore[attr-defined]


def test_an_adapter_that_blocks_is_seen() -> None:
    with pytest.raises(AssertionError, match="ticks late"):
        play(0.5, None, Blocking).check()


class Busy(Strap):
    """It computes for as long as a slot."""

    def _tell(self, t_s: float) -> None:
        super()._tell(t_s)
        until = time.thread_time_ns() + PERIOD_NS
        while time.thread_time_ns() < until:
            pass


def test_an_adapter_that_computes_for_long_is_seen() -> None:
    with pytest.raises(AssertionError, match="ticks late"):
        play(0.5, None, Busy).check()


@pytest.mark.parametrize(("value", "said"), [(np.nan, "not finite"), (1.2, "out of range")])
def test_a_wrong_value_is_seen(value: float, said: str) -> None:
    show = play(0.2, None)
    step = Step(show.seen.frames[0], None, np.full((1, 5), 0.5), np.full((1, 5), value), held=False, mapper="rules")
    show.seen(Tick(1, 1, 0, 0), (), step)
    with pytest.raises(AssertionError, match=said):
        show.check()
