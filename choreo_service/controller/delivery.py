"""Brings packets, accents and the tempo to the attached bridges: each at its own pace, none in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from choreo_service.clock import Clock
from choreo_service.controller.outlet import Outlet, Pace
from choreo_service.controller.paths import ControlPath
from choreo_service.packets import ACCENT, Accent, ControlPacket, TempoPacket
from choreo_service.protocols import BridgeAdapter, KeepsTime, PlaysAccents, SendsUnasked, Sent

SentHook = Callable[[str, ControlPacket, Sent], None]  # bridge, the packet whose tick it belongs to, what went out


class Delivery:
    """Never raises for a bridge's sake: what one raises is counted, and the others get theirs."""

    def __init__(
        self,
        paths: Sequence[ControlPath],
        paces: Mapping[str, Pace],
        latest: Sequence[ControlPacket],
        *,
        period_ns: int,
        refresh_ns: int,
    ) -> None:
        """`latest` is each performer's newest packet at any time: what goes out between two ticks belongs to it."""
        self._paths, self._paces, self._latest = paths, dict(paces), latest
        self._period_ns, self._refresh_ns = period_ns, refresh_ns
        self.outlets: dict[str, Outlet] = {}
        self._clocks: dict[str, Callable[[TempoPacket], None]] = {}  # of the attached bridges that keep time
        self._accents: dict[str, Callable[[Accent], bool]] = {}  # of those that play accents
        self._owing = asyncio.Event()  # a delayed bridge has something in its line
        self.on_sent: list[SentHook] = []
        self.sent = 0  # controls, all bridges
        self.accents = 0  # accents that were on their way to at least one receiver
        self.errors: dict[str, int] = {}
        self.faults: dict[str, str] = {}  # what each bridge raised last; a well-behaved one never does

    def attach(self, name: str, bridge: BridgeAdapter) -> None:
        pace = self._paces.get(name, Pace())
        self.outlets[name] = Outlet(bridge, pace, self._paths, performers=len(self._latest), period_ns=self._period_ns)
        if isinstance(bridge, KeepsTime):
            self._clocks[name] = bridge.keep_time
        if isinstance(bridge, PlaysAccents):
            self._accents[name] = bridge.accent
        if isinstance(bridge, SendsUnasked):
            bridge.report_to(partial(self._note_unasked, name))

    def detach(self, name: str) -> None:
        self.outlets.pop(name, None)
        self._clocks.pop(name, None)
        self._accents.pop(name, None)

    def follow(self, paths: Sequence[ControlPath], refresh_ns: int, throttles: Mapping[str, int | None]) -> None:
        """Choose what is due by these from now on, and send everything anew; delays stay."""
        self._paths, self._refresh_ns = paths, refresh_ns
        for name, throttle_ns in throttles.items():
            self._paces[name] = replace(self._paces.get(name, Pace()), throttle_ns=throttle_ns)
        for name, outlet in self.outlets.items():
            outlet.follow(paths, self._paces.get(name, Pace()).throttle_ns)
        self.resend()

    @property
    def delayed(self) -> tuple[str, ...]:
        """The bridges that need a `pump`."""
        return tuple(name for name, pace in self._paces.items() if pace.delay_ns)

    def offer(self, packet: ControlPacket, positions: Sequence[float], silent: Collection[int]) -> None:
        """Send, or put in a delayed bridge's line, what is due of one performer; `silent` controls aren't."""
        for name, outlet in list(self.outlets.items()):
            names = outlet.due(packet.performer, positions, packet.t_ns, self._refresh_ns, silent)
            if not names:
                continue
            if outlet.pace.delay_ns:
                outlet.owe(packet, names)
                self._owing.set()
            else:
                self._deliver(name, packet, names)

    def resend(self) -> None:
        """Let every bridge get every control with the next offer, changed or not."""
        for outlet in self.outlets.values():
            outlet.forget()

    def forget(self, controls: Collection[int]) -> None:
        """Let every bridge get these with the next offer, whatever throttle and threshold say."""
        for outlet in self.outlets.values():
            outlet.forget(controls)

    def doubt(self, controls: Collection[int]) -> None:
        """These count as changed at the next offer; the throttle still holds."""
        for outlet in self.outlets.values():
            outlet.doubt(controls)

    def accent(self, accent: Accent) -> None:
        """At once, to delayed bridges too; no throttle, as the detector has a refractory time."""
        out = False
        for name, play in list(self._accents.items()):
            try:
                played = play(accent)
            except Exception as error:  # noqa: BLE001 - a bridge's bug must not disturb the sensor or the other bridges
                self._count_error(name, error)
                continue
            if played:
                out = True
                shown = replace(self._latest[accent.performer], t_ns=accent.t_ns)
                self._tell(name, shown, ((ACCENT, accent.strength),))
        self.accents += out

    def keep_time(self, tempo: TempoPacket) -> None:
        for name, keep in list(self._clocks.items()):
            try:
                keep(tempo)
            except Exception as error:  # noqa: BLE001 - a bridge's bug must not disturb the tick or the other bridges
                self._count_error(name, error)

    def panic(self) -> None:
        """Every bridge sends its safe values at once, and nothing older follows."""
        for name, outlet in list(self.outlets.items()):
            outlet.drop_owed()
            try:
                outlet.bridge.panic()
            except Exception as error:  # noqa: BLE001 - one bridge must not keep the others from panicking
                self._count_error(name, error)

    async def pump(self, clock: Clock, name: str) -> None:
        """Send what a delayed bridge is owed, each at its time; until cancelled. Needed by no other bridge."""
        while True:
            outlet = self.outlets.get(name)
            due_ns = None if outlet is None else outlet.next_due_ns
            if due_ns is None:
                self._owing.clear()
                await self._owing.wait()
            else:
                await clock.sleep_until(due_ns)
                self._pay(name, clock.now_ns())

    async def pay_all(self, clock: Clock) -> None:
        """Wait until every delayed bridge has got its last."""
        ends = [outlet.last_due_ns for outlet in self.outlets.values() if outlet.last_due_ns is not None]
        if ends:
            await clock.sleep_until(max(ends))
            for name in self.delayed:
                self._pay(name, clock.now_ns())

    def _pay(self, name: str, now_ns: int) -> None:
        outlet = self.outlets.get(name)
        for owed in outlet.take_due(now_ns) if outlet else ():
            self._deliver(name, owed.packet, owed.names)

    def _deliver(self, name: str, packet: ControlPacket, names: tuple[str, ...]) -> None:
        outlet = self.outlets[name]
        late = outlet.pace.delay_ns
        meant = replace(packet, t_ns=packet.t_ns + late) if late else packet  # bridges that schedule go by its time
        try:
            sent = outlet.bridge.send(meant, names)
        except Exception as error:  # noqa: BLE001 - a bridge's bug must not disturb the tick or the other bridges
            self._count_error(name, error)
            return
        self.sent += len(sent)
        self._tell(name, packet, sent)

    def _note_unasked(self, name: str, performer: int, sent: Sent) -> None:
        if sent and 0 <= performer < len(self._latest):
            self.sent += len(sent)
            self._tell(name, self._latest[performer], sent)

    def _tell(self, name: str, packet: ControlPacket, sent: Sent) -> None:
        for hook in self.on_sent:
            hook(name, packet, sent)

    def _count_error(self, name: str, error: Exception) -> None:
        self.faults[name] = f"{type(error).__name__}: {error}"
        self.errors[name] = self.errors.get(name, 0) + 1
