"""From positions to bridges: in range, changes at once, no more often than allowed, refreshed, neutral at the end."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.controller import Controller, ControlPath
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket, Frame, Step, TempoPacket
from choreo_service.protocols import ControlWire, Sent
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

PERIOD = 20 * MS


class Bridge:
    """Remembers what it was sent; fails on demand."""

    def __init__(self) -> None:
        self.log: list[tuple[int, dict[str, float]]] = []
        self.broken = False
        self.panics = 0

    async def run(self) -> None:
        """Nothing to open."""

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        if self.broken:
            raise OSError("unplugged")
        sent = tuple((n, control.value(n)) for n in names)
        self.log.append((control.t_ns // PERIOD, dict(sent)))
        return sent

    def panic(self) -> None:
        self.panics += 1
        if self.broken:
            raise OSError("unplugged")


def path(name: str, **changes: object) -> ControlPath:
    wire = ControlWire(name, lo=0.0, hi=10.0, cc=20, channel=1, neutral=5.0, safe=0.0)
    basic = ControlPath(
        wire,
        "linear",
        invert=False,
        clamp=(0.0, 1.0),
        ease_curve="linear",
        ease_s=0.0,
        throttle_ns=PERIOD,
        threshold=0.01,
    )
    return replace(basic, **changes)  # type: ignore[arg-type]


def controller(**changes: object) -> tuple[Controller, Bridge]:
    made = Controller({n: path(n, **changes) for n in CONTROL_NAMES}, performers=1, period_ns=PERIOD, refresh_s=1.0)
    bridge = Bridge()
    made.attach("bridge", bridge)  # type: ignore[arg-type]
    return made, bridge


def step(k: int, position: float, dk: int = 1) -> Step:
    z = np.zeros((1, 6), np.float32)
    frame = Frame(k, dk, k * PERIOD, z, z[:, :2], z[:, :2], z[:, :1], np.zeros((1, 4), np.uint8), z[:, :4])
    values = np.full((1, 5), position, np.float32)
    return Step(frame, None, values, values, held=False, mapper="rules")


def test_the_first_offer_sends_everything_and_a_resting_value_nothing_more() -> None:
    made, bridge = controller()
    for k in range(1, 40):
        made.offer(step(k, 0.25))
    assert bridge.log == [(1, dict.fromkeys(CONTROL_NAMES, 2.5))]


def test_a_change_goes_out_on_the_next_tick_unless_it_is_too_small() -> None:
    made, bridge = controller()
    for k, position in enumerate((0.25, 0.255, 0.27), start=1):
        made.offer(step(k, position))
    assert [k for k, _ in bridge.log] == [1, 3]


def test_changes_keep_the_throttle_but_a_refresh_does_not_delay_a_change() -> None:
    made, bridge = controller(throttle_ns=50 * MS)
    for k in range(1, 11):
        made.offer(step(k, k / 10))
    assert [k for k, _ in bridge.log] == [1, 4, 7, 10]
    refreshed, later = controller(throttle_ns=50 * MS)
    for k in range(1, 53):
        refreshed.offer(step(k, 0.5 if k < 52 else 0.6))
    assert [k for k, _ in later.log] == [1, 51, 52]


def test_every_value_is_repeated_each_refresh_and_on_resend() -> None:
    made, bridge = controller()
    for k in range(1, 152):
        made.offer(step(k, 0.5))
    assert [k for k, _ in bridge.log] == [1, 51, 101, 151]
    made.resend()
    made.offer(step(152, 0.5))
    assert bridge.log[-1] == (152, dict.fromkeys(CONTROL_NAMES, 5.0))


@pytest.mark.parametrize(
    ("changes", "position", "value"),
    [
        ({}, 0.3, 3.0),
        ({"invert": True}, 0.3, 7.0),
        ({"clamp": (0.4, 0.6)}, 0.3, 4.0),
        ({"transfer": "s-curve"}, 0.25, 1.5625),
        ({"transfer": "s-curve", "invert": True, "clamp": (0.0, 0.8)}, 0.25, 8.0),
    ],
)
def test_position_becomes_value(changes: dict, position: float, value: float) -> None:
    made, bridge = controller(**changes)
    made.offer(step(1, position))
    assert bridge.log[0][1]["density"] == pytest.approx(value)


def test_easing_walks_to_the_target_and_a_skip_catches_up() -> None:
    made, bridge = controller(ease_s=0.1)
    made.offer(step(1, 0.0))
    made.offer(step(2, 1.0))
    made.offer(step(5, 1.0, dk=3))
    assert [v["density"] for _, v in bridge.log] == pytest.approx([0.0, 2.0, 8.0])


def test_a_broken_bridge_disturbs_nobody_and_is_counted() -> None:
    made, good = controller()
    bad = Bridge()
    bad.broken = True
    made.attach("bad", bad)  # type: ignore[arg-type]
    for k in range(1, 4):
        made.offer(step(k, k / 10))
    assert len(good.log) == 3
    assert made.bridge_errors == {"bad": 3}
    assert made.bridge_faults == {"bad": "OSError: unplugged"}
    made.panic_now()
    assert (good.panics, bad.panics) == (1, 1)


def test_a_bridge_that_comes_back_gets_everything_again() -> None:
    made, bridge = controller()
    made.offer(step(1, 0.5))
    made.detach("bridge")
    made.offer(step(2, 0.6))
    made.attach("bridge", bridge)  # type: ignore[arg-type]
    made.offer(step(3, 0.6))
    assert [(k, len(v)) for k, v in bridge.log] == [(1, 5), (3, 5)]


def test_the_end_eases_to_exactly_neutral() -> None:
    made, bridge = controller(throttle_ns=50 * MS, threshold=0.5)
    made.offer(step(1, 1.0))
    clock = VirtualClock(start_ns=PERIOD)
    run_virtual(clock, made.ease_to_neutral(clock, seconds=0.5))
    values = [v["density"] for _, v in bridge.log if "density" in v]
    assert values[0] == 10.0
    assert values[-1] == 5.0
    assert values == sorted(values, reverse=True)
    assert clock.now_ns() == PERIOD + NS // 2


def test_what_was_really_sent_is_told() -> None:
    made, _ = controller()
    told: list[tuple[str, int, Sent]] = []
    made.on_sent.append(lambda name, packet, sent: told.append((name, packet.k, sent)))
    made.offer(step(1, 0.5))
    assert told == [("bridge", 1, tuple((n, 5.0) for n in CONTROL_NAMES))]


def test_what_a_bridge_sends_unasked_is_told_with_the_tick_before() -> None:
    made = Controller({n: path(n) for n in CONTROL_NAMES}, performers=2, period_ns=PERIOD, refresh_s=1.0)
    bridge = RecordingBridge(RecordingConfig(), {n: path(n).wire for n in CONTROL_NAMES}, VirtualClock())
    made.attach("bridge", bridge)
    told: list[tuple[str, int, int, int, Sent]] = []
    made.on_sent.append(lambda name, packet, sent: told.append((name, packet.k, packet.t_ns, packet.performer, sent)))
    made.offer(replace(step(7, 0.5), controls=np.full((2, 5), 0.5, np.float32)))
    told.clear()
    before = made.sent
    made.panic_now()
    safe = tuple((name, 0.0) for name in CONTROL_NAMES)
    assert told == [("bridge", 7, 7 * PERIOD, performer, safe) for performer in (0, 1)]
    bridge.send_unasked(1, (("density", 2.5),))
    assert told[2:] == [("bridge", 7, 7 * PERIOD, 1, (("density", 2.5),))]
    assert made.sent == before + 11
    for nobody in (-1, 2, 300):
        bridge.send_unasked(nobody, (("density", 2.5),))
    bridge.send_unasked(0, ())
    assert len(told) == 3


def test_an_accent_is_told_by_whoever_played_it_with_its_own_time() -> None:
    class Deaf(Bridge):
        def accent(self, accent: Accent) -> bool:
            if self.broken:
                raise OSError("unplugged")
            return False

    made, _ = controller()
    played, deaf, broken = RecordingBridge(RecordingConfig(), {}, VirtualClock()), Deaf(), Deaf()
    broken.broken = True
    for name, bridge in {"broken": broken, "played": played, "deaf": deaf}.items():
        made.attach(name, bridge)  # type: ignore[arg-type]
    made.offer(step(7, 0.5))
    told: list[tuple[str, int, int, Sent]] = []
    made.on_sent.append(lambda name, packet, sent: told.append((name, packet.k, packet.t_ns, sent)))
    made.accent(Accent(0, seq=3, t_ns=7 * PERIOD + 5, rx_ns=0, strength=0.75))
    assert told == [("played", 7, 7 * PERIOD + 5, (("accent", 0.75),))]


def test_bridges_that_keep_time_are_told_on_every_tick_while_attached() -> None:
    class Clock(Bridge):
        def __init__(self) -> None:
            super().__init__()
            self.told: list[TempoPacket] = []

        def keep_time(self, tempo: TempoPacket) -> None:
            if self.broken:
                raise OSError("unplugged")
            self.told.append(tempo)

    made, _ = controller()
    clock, bad = Clock(), Clock()
    bad.broken = True
    made.attach("bad", bad)  # type: ignore[arg-type]
    made.attach("clock", clock)  # type: ignore[arg-type]
    tempi = [TempoPacket(k * PERIOD, 120.0, k * 0.04, "self", "self", "own", None) for k in range(1, 4)]
    for tempo in tempi:
        made.offer(replace(step(tempo.t_ns // PERIOD, 0.5), tempo=tempo))
    made.detach("clock")
    made.offer(replace(step(4, 0.5), tempo=tempi[0]))
    assert clock.told == tempi
    assert made.bridge_errors["bad"] >= 4
