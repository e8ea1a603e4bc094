"""The plug-in API: what an adapter or a model must look like. Built-in and third-party ones enter by the same door.

An adapter is one file, one class, one pydantic `Config` (`extra="forbid"`), one `run()` coroutine. It raises when its
device is lost; reconnecting is the supervisor's job. Cancelling `run()` means stop. Optional extras are found by
name: `describe()`, `probe()`, `health()`, of a sensor `behind()`, and of a bridge `accent()`, `keep_time()`, `forget()`
and `report_to()`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel

from choreo_service.clock import Clock
from choreo_service.packets import Accent, ControlPacket, FloatArray, Frame, Latent, TempoPacket

Sent = tuple[tuple[str, float], ...]  # what really went out: (control name, value as it stands on the wire)
Told = Callable[[int, Sent], None]  # takes a performer, and what really went out of theirs


class Emit(Protocol):
    """Hands one raw sample to the service. Call it on the event loop; from a foreign thread use
    loop.call_soon_threadsafe."""

    def __call__(
        self,
        stream: str,
        values: Sequence[float],
        *,
        performer: int = 0,
        source: str = "",
        rx_ns: int | None = None,
        source_ns: int | None = None,
    ) -> None:
        """`stream` is a key of packets.STREAMS, `values` are in its SI unit; `source` tells several peers of one
        adapter apart, and ends in "@left" or "@right" where the sensor is worn on that limb."""
        ...

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        """Count input the adapter refused before it became a sample (malformed, rate-limited, not allowed)."""
        ...


class SensorAdapter(Protocol):
    """Reads one device or peer and emits raw samples until cancelled."""

    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any, emit: Emit, clock: Clock) -> None: ...

    async def run(self) -> None:
        """Connect, emit for ever; raise AdapterLost when the device is gone, AdapterConfigError when it can never
        work."""
        ...


@dataclass(frozen=True, slots=True)
class ControlWire:
    """How one control stands on a wire: its range in the receiver's units and its MIDI address."""

    name: str
    lo: float  # value at position 0
    hi: float  # value at position 1; lo < hi always, inversion has happened before
    cc: int  # 0..127
    channel: int  # 1..16, as musicians count
    neutral: float  # in the receiver's units
    safe: float  # in the receiver's units, where panic goes

    def position(self, value: float) -> float:
        """`value` as 0..1 of the range, clamped."""
        return min(1.0, max(0.0, (value - self.lo) / (self.hi - self.lo)))


class BridgeAdapter(Protocol):
    """Sends controls to one receiver."""

    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any, controls: Mapping[str, ControlWire], clock: Clock) -> None: ...

    async def run(self) -> None:
        """Open, serve until cancelled, close in `finally`; raise AdapterLost when the receiver is gone."""
        ...

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Send the named controls of one performer. Never blocks, never raises for a missing peer; returns what was
        really sent. The packet's `t_ns` is when it is meant to go out: its tick, and the bridge's own delay."""
        ...

    def panic(self) -> None:
        """Send every control's safe value and silence held notes. Idempotent, never blocks."""
        ...


@runtime_checkable
class KeepsTime(Protocol):
    """Optional for a bridge: plays musical time itself, as a clock."""

    def keep_time(self, tempo: TempoPacket) -> None:
        """Called on every tick; the same rules as for `send`: never blocks, never raises for a missing peer."""
        ...


class Answer(Protocol):
    """What became of a command: obeyed, or refused with a reason in words for the performer."""

    @property
    def ok(self) -> bool: ...

    @property
    def reason(self) -> str: ...


class Submit(Protocol):
    """Hands one command to the service. Call it on the event loop; it never raises and never waits."""

    def __call__(self, verb: str, args: Mapping[str, Any] | Sequence[Any] = ()) -> Answer:
        """Arguments by name, or a list of them in the order of the command's fields (commands.py)."""
        ...


class DoorAdapter(Protocol):
    """Lets commands in from one device or program, and answers each where the device can show it."""

    Config: ClassVar[type[BaseModel]]

    def __init__(self, config: Any, submit: Submit, clock: Clock) -> None: ...

    async def run(self) -> None:
        """Listen until cancelled; raise AdapterLost when the device is gone."""
        ...


@runtime_checkable
class Learns(Protocol):
    """Optional for a door: what moves next on its device asks for a command from then on."""

    def learn(self, command: str, of: str) -> None:
        """Wait for it; `of` is the command's first argument or "". An empty command: wait no more."""
        ...

    def unlearn(self, command: str, of: str) -> int:
        """Let nothing ask for that command any more; how many did."""
        ...

    def learnt(self) -> Mapping[str, Any]:
        """JSON types: `waiting` (command, of, hint) or None, `bindings` (command, of, by, port, there), `ports`."""
        ...


@runtime_checkable
class PlaysAccents(Protocol):
    """Optional for a bridge: plays the hits, jolts and stamps of a body, each at once."""

    def accent(self, accent: Accent) -> bool:
        """Called between two ticks, on the packet that showed the accent: the same rules as for `send`.

        Never blocks, never raises for a missing peer, puts nothing on the wire that isn't finite. True when it is on
        its way to a receiver. A receiver's held note is the bridge's to end.
        """
        ...


@runtime_checkable
class SendsUnasked(Protocol):
    """Optional for a bridge: tells what it puts on the wire besides what `send` returns, so that takes have it.

    That is the safe values of `panic`, and every value once more for a receiver that is new. What a bridge without
    this sends unasked is in no take.
    """

    def report_to(self, told: Told) -> None:
        """Call `told` from now on, on the event loop, at the moment something went out; it never raises. Performers
        whom nobody plays, and what is empty, are passed over."""
        ...


@runtime_checkable
class Describes(Protocol):
    """Optional: lists ports or devices for `choreo devices`, without opening them."""

    @classmethod
    def describe(cls) -> Sequence[Mapping[str, str]]: ...


@runtime_checkable
class Health(Protocol):
    """Optional: facts about the peer for telemetry, JSON types only.

    `state` is one word; `detail` says more of a good one, `target` where to (host:port, port name), `reason` why the
    state is bad, and `hint` what to type next, in which `{name}` stands for the user's name of the adapter. Whatever
    else is there counts something.
    """

    def health(self) -> Mapping[str, Any]: ...


@runtime_checkable
class FallsBehind(Protocol):
    """Optional, for sensors that read a bounded part of what waits for them at each turn of the loop."""

    def behind(self) -> bool:
        """Whether the last turn may have left something. After a stall the tick waits until it hasn't."""
        ...


@runtime_checkable
class Forgetful(Protocol):
    """Optional, for bridges that leave out what didn't change: let whatever is offered next go out all the same."""

    def forget(self) -> None: ...


class Stateful(Protocol):
    """Everything that changes from tick to tick can be read and put back; values are arrays, numbers or nested
    mappings."""

    def state(self) -> Mapping[str, Any]: ...

    def load_state(self, state: Mapping[str, Any]) -> None: ...

    def reset(self) -> None: ...


class CoherenceModel(Stateful, Protocol):
    """M1: a frame becomes one coherent latent; missing modalities are reconstructed from the others."""

    def step(self, frame: Frame) -> Latent: ...

    def recalibrate(self, performer: int, fade_s: float) -> None:
        """Forget what was learnt of `performer` and learn anew, cross-fading for `fade_s` seconds."""
        ...

    def inherit(self, state: Mapping[str, Any]) -> None:
        """Go on with what the model before, whose `state()` this is, had learnt of the performers, and no more of it:
        its latents mean nothing here. Whatever is raised for a state of another kind leaves this model at rest."""
        ...


class Normaliser(Stateful, Protocol):
    """M2: the latent on a common scale."""

    def step(self, latent: Latent, frame: Frame) -> FloatArray:
        """[B, 104] -> [B, 104]"""
        ...


class Mapper(Stateful, Protocol):
    """M3: the normalised latent becomes five control positions."""

    def step(self, z_norm: FloatArray, dk: int) -> FloatArray:
        """[B, 104] -> [B, 5], positions 0..1"""
        ...


@dataclass(frozen=True, slots=True)
class Models:
    """The three nets that play together, and the name telemetry shows for them."""

    name: str
    coherence: CoherenceModel
    normaliser: Normaliser
    mapper: Mapper
    fingerprint: str = ""
    """Hexadecimal digits that two sets of checkpoints share only if they play the same; "" for what isn't one."""

    @property
    def number(self) -> int:
        """What the stream `models` calls them by: the first 48 bits, which a float keeps exactly."""
        return number_of(self.fingerprint)


def number_of(fingerprint: str) -> int:
    """`Models.number` of checkpoints with this fingerprint, 0 for ""."""
    return int(fingerprint[:12] or "0", 16)
