"""What the service relies on in every bridge."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from choreo_service.clock import MS, MonotonicClock, work_ns
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket, TempoPacket
from choreo_service.protocols import ControlWire, KeepsTime, PlaysAccents, SendsUnasked, Sent
from choreo_service.testing.bridges import sample_wires
from choreo_service.testing.conformance import common
from choreo_service.testing.conformance.stage import STALL_S, Act, perform, reconnect, require, run_loop

STEPS: Final = 20  # positions tried across each range
FLOOD: Final = 500  # sends without a pause, ten seconds of a show


@dataclass(frozen=True)
class BridgeCase:
    """A bridge class, the configuration to check it with, how long it may take to open, and how its device is lost."""

    cls: Any
    config: Mapping[str, Any] = field(default_factory=dict)
    controls: Mapping[str, ControlWire] = field(default_factory=sample_wires)
    settle_s: float = 0.2
    lose: Act | None = None  # called with the running bridge: take its device away; None where none can be lost

    def fresh(self) -> Any:
        """A bridge that has never run."""
        return self.cls(self.cls.Config.model_validate(self.config), self.controls, MonotonicClock())

    def play(self, act: Callable[[Any], None]) -> None:
        """Build, run, wait `settle_s`, act, stop."""
        self.play_on(self.fresh(), act)

    def play_on(self, bridge: Any, act: Callable[[Any], None]) -> None:
        async def settled(bridge: Any) -> None:
            await asyncio.sleep(self.settle_s)
            act(bridge)

        run_loop(perform(bridge, settled))

    async def act(self, bridge: Any) -> None:
        """What happens while the bridge runs."""
        await asyncio.sleep(self.settle_s)
        _send_everything(bridge, self)


def check_bridge(
    cls: Any, config: Mapping[str, Any] | None = None, *, settle_s: float = 0.2, lose: Act | None = None
) -> None:
    """Check every promise; ConformanceError names the first one broken. Takes seconds, on event loops of its own."""
    case = BridgeCase(cls, config or {}, settle_s=settle_s, lose=lose)
    for promise in BRIDGE_PROMISES.values():
        promise(case)


def _sends_at_any_time(case: BridgeCase) -> None:
    _at_any_time(case, lambda bridge: _send_everything(bridge, case))


def _sending_never_blocks(case: BridgeCase) -> None:
    def flood(bridge: Any) -> None:
        packets = list(_packets(case))
        for i in range(FLOOD):
            before_ns = work_ns()
            bridge.send(packets[i % len(packets)], CONTROL_NAMES)
            took_s = (work_ns() - before_ns) / 1e9
            require(took_s < STALL_S, f"send() took {took_s:.2f} s; it must hand over and return")

    case.play(flood)


def _says_what_was_sent(case: BridgeCase) -> None:
    def act(bridge: Any) -> None:
        for packet in _packets(case):
            for asked in (CONTROL_NAMES, CONTROL_NAMES[1:3], ()):
                names = [name for name, _ in bridge.send(packet, asked)]
                require(set(names) <= set(asked), f"asked to send {asked}, send() reports {names}")
                require(len(names) == len(set(names)), f"send() reports a control twice: {names}")

    case.play(act)


def _tells_what_it_sends_unasked(case: BridgeCase) -> None:
    """Only of a bridge that has report_to(): what a panic puts on the wire, before it has opened, while it runs and
    after its end."""
    told: list[tuple[int, Sent]] = []

    def act(running: Any) -> None:
        running.report_to(lambda performer, sent: told.append((performer, sent)))
        _send_everything(running, case)
        running.panic()
        for performer, sent in told:
            require(performer >= 0, f"report_to() was told of performer {performer}; they count from 0")
            for name, value in sent:
                require(name in CONTROL_NAMES, f"report_to() was told of an unknown control {name!r}")
                require(math.isfinite(value), f"report_to() was told of {name} = {value}")

    if isinstance(case.fresh(), SendsUnasked):
        _at_any_time(case, act)


def _nothing_infinite_goes_out(case: BridgeCase) -> None:
    def act(bridge: Any) -> None:
        for bad in (math.nan, math.inf, -math.inf):
            sent = bridge.send(ControlPacket(0, 0, 0, bad, bad, bad, bad, bad), CONTROL_NAMES)
            require(not sent, f"send() put {bad} on the wire: {sent}")

    case.play(act)


def _plays_accents_at_any_time(case: BridgeCase) -> None:
    """Only of a bridge that has accent(): before it has opened, flooded, with nonsense, after its end."""

    def act(running: Any) -> None:
        for i in range(FLOOD):
            before_ns = work_ns()
            played = running.accent(_accent(i % 20, strength=(i % 101) / 100))
            took_s = (work_ns() - before_ns) / 1e9
            require(took_s < STALL_S, f"accent() took {took_s:.2f} s; it must hand over and return")
            require(isinstance(played, bool), f"accent() tells whether it is on its way, True or False, not {played!r}")
        for bad in (math.nan, math.inf, -math.inf):
            require(not running.accent(_accent(0, strength=bad)), f"accent() put strength {bad} on the wire")

    if isinstance(case.fresh(), PlaysAccents):
        _at_any_time(case, act)


def _panics_any_number_of_times(case: BridgeCase) -> None:
    def act(bridge: Any) -> None:
        bridge.panic()
        bridge.panic()

    _at_any_time(case, act)


def _health_is_plain(case: BridgeCase) -> None:
    _at_any_time(case, common.check_health)


def _keeps_time_at_any_time(case: BridgeCase) -> None:
    def act(bridge: Any) -> None:
        if isinstance(bridge, KeepsTime):
            for k in range(STEPS):
                bridge.keep_time(TempoPacket(k * 20 * MS, 120.0, k * 0.04 % 4.0, "self", "self", "own", None))

    _at_any_time(case, act)


def _holds_nothing_more_over_reconnects(case: BridgeCase) -> None:
    async def brief(bridge: Any) -> None:
        await asyncio.sleep(case.settle_s / 4)
        _send_everything(bridge, case)

    reconnect(case.fresh(), brief)


BRIDGE_PROMISES: Final[Mapping[str, Callable[[BridgeCase], None]]] = {
    "config-is-strict": common.config_is_strict,
    "sends-at-any-time": _sends_at_any_time,
    "sending-never-blocks": _sending_never_blocks,
    "says-what-was-sent": _says_what_was_sent,
    "tells-what-it-sends-unasked": _tells_what_it_sends_unasked,
    "nothing-infinite-goes-out": _nothing_infinite_goes_out,
    "plays-accents-at-any-time": _plays_accents_at_any_time,
    "panics-any-number-of-times": _panics_any_number_of_times,
    "health-is-plain": _health_is_plain,
    "keeps-time-at-any-time": _keeps_time_at_any_time,
    "runs-again": common.runs_again,
    "stops-before-it-has-opened": common.stops_before_it_has_opened,
    "leaves-nothing-behind": common.leaves_nothing_behind,
    "holds-nothing-more-over-reconnects": _holds_nothing_more_over_reconnects,
    "raises-when-lost": common.raises_when_lost,
}


def _at_any_time(case: BridgeCase, act: Callable[[Any], None]) -> None:
    """Before the bridge has run, while it does and after its end."""
    bridge = case.fresh()
    act(bridge)
    case.play_on(bridge, act)
    act(bridge)


def _send_everything(bridge: Any, case: BridgeCase) -> None:
    for packet in _packets(case):
        for name, value in bridge.send(packet, CONTROL_NAMES):
            require(name in CONTROL_NAMES, f"send() reports an unknown control {name!r}")
            require(math.isfinite(value), f"send() reports {name} = {value}")


def _accent(performer: int, strength: float) -> Accent:
    return Accent(performer, seq=0, t_ns=0, rx_ns=0, strength=strength)


def _packets(case: BridgeCase) -> Iterator[ControlPacket]:
    """The whole range of every control, with its ends and a rounding error beyond them, for two performers."""
    beyond = 1e-9
    for performer in (0, 1):
        for step in range(STEPS + 1):
            position = -beyond + step / STEPS * (1 + 2 * beyond)
            wires = [case.controls[name] for name in CONTROL_NAMES]
            values = {wire.name: wire.lo + position * (wire.hi - wire.lo) for wire in wires}
            yield ControlPacket.from_dict({"k": step, "t_ns": step * 20 * MS, "performer": performer, **values})
