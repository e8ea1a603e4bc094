"""The notes port: what is written for an accent, and that every note ends."""

from __future__ import annotations

import pytest
from midi_link import MidiLink
from pydantic import ValidationError

from choreo_adapters.bridges.midi_cc.child import Child
from choreo_adapters.bridges.midi_cc.notes import MidiNotes, MidiNotesConfig
from choreo_adapters.bridges.midi_cc.records import RECORD
from choreo_service.clock import MS, VirtualClock
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket
from choreo_service.testing import RecordingMidiDevice, sample_wires

OPEN = {"state": "open", "port": "choreo notes", "api": "jack"}


def _accent(strength: float, performer: int = 0) -> Accent:
    return Accent(performer, seq=0, t_ns=0, rx_ns=0, strength=strength)


def _bridge(**config: object) -> tuple[MidiNotes, MidiLink, VirtualClock]:
    clock = VirtualClock(start_ns=MS)
    bridge = MidiNotes(MidiNotesConfig.model_validate(config), sample_wires(), clock)
    link = MidiLink((), bridge._note, clock)
    bridge._link = link  # type: ignore[assignment]
    return bridge, link, clock


def test_an_accent_is_a_note_with_its_end() -> None:
    bridge, link, _ = _bridge(note=40, channel=10, length_ms=50)
    assert not bridge.accent(_accent(1.0))  # not open yet
    link.report(OPEN)
    assert bridge.accent(_accent(0.5, performer=1))
    assert sorted(link.records) == [(MS, bytes((0x9A, 40, 64))), (51 * MS, bytes((0x8A, 40, 0)))]


def test_no_control_ever_reaches_the_notes_port() -> None:
    bridge, link, _ = _bridge()
    link.report(OPEN)
    assert bridge.send(ControlPacket(0, 0, 0, 1, 1, 1, 1, 1), CONTROL_NAMES) == ()
    bridge.panic()
    assert link.records == []


def test_panic_ends_every_note_now() -> None:
    bridge, link, clock = _bridge()
    link.report(OPEN)
    bridge.accent(_accent(1.0))
    bridge.accent(_accent(1.0, performer=2))
    link.records.clear()
    clock.advance(5 * MS)
    bridge.panic()
    assert link.records == [(6 * MS, bytes((0x80, 36, 0))), (6 * MS, bytes((0x82, 36, 0)))]


def test_a_note_whose_end_can_not_be_promised_is_not_begun() -> None:
    bridge, link, _ = _bridge()
    link.report(OPEN)
    link.full = True
    assert not bridge.accent(_accent(1.0))
    assert link.records == []


@pytest.mark.parametrize("wrong", [{"note": 128}, {"channel": 0}, {"length_ms": 500}, {"not": 36}])
def test_what_can_not_be_a_note_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        MidiNotesConfig.model_validate(wrong)


def test_the_child_plays_what_is_due_first_whatever_came_first() -> None:
    """A note's end is written before its beginning and before the next note."""
    now = [0]
    device = RecordingMidiDevice(now_ns=lambda: now[0])
    child = Child(device, None, lambda report: None, lambda: now[0])
    child.turn()
    records = [(60, 0x80, 0), (0, 0x90, 100), (30, 0x91, 90), (90, 0x81, 0)]
    child.feed(b"".join(RECORD.pack(due * MS, status, 36, value) for due, status, value in records))
    for ms in range(100):
        now[0] = ms * MS
        child.turn()
    assert [(ns // MS, m[0]) for ns, m in device.messages] == [(0, 0x90), (30, 0x91), (60, 0x80), (90, 0x81)]
    assert child.idle
