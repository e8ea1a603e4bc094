"""The parent's half of the MIDI bridge: which bytes it writes, when, and what it says about itself."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import pytest
from midi_link import MidiLink
from pydantic import ValidationError
from shows import default_map

from choreo_adapters.bridges.midi_cc.bridge import MidiCc, MidiCcConfig
from choreo_adapters.midi import port
from choreo_service.clock import MS, NS, VirtualClock
from choreo_service.config import OutputSettings
from choreo_service.controller import Controller
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import ControlWire, Sent
from choreo_service.service.build import build_paths
from choreo_service.testing import sample_wires

OPEN = {"state": "open", "port": "choreo", "api": "jack"}


class _Rig:
    """A bridge whose child is a list."""

    def __init__(self, controls: dict[str, ControlWire] | None = None, **config: Any) -> None:
        self.clock = VirtualClock()
        self.bridge = MidiCc(MidiCcConfig(**config), controls or sample_wires(), self.clock)
        self.link = MidiLink((), self.bridge._note, self.clock)
        self.bridge._link = self.link  # type: ignore[assignment]
        self.told: list[tuple[int, Sent]] = []
        self.bridge.report_to(lambda performer, sent: self.told.append((performer, sent)))

    def send(self, *positions: float, performer: int = 0, names: Sequence[str] = CONTROL_NAMES) -> tuple[Any, ...]:
        wires = zip(sample_wires().values(), positions, strict=True)
        values = {wire.name: wire.lo + position * (wire.hi - wire.lo) for wire, position in wires}
        packet = ControlPacket.from_dict({"k": 0, "t_ns": 0, "performer": performer, **values})
        return self.bridge.send(packet, names)


def _opened(**config: Any) -> _Rig:
    rig = _Rig(**config)
    rig.link.report(OPEN)
    return rig


def test_positions_become_rounded_control_changes() -> None:
    rig = _opened()
    sent = rig.send(0.0, 0.25, 0.5, 0.75, 1.0)
    assert rig.link.take() == [bytes((0xB0, 20 + i, v)) for i, v in enumerate((0, 32, 64, 95, 127))]
    assert sent == tuple(zip(CONTROL_NAMES, (0.0, 32.0, 64.0, 95.0, 127.0), strict=True))


def test_what_is_sent_together_wakes_the_child_once() -> None:
    rig = _opened(bits=14, client_name="fine")
    rig.send(*[0.5] * 5)
    assert rig.link.writes == 1
    rig.send(*[0.5] * 5)  # no news
    assert rig.link.writes == 1


def test_values_beyond_the_range_are_clamped_and_infinite_ones_not_sent() -> None:
    rig = _opened()
    packet = ControlPacket(0, 0, 0, 1e9, math.nan, -1e9, math.inf, -math.inf)
    assert rig.bridge.send(packet, CONTROL_NAMES) == (("tempo_scale", 127.0), ("tension", 0.0))


def test_performer_n_plays_n_channels_above_and_none_past_the_sixteenth() -> None:
    rig = _opened()
    rig.send(*[0.5] * 5, performer=3, names=["density"])
    rig.send(*[0.5] * 5, performer=15, names=["density"])
    assert rig.link.take() == [bytes((0xB3, 21, 64)), bytes((0xBF, 21, 64))]
    assert rig.send(*[0.5] * 5, performer=16, names=["density"]) == ()
    assert rig.bridge.health()["no_channel"] == 1
    assert rig.bridge.health()["detail"] == "performers past channel 16 are not heard"


def test_an_unchanged_controller_is_repeated_only_after_a_while() -> None:
    rig = _opened(repeat_s=0.5)
    rig.send(*[0.5] * 5)
    rig.link.take()
    assert rig.send(*[0.5001] * 5) == ()
    assert rig.send(0.6, *[0.5] * 4) == (("tempo_scale", 76.0),)
    rig.clock.advance(NS // 2)
    assert len(rig.send(0.6, *[0.5] * 4)) == 5


def test_nothing_is_written_while_the_port_is_not_open_and_all_when_it_opens() -> None:
    rig = _Rig()
    assert rig.send(*[0.5] * 5) == ()
    rig.link.report({"state": "no-midi", "reason": "ALSA: no such file"})
    assert rig.send(*[1.0] * 5) == ()
    assert rig.bridge.health()["reason"] == "ALSA: no such file"
    assert not rig.link.records
    rig.link.report(OPEN)
    assert rig.link.take() == [bytes((0xB0, 20 + i, 127)) for i in range(5)]
    assert rig.told == [(0, tuple((name, 127.0) for name in CONTROL_NAMES))]
    rig.link.report(OPEN)  # a heartbeat
    assert not rig.link.records
    assert len(rig.told) == 1


def test_a_reopened_port_gets_every_current_value() -> None:
    rig = _opened()
    rig.send(*[0.5] * 5)
    rig.send(*[1.0] * 5, performer=1)
    rig.link.report({"state": "lost", "reason": "port vanished"})
    rig.link.take()
    rig.send(0.0, *[0.5] * 4)
    rig.link.report(OPEN)
    expected = [bytes((0xB0, 20, 0))] + [bytes((0xB0, 21 + i, 64)) for i in range(4)]
    assert rig.link.take() == expected + [bytes((0xB1, 20 + i, 127)) for i in range(5)]
    first, second = (dict(sent) for _, sent in rig.told)
    assert first == dict(zip(CONTROL_NAMES, (0.0, 64.0, 64.0, 64.0, 64.0), strict=True))
    assert second == dict.fromkeys(CONTROL_NAMES, 127.0)


def test_a_full_pipe_drops_and_counts_and_the_value_goes_out_with_the_next_chance() -> None:
    rig = _opened()
    rig.link.full = True
    assert rig.send(*[0.5] * 5) == ()
    assert rig.bridge.health()["dropped"] == 5
    rig.link.full = False
    assert len(rig.send(*[0.5] * 5)) == 5


def test_fourteen_bits_travel_as_a_pair_high_part_first() -> None:
    rig = _opened(bits=14, client_name="fine")
    assert rig.send(*[0.3] * 5, names=["density"]) == (("density", 4915.0),)
    assert rig.link.take() == [bytes((0xB0, 21, 4915 >> 7)), bytes((0xB0, 53, 4915 & 0x7F))]
    rig.send(*[0.3001] * 5, names=["density"])
    assert rig.link.take() == [bytes((0xB0, 21, 4917 >> 7)), bytes((0xB0, 53, 4917 & 0x7F))]
    rig.bridge.panic()
    density = sample_wires()["density"]
    safe = round(density.position(density.safe) * 16383)
    pair = [bytes((0xB0, 21, safe >> 7)), bytes((0xB0, 53, safe & 0x7F))]
    assert [m for m in rig.link.take() if m[1] in (21, 53)] == pair


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"cc": 52}, "52 is density's|tempo_scale uses CC 52"), ({"cc": 33}, "only CC 0 to 31"), ({"cc": 54}, "54")],
)
def test_a_controller_without_a_pair_of_its_own_is_refused(changed: dict[str, int], says: str) -> None:
    wires = sample_wires()
    wires["density"] = dataclasses.replace(wires["density"], **changed)
    with pytest.raises(AdapterConfigError, match=says):
        asyncio.run(MidiCc(MidiCcConfig(bits=14, client_name="fine"), wires, VirtualClock()).run())


def test_panic_sends_safe_values_and_nothing_else_when_notes_are_to_be_left_alone() -> None:
    rig = _opened(panic_notes_off=False)
    rig.send(*[1.0] * 5)
    rig.link.take()
    rig.bridge.panic()
    safe = [bytes((0xB0, w.cc, round(w.position(w.safe) * 127))) for w in sample_wires().values()]
    assert rig.link.take() == safe
    rig.bridge.panic()
    assert rig.link.take() == safe


def test_panic_tells_what_it_sent_and_nothing_where_nobody_hears_it() -> None:
    rig = _Rig()
    rig.bridge.panic()
    assert rig.told == []
    rig.link.report(OPEN)
    rig.told.clear()
    rig.send(*[1.0] * 5, performer=15, names=["density"])
    rig.link.full = True
    rig.bridge.panic()
    assert rig.told == []
    rig.link.full = False
    rig.bridge.panic()
    safe = {w.name: float(round(w.position(w.safe) * 127)) for w in sample_wires().values()}
    assert [(performer, dict(sent)) for performer, sent in rig.told] == [(0, safe), (15, safe)]


def test_a_control_that_was_moved_to_another_controller_is_not_sent_to_its_old_one() -> None:
    wires = sample_wires()
    rig = _Rig(wires)
    rig.send(*[1.0] * 5)
    wires["density"] = dataclasses.replace(wires["density"], cc=90)
    rig.send(*[1.0] * 5)
    rig.link.report(OPEN)
    assert sorted(message[1] for message in rig.link.take()) == [20, 22, 23, 24, 90]


def test_panic_silences_notes_on_every_channel_in_use() -> None:
    rig = _opened()
    rig.send(*[1.0] * 5, performer=2)
    rig.link.take()
    rig.bridge.panic()
    assert rig.link.take()[-4:] == [b"\xb0\x78\0", b"\xb0\x7b\0", b"\xb2\x78\0", b"\xb2\x7b\0"]


def test_a_panic_while_nobody_hears_is_what_the_reopened_port_gets() -> None:
    rig = _Rig(panic_notes_off=False)
    rig.send(*[1.0] * 5)
    rig.bridge.panic()
    rig.link.report(OPEN)
    assert rig.link.take() == [bytes((0xB0, w.cc, round(w.position(w.safe) * 127))) for w in sample_wires().values()]


def test_what_is_forgotten_goes_out_again_at_once() -> None:
    rig = _opened()
    rig.send(*[0.5] * 5)
    assert rig.send(*[0.5] * 5) == ()
    rig.bridge.forget()
    assert len(rig.send(*[0.5] * 5)) == 5


def test_health_tells_port_system_and_counts() -> None:
    rig = _opened()
    rig.send(*[0.5] * 5)
    health = rig.bridge.health()
    assert (health["state"], health["target"], health["sent"]) == ("open", "jack: choreo", 5)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"bits": 14}, "Strudel"),
        ({"bits": 14, "client_name": "My Choreo"}, "Strudel"),
        ({"bits": 8, "client_name": "fine"}, "7 or 14"),
        ({"api": "pulse"}, "alsa"),
        ({"client_name": "a/b"}, "client_name"),
        ({"port": ""}, "port"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(bad: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MidiCcConfig(**bad)


def test_windows_is_told_to_make_a_port_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(port, "WINDOWS", True)
    with pytest.raises(AdapterConfigError, match="loopMIDI"):
        asyncio.run(MidiCc(MidiCcConfig(), sample_wires(), VirtualClock()).run())


def test_the_command_resend_reaches_the_wire_though_nothing_changed_a_moment_ago() -> None:
    """The bridge leaves out what its receiver has; the receiver of a resend says that it hasn't."""
    rig = _opened()
    controller = Controller(
        build_paths(default_map(), OutputSettings()), performers=1, period_ns=20 * MS, refresh_s=1.0
    )
    controller.attach("midi", rig.bridge)
    rig.send(*[0.5] * 5)
    assert len(rig.link.take()) == 5
    rig.clock.advance(20 * MS)
    rig.send(*[0.5] * 5)
    assert rig.link.take() == []
    controller.resend()
    rig.send(*[0.5] * 5)
    assert rig.link.take() == [bytes((0xB0, 20 + i, 64)) for i in range(5)]
