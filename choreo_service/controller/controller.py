"""One show's controls on their way from the engine's positions to the bridges, through scenes and hands."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final

from choreo_service.clock import NS, Clock
from choreo_service.commands import CommandError
from choreo_service.controller.delivery import Delivery, SentHook
from choreo_service.controller.hands import DEFAULT_MANNERS, Hands, Latches, Manners
from choreo_service.controller.morph import Morph
from choreo_service.controller.outlet import Pace
from choreo_service.controller.paths import ControlPath, Scene
from choreo_service.controller.wiring import Wiring
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket, Step
from choreo_service.protocols import BridgeAdapter, ControlWire

HOME = "home"  # the scene that is the control map itself
CHANGE_S: Final = 2.0  # in which new paths take over from the old ones
RESHAPE_S: Final = 0.15  # the same for what a hand on a slider changes: no jump, and heard at once


class Controller:
    """Map, let hands and scenes have their way, throttle, send. Never blocks, never raises for a bridge's sake."""

    def __init__(
        self,
        paths: Mapping[str, ControlPath],
        *,
        performers: int,
        period_ns: int,
        refresh_s: float,
        manners: Manners = DEFAULT_MANNERS,
        scenes: Mapping[str, Scene] | None = None,
        paces: Mapping[str, Pace] | None = None,
        wires: MutableMapping[str, ControlWire] | None = None,
    ) -> None:
        """`wires` is what the bridges were built with, so that `change` reaches them too."""
        self._paths = [paths[name] for name in CONTROL_NAMES]
        self._period_ns = period_ns
        self._wiring = Wiring({name: paths[name].wire for name in CONTROL_NAMES} if wires is None else wires)
        home = Scene(self._paths, manners.ease_s)
        self._morph = Morph({HOME: home, **(scenes or {})}, HOME, performers=performers, period_ns=period_ns)
        self._hands = Hands(self._paths, performers=performers, manners=manners)
        neutral = [path.wire.neutral for path in self._paths]
        self.latest = [ControlPacket.of(0, 0, performer, neutral) for performer in range(performers)]
        self._delivery = Delivery(
            self._paths, paces or {}, self.latest, period_ns=period_ns, refresh_ns=round(refresh_s * NS)
        )

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

        CommandError, and nothing changed, where `require_room` raises it.
        """
        chosen = [paths[name] for name in CONTROL_NAMES]
        self._morph.replace({HOME: Scene(chosen, manners.ease_s), **scenes}, HOME, CHANGE_S)
        self._go_by(chosen, manners, CHANGE_S)
        self._delivery.follow(chosen, round(refresh_s * NS), throttles)

    def require_room(self) -> None:
        """CommandError while too many scenes fade into each other for `change`."""
        self._morph.require_room()

    def reshape(self, paths: Mapping[str, ControlPath], *, manners: Manners, scenes: Mapping[str, Scene]) -> None:
        """Other curves, ranges, glides or addresses for the scenes there are, heard within RESHAPE_S, as often as a
        hand likes: a change that comes while another one fades waits for it, and only the last one that waits counts.
        """
        chosen = [paths[name] for name in CONTROL_NAMES]
        addresses = [[(path.wire.cc, path.wire.channel) for path in some] for some in (self._paths, chosen)]
        self._morph.reshape({HOME: Scene(chosen, manners.ease_s), **scenes}, RESHAPE_S)
        self._go_by(chosen, manners, RESHAPE_S)
        if addresses[0] != addresses[1]:
            self.resend()  # to where nothing has ever been sent

    def offer(self, step: Step) -> None:
        """Take one tick's controls and send what is due."""
        if step.tempo is not None:
            self._delivery.keep_time(step.tempo)
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
            self._send(self._wiring.packet(frame.k, frame.t_ns, performer, positions, held=step.held), positions)

    def accent(self, accent: Accent) -> None:
        """Send an accent at once, to delayed bridges too. A panic silences accents."""
        if not self._hands.latches().panic:
            self._delivery.accent(accent)

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
        await self._delivery.pay_all(clock)

    # The bridges, and what became of all that was sent to them.

    def attach(self, name: str, bridge: BridgeAdapter) -> None:
        """Start sending to a bridge; it gets every control with the next offer. Attaching again replaces it (a
        reconnect)."""
        self._delivery.attach(name, bridge)

    def detach(self, name: str) -> None:
        self._delivery.detach(name)

    def resend(self) -> None:
        """Let every bridge get every control with the next offer, changed or not."""
        self._delivery.resend()

    async def pump(self, clock: Clock, name: str) -> None:
        """Send what a delayed bridge is owed, each at its time; until cancelled. Needed by no other bridge."""
        await self._delivery.pump(clock, name)

    @property
    def delayed(self) -> tuple[str, ...]:
        """The bridges that need a `pump`."""
        return self._delivery.delayed

    @property
    def on_sent(self) -> list[SentHook]:
        """Called with whatever was sent, when it was: of a tick, late where the bridge is delayed; or between two
        ticks, with the packet before, an accent's with the accent's time."""
        return self._delivery.on_sent

    @property
    def sent(self) -> int:
        """Controls, all bridges."""
        return self._delivery.sent

    @property
    def accents(self) -> int:
        """Accents that were on their way to at least one receiver."""
        return self._delivery.accents

    @property
    def bridge_errors(self) -> Mapping[str, int]:
        return self._delivery.errors

    @property
    def bridge_faults(self) -> Mapping[str, str]:
        """What each bridge raised last; a well-behaved one never does."""
        return self._delivery.faults

    # What hands can do; each refuses by CommandError. Controls are named, positions are 0..1 of the wire's range.

    def panic(self) -> None:
        """Ramp to the safe values and stay there; asked again, be there at once, with all notes off."""
        if self._hands.panic():
            self.panic_now()

    def panic_now(self) -> None:
        """Every bridge sends its safe values at once, and nothing older follows."""
        self._hands.jump_safe()
        self._delivery.panic()

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

    def _go_by(self, chosen: Sequence[ControlPath], manners: Manners, fade_s: float) -> None:
        """What lies behind the scenes: wires and hands."""
        self._paths = list(chosen)
        self._wiring.change({path.wire.name: path.wire for path in chosen}, round(fade_s * NS))
        self._hands.obey(chosen, manners, fade_s=fade_s)

    def state(self) -> Mapping[str, Any]:
        """The scene, what hands hold, and where every control is."""
        return {"scene": self._morph.scene, "hands": self._hands.state()}

    def load_state(self, state: Mapping[str, Any], fade_s: float) -> None:
        """Go on from there in `fade_s`, by the scene of that name or, where there is none any more, by HOME."""
        if state["scene"] in self._morph.names:
            self._morph.change(state["scene"], 0.0)
        self._hands.load_state(state["hands"], round(fade_s * NS))

    def _left(self, packet: ControlPacket) -> list[float]:
        """Where the receivers of one performer are."""
        positions = self._wiring.positions(packet)
        for control, left_at in self._hands.muted.items():
            positions[control] = left_at[packet.performer]
        return positions

    def _glide(self, performer: int, positions: Sequence[float], t_ns: int) -> None:
        last = self.latest[performer]
        self._send(self._wiring.packet(last.k + 1, t_ns, performer, positions, held=last.held), positions)

    def _send(self, packet: ControlPacket, positions: Sequence[float]) -> None:
        self.latest[packet.performer] = packet
        self._delivery.offer(packet, positions, self._hands.silent(packet.performer))

    def _renew(self) -> None:
        """Send anew what the hands say must arrive exactly."""
        if self._hands.stale:
            self._delivery.forget(self._hands.stale)
            self._hands.stale.clear()

    def _rewire(self, dt_ns: int) -> None:
        """Let the ranges glide; what they move is due at the next chance, as if its position had changed."""
        if moved := [CONTROL_NAMES.index(name) for name in self._wiring.advance(dt_ns)]:
            self._delivery.doubt(moved)


def _index(control: str) -> int:
    if control not in CONTROL_NAMES:
        raise CommandError(f"no control {control[:40]!r}", fix=f"one of {', '.join(CONTROL_NAMES)}")
    return CONTROL_NAMES.index(control)
