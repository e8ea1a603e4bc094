"""Controls as MIDI control changes on a port of our own, or on a port that is already there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, Literal, Self

from pydantic import BaseModel, Field, model_validator

from choreo_adapters.bridges import wire_values
from choreo_adapters.bridges.midi_cc.output import MidiOutput
from choreo_adapters.bridges.midi_cc.records import RECORD
from choreo_adapters.helper.reports import Report
from choreo_adapters.midi.listing import listed
from choreo_adapters.midi.port import PortConfig
from choreo_adapters.unasked import TellsUnasked
from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Sent

Key = tuple[int, int]  # channel 1..16, controller
Change = tuple[int, int, int]  # channel 1..16, controller, value 0..127

CHANNELS: Final = 16
CONTROL_CHANGE: Final = 0xB0  # on the first channel
ALL_SOUND_OFF: Final = 120
ALL_NOTES_OFF: Final = 123
STRUDEL_PORT: Final = "choreo"  # what midin('choreo') looks for in every port's name
LSB: Final = 32  # the low seven bits of controller n travel on n + 32; MIDI 1.0 knows it for 0..31


class MidiCcConfig(PortConfig):
    """Which port, through which system, how fine."""

    bits: Literal[7, 14] = 7
    """14 sends each control as a pair, CC n (0..31) and CC n + 32, for receivers that know it; Strudel doesn't."""
    repeat_s: float = Field(default=0.5, ge=0, le=60)
    """A controller whose value on the wire didn't change is sent again no more often than this."""
    panic_notes_off: bool = True
    """An immediate panic also sends All Sound Off (CC 120) and All Notes Off (CC 123)."""

    @model_validator(mode="after")
    def _strudel_hears_seven_bits(self) -> Self:
        if self.bits == 14 and self.port is None and STRUDEL_PORT in self.client_name.lower():
            raise ValueError(
                f"bits: 14 can't go to the port {self.client_name!r}: Strudel finds its port by the word "
                f"{STRUDEL_PORT} and knows 7 bits only; give 14 bits a port of their own, client_name: fine"
            )
        return self


class MidiCc(TellsUnasked, MidiOutput):
    """Controls as control changes; states as PortAdapter's.

    Performer n plays n channels above the control's own. After each opening the receiver gets every current value.
    """

    Config: ClassVar[type[BaseModel]] = MidiCcConfig
    TYPE = "midi_cc"

    _config: MidiCcConfig

    def __init__(self, config: MidiCcConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        super().__init__(config, clock)
        self._controls = controls
        # What the receiver should have: performer -> control -> where, and what.
        self._current: dict[int, dict[str, tuple[Key, int]]] = {0: {}}
        self._sent: dict[Key, tuple[int, int]] = {}  # value that went out, and when
        self._counts = {"sent": 0, "dropped": 0, "no_channel": 0}

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        """Only controllers whose value changed or is due for repetition; what is returned is 0..127, or 0..16383."""
        now = self._clock.now_ns()
        mine = self._current.setdefault(control.performer, {})
        news: dict[Key, int] = {}
        sent: list[tuple[str, float]] = []
        for wire, value in wire_values(control, names, self._controls):
            key = self._key(wire, control.performer)
            if key is None:
                continue
            step = self._step(wire, value)
            mine[wire.name] = key, step
            if self._is_news(key, step, now):
                news[key] = step
                sent.append((wire.name, float(step)))
        return tuple(sent) if self._put(news, now) else ()

    def panic(self) -> None:
        for performer, mine in self._current.items():
            for wire in self._controls.values():
                if (key := self._key(wire, performer)) is not None:
                    mine[wire.name] = key, self._step(wire, wire.safe)
        self._send_everything()
        if self._config.panic_notes_off:
            channels = sorted({channel for mine in self._current.values() for (channel, _), _ in mine.values()})
            self._play(
                [(channel, off, 0) for channel in channels for off in (ALL_SOUND_OFF, ALL_NOTES_OFF)],
                self._clock.now_ns(),
            )

    def forget(self) -> None:
        """Let whatever is sent next go out, changed or not."""
        self._sent.clear()

    def health(self) -> Mapping[str, Any]:
        unheard = self._counts["no_channel"]
        said = {"detail": f"performers past channel {CHANNELS} are not heard"} if unheard else {}
        return {**self._situation(), **said, **self._counts, **self._from_child("played", "obsolete", "lost")}

    @classmethod
    def describe(cls) -> Sequence[Mapping[str, str]]:
        """MIDI outputs as {kind, name, api}, see listed()."""
        return listed(cls.CHILD, "midi output")

    def _check(self) -> None:
        super()._check()
        if self._config.bits == 14:
            _check_pairs(self._controls.values())

    def _take(self, report: Report) -> None:
        """A receiver behind a newly opened port knows nothing: it gets everything."""
        opened = report["state"] == "open" and self._report["state"] != "open"
        super()._take(report)
        if opened:
            self._send_everything()

    def _send_everything(self) -> None:
        """The current value of every controller, changed or not."""
        steps = {key: step for mine in self._current.values() for key, step in mine.values()}
        if self._put(steps, self._clock.now_ns()):
            for performer, mine in self._current.items():
                self._tell(performer, tuple((name, float(step)) for name, (_, step) in mine.items()))

    def _key(self, wire: ControlWire, performer: int) -> Key | None:
        channel = wire.channel + performer
        if channel > CHANNELS:
            self._counts["no_channel"] += 1
            return None
        return channel, wire.cc

    def _step(self, wire: ControlWire, value: float) -> int:
        """`value` as it stands on the wire."""
        return round(wire.position(value) * ((1 << self._config.bits) - 1))

    def _is_news(self, key: Key, step: int, now: int) -> bool:
        before = self._sent.get(key)
        return before is None or before[0] != step or now - before[1] >= self._config.repeat_s * NS

    def _put(self, steps: Mapping[Key, int], now: int) -> bool:
        if not steps or self._report["state"] != "open":
            return False  # a value nobody hears isn't sent; the opening brings the newest
        if not self._play([change for key, step in steps.items() for change in self._changes(key, step)], now):
            return False
        self._sent.update((key, (step, now)) for key, step in steps.items())
        return True

    def _changes(self, key: Key, step: int) -> Sequence[Change]:
        channel, controller = key
        if self._config.bits == 7:
            return ((channel, controller, step),)
        # The high part first: receivers take it for news and wait for the low one.
        return (channel, controller, step >> 7), (channel, controller + LSB, step & 0x7F)

    def _play(self, changes: Collection[Change], now: int) -> bool:
        """In one go, which wakes the helper once. False where it doesn't get all of them."""
        records = [RECORD.pack(now, CONTROL_CHANGE + channel - 1, *data) for channel, *data in changes]
        written = self._write(b"".join(records))
        self._counts["sent" if written else "dropped"] += len(records)
        return written


def _check_pairs(wires: Iterable[ControlWire]) -> None:
    """AdapterConfigError where a control's pair isn't there or is another control's."""
    taken = {(wire.channel, wire.cc): wire.name for wire in wires}
    for (channel, controller), name in taken.items():
        other = taken.get((channel, controller + LSB))
        if controller >= LSB or other:
            why = f"{controller + LSB} is {other}'s" if other else f"only CC 0 to {LSB - 1} have a pair"
            raise AdapterConfigError(
                f"midi_cc: bits: 14, but {name} uses CC {controller}: {why}",
                fix="change its cc in the control map, or write bits: 7",
            )
