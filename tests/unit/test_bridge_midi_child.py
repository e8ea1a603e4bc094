"""What the MIDI child does with records, ports and time, in this process and without MIDI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from choreo_adapters.bridges.midi_cc.child import Child
from choreo_adapters.bridges.midi_cc.records import HEARTBEAT_S, RECORD, from_line, to_line
from choreo_adapters.midi.device import match_port
from choreo_adapters.midi.keeper import NO_MIDI_NS
from choreo_service.clock import MS, NS
from choreo_service.testing import RecordingMidiDevice


class _Rig:
    """A child on a hand-moved clock, with a device and the reports it made."""

    def __init__(self, device: RecordingMidiDevice, port: str | None = None) -> None:
        self.now = NS
        self.device = device
        device._now_ns = lambda: self.now
        self.reports: list[Mapping[str, Any]] = []
        self.child = Child(device, port, self.reports.append, lambda: self.now)
        self.child.turn()

    @property
    def states(self) -> list[str]:
        """The states reported, repetitions left out."""
        states = [str(report["state"]) for report in self.reports]
        return [s for i, s in enumerate(states) if i == 0 or s != states[i - 1]]

    def play(self, controller: int, value: int, delay_ms: int = 0, channel: int = 1) -> None:
        self.child.feed(RECORD.pack(self.now + delay_ms * MS, 0xB0 | channel - 1, controller, value))

    def live(self, seconds: float) -> None:
        """Let time pass as the child itself would wait."""
        end = self.now + round(seconds * NS)
        while self.now < end:
            self.now = min(end, self.now + max(1, self.child.turn()))
        self.child.turn()


def test_a_port_of_our_own_opens_at_once_and_plays() -> None:
    rig = _Rig(RecordingMidiDevice())
    rig.play(20, 64)
    rig.live(0.001)
    assert rig.states == ["starting", "open"]
    assert rig.device.opened == [None]
    assert rig.device.messages == [(NS, bytes((0xB0, 20, 64)))]


def test_a_record_is_played_when_it_is_due_and_not_before() -> None:
    rig = _Rig(RecordingMidiDevice())
    rig.play(20, 64, delay_ms=30)
    rig.live(0.0299)
    assert not rig.device.messages
    assert not rig.child.idle
    rig.live(0.001)
    assert rig.device.messages == [(NS + 30 * MS, bytes((0xB0, 20, 64)))]
    assert rig.child.idle


def test_after_a_stall_only_the_newest_value_of_each_controller_is_played() -> None:
    rig = _Rig(RecordingMidiDevice())
    for value in range(100):
        rig.play(20, value)
        rig.play(21, 100 - value)
        rig.play(20, value, channel=2)
    rig.live(0)
    assert [message for _, message in rig.device.messages] == [b"\xb0\x14\x63", b"\xb0\x15\x01", b"\xb1\x14\x63"]
    rig.live(1)
    assert rig.reports[-1]["obsolete"] == 297


@pytest.mark.parametrize("cut", range(1, RECORD.size))
def test_a_record_cut_in_two_is_completed(cut: int) -> None:
    rig = _Rig(RecordingMidiDevice())
    record = RECORD.pack(0, 0xB0, 20, 64)
    rig.child.feed(record + record[:cut])
    rig.child.feed(record[cut:])
    rig.live(0)
    assert rig.device.cc(1, 20) == 64


def test_a_vanished_port_is_noticed_and_reopened_when_it_returns() -> None:
    rig = _Rig(RecordingMidiDevice(["synth:in"]), port="synth")
    rig.device.unplug("synth:in")
    rig.live(1)
    assert rig.states == ["starting", "open", "lost"]
    assert "no port called 'synth'; present: none" in rig.reports[-1]["reason"]
    rig.play(20, 64)
    rig.live(0.1)
    assert not rig.device.messages
    rig.device.plug("synth:in")
    rig.live(1)
    assert rig.states == ["starting", "open", "lost", "reopening", "open"]
    assert rig.device.opened == ["synth:in", "synth:in"]
    rig.play(20, 65)
    rig.live(0)
    assert rig.device.cc(1, 20) == 65


def test_a_port_that_was_never_there_is_waited_for() -> None:
    rig = _Rig(RecordingMidiDevice(["piano"]), port="synth")
    assert rig.reports[-1]["reason"] == "no port called 'synth'; present: piano"
    rig.device.plug("My Synth MIDI 1")
    rig.live(0.5)
    assert rig.device.opened == ["My Synth MIDI 1"]


def test_no_midi_system_is_said_once_and_asked_again_every_five_seconds() -> None:
    device = RecordingMidiDevice()
    device.lose_system("ALSA: no such file")
    rig = _Rig(device)
    rig.live(20)
    assert rig.states == ["starting", "no-midi"]
    assert rig.reports[-1]["reason"] == "ALSA: no such file"
    device.restore_system()
    rig.live(NO_MIDI_NS / NS)
    assert rig.states == ["starting", "no-midi", "open"]


def test_a_midi_system_that_dies_under_an_open_port_is_noticed() -> None:
    rig = _Rig(RecordingMidiDevice())
    rig.device.lose_system("server not running")
    rig.live(1)
    assert rig.states == ["starting", "open", "lost", "reopening", "no-midi"]
    rig.device.restore_system()
    rig.live(6)
    assert rig.states[-1] == "open"
    assert rig.device.opened == [None, None]


class _StaleListing(RecordingMidiDevice):
    """As JACK: once the server is gone, the object that listed its ports shows the old list until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.listed: Sequence[str] = ()

    def ports(self) -> Sequence[str]:
        if self.alive():
            self.listed = super().ports()
        return self.listed

    def close(self) -> None:
        super().close()
        self._alive = True


def test_a_port_is_found_on_a_restarted_midi_system_although_the_old_one_listed_none() -> None:
    rig = _Rig(_StaleListing(), port="synth")
    rig.device.lose_system()
    rig.device.restore_system()
    rig.device.plug("synth")
    rig.live(1)
    assert rig.device.opened == ["synth"]


def test_a_send_that_fails_closes_the_port_and_tries_again() -> None:
    rig = _Rig(RecordingMidiDevice())
    rig.device.fail_sending("error sending MIDI message to port")
    rig.play(20, 64)
    rig.play(21, 64)
    rig.live(0.3)
    assert rig.states == ["starting", "open", "lost", "reopening", "open"]
    rig.device.fail_sending()
    rig.play(20, 65)
    rig.live(0.5)
    assert rig.device.cc(1, 20) == 65
    assert rig.reports[-1]["lost"] == 2


def test_there_is_a_heartbeat_in_every_state() -> None:
    for port in (None, "absent"):
        rig = _Rig(RecordingMidiDevice(), port=port)
        before = len(rig.reports)
        rig.live(10)
        assert len(rig.reports) - before == pytest.approx(10 / HEARTBEAT_S, abs=1)


@pytest.mark.parametrize(
    ("wanted", "ports", "found"),
    [
        ("synth", ["big synth", "synth"], "synth"),
        ("synth", ["piano", "Big SYNTH 128:0", "other synth"], "Big SYNTH 128:0"),
        ("synth", ["piano"], None),
        ("synth", [], None),
    ],
)
def test_ports_match_exactly_then_by_a_part_of_their_name(wanted: str, ports: list[str], found: str | None) -> None:
    assert match_port(wanted, ports) == found


@pytest.mark.parametrize("line", [b"", b"garbage", b"[]", b"{}", b'{"state": 3}', b"\xff\xfe"])
def test_what_is_no_report_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        from_line(line)


def test_a_report_survives_its_line() -> None:
    assert from_line(to_line({"state": "open", "port": "Größe"})) == {"state": "open", "port": "Größe"}
