"""Fans the guarded controls out to the bridges, through scenes and the performer's hands."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from choreo_service.clock import NS, Clock
from choreo_service.commands import CommandError
from choreo_service.controller.hands import Hands, Latches
from choreo_service.controller.morph import Morph
from choreo_service.controller.outlet import Outlet, Pace
from choreo_service.controller.paths import ControlPath, Scene
from choreo_service.controller.takeover import Mode
from choreo_service.controller.wiring import Wiring
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket, Step, TempoPacket
from choreo_service.protocols import BridgeAdapter, ControlWire, Sent

HOME = "home"  # the scene that is the control map itself
CHANGE_S: Final = 2.0  # in which new paths take over from the old ones

SentHook = Callable[[str, ControlPacket, Sent], None]


@dataclass(frozen=True, slots=True)
class Manners:
    """How long the hands' changes take, and how a fader takes over."""

    ease_s: float = 0.5  # back to the body
    panic_s: float = 0.3  # to the safe values
    takeover: Mode = "pick-up"


class Controller:
    """Map, let hands and scenes have their way, throttle, send. Never blocks, never raises for a bridge's sake."""

    def __init__(
        self,
        paths: Mapping[str, ControlPath],
        *,
        performers: int,
        period_ns: int,
        refresh_s: float,
        manners: Manners = Manners(),
        scenes: Mapping[str, Scene] | None = None,
        paces: Mapping[str, Pace] | None = None,
        wires: MutableMapping[str, ControlWire] | None = None,
    ) -> None:
        """`wires` is what the bridges were built with, so that `change` reaches them too."""
        self._paths = [paths[name] for name in CONTROL_NAMES]
        self._wiring = Wiring({name: paths[name].wire for name in CONTROL_NAMES} if wires is None else wires)
        self._period_ns, self._performers = period_ns, performers
        self._refresh_ns = round(refresh_s * NS)
        home = Scene(self._paths, manners.ease_s)
        self._morph = Morph({HOME: home, **(scenes or {})}, HOME, performers=performers, period_ns=period_ns)
        self._hands = Hands(
            self._paths,
            performers=performers,
            ease_s=manners.ease_s,
            panic_s=manners.panic_s,
            takeover=manners.takeover,
        )
        self._paces = dict(paces or {})
        self._outlets: dict[str, Outlet] = {}
        self._clocks: dict[str, Callable[[TempoPacket], None]] = {}  # of the attached bridges that keep time
        self._accents: dict[str, Callable[[Accent], bool]] = {}  # of those that play accents
        self._owing = asyncio.Event()  # a delayed bridge has something in its line
        self.latest: list[ControlPacket] = [self._neutral(b, 0, 0) for b in range(performers)]
        self.on_sent: list[SentHook] = []
        self.sent = 0  # messages, all bridges
        self.accents = 0  # accents that were on their way to at least one receiver
        self.bridge_errors: dict[str, int] = {}
        self.bridge_faults: dict[str, str] = {}  # what each bridge raised last; a well-behaved one never does

    def attach(self, name: str, bridge: BridgeAdapter) -> None:
        """Start sending to a bridge; it gets every control with the next offer. Attaching again replaces it (a
        reconnect)."""
        pace = self._paces.get(name, Pace())
        self._outlets[name] = Outlet(bridge, pace, self._paths, performers=self._performers, period_ns=self._period_ns)
        if (keep_time := getattr(bridge, "keep_time", None)) is not None:
            self._clocks[name] = keep_time
        if (accent := getattr(bridge, "accent", None)) is not None:
            self._accents[name] = accent

    def change(
        self,
        paths: Mapping[str, ControlPath],
        *,
        refresh_s: float,
        manners: Manners,
        scenes: Mapping[str, Scene],
        throttles: Mapping[str, int | None],
    ) -> None:
        """Play by these from now on. Old and new cross-fade in CHANGE_S, ranges glide, hands keep what they hold, and
        every control is sent anew. `throttles` is each bridge's own, in ns; its delay stays.

        CommandError, and nothing changed, while too many scenes fade into each other.
        """
        chosen = [paths[name] for name in CONTROL_NAMES]
        self._morph.replace({HOME: Scene(chosen, manners.ease_s), **scenes}, HOME, CHANGE_S)
        self._paths, self._refresh_ns = chosen, round(refresh_s * NS)
        self._wiring.change({name: paths[name].wire for name in CONTROL_NAMES}, round(CHANGE_S * NS))
        self._hands.obey(
            chosen,
            ease_s=manners.ease_s,
            panic_s=manners.panic_s,
            takeover=manners.takeover,
            fade_s=CHANGE_S,
        )
        for name, throttle_ns in throttles.items():
            self._paces[name] = replace(self._paces.get(name, Pace()), throttle_ns=throttle_ns)
        for name, outlet in self._outlets.items():
            outlet.follow(chosen, self._paces.get(name, Pace()).throttle_ns)
        self.resend()

    def detach(self, name: str) -> None:
        self._outlets.pop(name, None)
        self._clocks.pop(name, None)
        self._accents.pop(name, None)

    def accent(self, accent: Accent) -> None:
        """Send an accent at once, to delayed bridges too; no throttle, as the detector has a refractory time. A panic
        silences accents."""
        out = False
        for name, play in [] if self._hands.latches().panic else list(self._accents.items()):
            try:
                out = play(accent) or out
            except Exception as error:  # noqa: BLE001 - a bridge's bug must not disturb the sensor or the other bridges
                self._count_error(name, error)
        self.accents += out

    def offer(self, step: Step) -> None:
        """Take one tick's controls and send what is due."""
        if step.tempo is not None:
            self._keep_time(step.tempo)
        frame = step.frame
        dt_ns = frame.dk * self._period_ns
        self._morph.advance(dt_ns)
        self._hands.advance(dt_ns)
        self._rewire(dt_ns)
        placed = [
            self._hands.step(performer, self._morph.step(performer, positions, frame.dk), dt_ns)
            for performer, positions in enumerate(step.controls.tolist())
        ]
        self._hands.settle()
        self._renew()
        for performer, positions in enumerate(placed):
            packet = self._packet(performer, positions, frame.k, frame.t_ns, step.held)
            self.latest[performer] = packet
            self._send(packet, positions)

    def resend(self) -> None:
        """Let every bridge get every control with the next offer, changed or not."""
        for outlet in self._outlets.values():
            outlet.forget()

    # What hands can do; each refuses by CommandError. Controls are named, positions are 0..1 of the wire's range.

    def panic(self) -> None:
        """Ramp to the safe values and stay there; asked again, be there at once, with all notes off."""
        if self._hands.panic():
            self.panic_now()

    def panic_now(self) -> None:
        """Every bridge sends its safe values at once, and nothing older follows."""
        self._hands.jump_safe()
        for name, outlet in list(self._outlets.items()):
            outlet.drop_owed()
            try:
                outlet.bridge.panic()
            except Exception as error:  # noqa: BLE001 - one bridge must not keep the others from panicking
                self._count_error(name, error)

    def resume(self) -> None:
        """Leave panic, freeze, hold, mute, manual and map: ease back to the body."""
        self._hands.resume()

    def freeze(self, on: bool | None = None) -> None:
        """Keep every control where it is; None turns it round."""
        self._hands.freeze(on)

    def hold(self, control: str, on: bool | None = None) -> None:
        self._hands.hold(_index(control), on)

    def mute(self, control: str, on: bool | None = None) -> None:
        self._hands.mute(_index(control), on)

    def manual(self, control: str, position: float | None) -> None:
        self._hands.manual(_index(control), position)

    def map(self, control: str | None, performer: int = 0) -> None:
        self._hands.map(None if control is None else _index(control), performer)

    def scene(self, name: str, morph_s: float | None = None) -> None:
        """Fade to a scene; HOME is the control map itself."""
        self._morph.change(name, morph_s)

    @property
    def playing(self) -> tuple[str, float]:
        """The scene, and the seconds until it plays alone."""
        return self._morph.scene, self._morph.left_s

    @property
    def scenes(self) -> tuple[str, ...]:
        """The scenes there are, HOME first."""
        return self._morph.names

    def latches(self) -> Latches:
        return self._hands.latches()

    async def pump(self, clock: Clock, name: str) -> None:
        """Send what a delayed bridge is owed, each at its time; until cancelled. Needed by no other bridge."""
        while True:
            outlet = self._outlets.get(name)
            due_ns = None if outlet is None else outlet.next_due_ns
            if due_ns is None:
                self._owing.clear()
                await self._owing.wait()
            else:
                await clock.sleep_until(due_ns)
                self._pay(name, clock.now_ns())

    @property
    def delayed(self) -> tuple[str, ...]:
        """The bridges that need a `pump`."""
        return tuple(name for name, pace in self._paces.items() if pace.delay_ns)

    async def ease_to_neutral(self, clock: Clock, seconds: float) -> None:
        """The last thing a show sends: a straight ramp from where the receivers are to neutral, on the tick grid, to
        muted controls and delayed bridges too. After a panic it leads to the safe values."""
        steps = max(1, round(seconds * NS / self._period_ns))
        begin_ns, start = clock.now_ns(), [self._left(packet) for packet in self.latest]
        panic = self._hands.latches().panic
        end = [path.wire.position(path.wire.safe if panic else path.wire.neutral) for path in self._paths]
        self._hands.leave()
        for i in range(1, steps + 1):
            t_ns = begin_ns + i * self._period_ns
            await clock.sleep_until(t_ns)
            self._rewire(self._period_ns)
            if i == steps:
                self._wiring.arrive()
                self.resend()  # throttle and threshold must not keep the end from arriving
            for performer, positions in enumerate(start):
                self._glide(performer, [a + i / steps * (b - a) for a, b in zip(positions, end, strict=True)], t_ns)
        await self._pay_all(clock)

    def _keep_time(self, tempo: TempoPacket) -> None:
        for name, keep in list(self._clocks.items()):
            try:
                keep(tempo)
            except Exception as error:  # noqa: BLE001 - a bridge's bug must not disturb the tick or the other bridges
                self._count_error(name, error)

    def _left(self, packet: ControlPacket) -> list[float]:
        """Where the receivers of one performer are."""
        values = zip(CONTROL_NAMES, packet.as_tuple(), strict=True)
        positions = [self._wiring.now[name].position(value) for name, value in values]
        for control, left_at in self._hands.muted.items():
            positions[control] = left_at[packet.performer]
        return positions

    def _glide(self, performer: int, positions: Sequence[float], t_ns: int) -> None:
        last = self.latest[performer]
        packet = self._packet(performer, positions, last.k + 1, t_ns, last.held)
        self.latest[performer] = packet
        self._send(packet, positions)

    async def _pay_all(self, clock: Clock) -> None:
        """Wait until every delayed bridge has got its last."""
        ends = [outlet.last_due_ns for outlet in self._outlets.values() if outlet.last_due_ns is not None]
        if ends:
            await clock.sleep_until(max(ends))
            for name in self.delayed:
                self._pay(name, clock.now_ns())

    def _packet(self, performer: int, positions: Sequence[float], k: int, t_ns: int, held: bool) -> ControlPacket:
        wires = (self._wiring.now[name] for name in CONTROL_NAMES)
        values = [w.lo + x * (w.hi - w.lo) for w, x in zip(wires, positions, strict=True)]
        return ControlPacket.of(k, t_ns, performer, values, held=held)

    def _send(self, packet: ControlPacket, positions: Sequence[float]) -> None:
        silent = self._silent(packet.performer)
        for name, outlet in list(self._outlets.items()):
            names = outlet.due(packet.performer, positions, packet.t_ns, self._refresh_ns, silent)
            if not names:
                continue
            if outlet.pace.delay_ns:
                outlet.owe(packet, names)
                self._owing.set()
            else:
                self._deliver(name, packet, names)

    def _silent(self, performer: int) -> Collection[int]:
        return {i for i in range(len(self._paths)) if self._hands.silent(performer, i)}

    def _pay(self, name: str, now_ns: int) -> None:
        outlet = self._outlets.get(name)
        for owed in outlet.take_due(now_ns) if outlet else ():
            self._deliver(name, owed.packet, owed.names)

    def _deliver(self, name: str, packet: ControlPacket, names: tuple[str, ...]) -> None:
        outlet = self._outlets[name]
        late = outlet.pace.delay_ns
        meant = replace(packet, t_ns=packet.t_ns + late) if late else packet  # bridges that schedule go by its time
        try:
            sent = outlet.bridge.send(meant, names)
        except Exception as error:  # noqa: BLE001 - a bridge's bug must not disturb the tick or the other bridges
            self._count_error(name, error)
            return
        self.sent += len(sent)
        for hook in self.on_sent:
            hook(name, packet, sent)

    def _renew(self) -> None:
        """Send anew what the hands say must arrive exactly."""
        if self._hands.stale:
            for outlet in self._outlets.values():
                outlet.forget(self._hands.stale)
            self._hands.stale.clear()

    def _rewire(self, dt_ns: int) -> None:
        """Let the ranges glide; what they move is due at the next chance, as if its position had changed."""
        if moved := [CONTROL_NAMES.index(name) for name in self._wiring.advance(dt_ns)]:
            for outlet in self._outlets.values():
                outlet.doubt(moved)

    def _neutral(self, performer: int, k: int, t_ns: int) -> ControlPacket:
        return ControlPacket.of(k, t_ns, performer, (p.wire.neutral for p in self._paths))

    def _count_error(self, name: str, error: Exception) -> None:
        self.bridge_faults[name] = f"{type(error).__name__}: {error}"
        self.bridge_errors[name] = self.bridge_errors.get(name, 0) + 1


def _index(control: str) -> int:
    if control not in CONTROL_NAMES:
        raise CommandError(f"no control {control[:40]!r}", fix=f"one of {', '.join(CONTROL_NAMES)}")
    return CONTROL_NAMES.index(control)
