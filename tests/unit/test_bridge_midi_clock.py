"""The clock out: its process without MIDI, on a hand-moved clock, and the bridge in front of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from choreo_adapters.bridges.midi_cc.clock import MidiClockConfig, MidiClockOut
from choreo_adapters.bridges.midi_cc.clock_child import CLOCK, CONTINUE, SONG_POSITION, START, STOP, UPDATE, ClockChild
from choreo_adapters.midi.keeper import WATCH_NS
from choreo_service.clock import MS, NS, VirtualClock
from choreo_service.packets import TempoPacket
from choreo_service.testing import RecordingMidiDevice, sample_wires

TICK = 20 * MS


class _Rig:
    """The child, fed at 50 Hz with the line `place` (beats at a time in s), some updates left out on request."""

    def __init__(self, port: str | None = None) -> None:
        self.now = NS
        self.device = RecordingMidiDevice([port] if port else [], lambda: self.now)
        self.child = ClockChild(self.device, port, self._report, lambda: self.now)
        self.reports: list[Mapping[str, Any]] = []
        self._update_ns = NS

    def _report(self, facts: Mapping[str, Any]) -> None:
        self.reports.append(facts)

    def live(self, seconds: float, place: Callable[[float], float] | None, bpm: float = 120.0) -> None:
        end = self.now + round(seconds * NS)
        while self.now < end:
            if self.now >= self._update_ns:
                self._update_ns += TICK
                if place is not None:
                    at_ns = self._update_ns - TICK
                    self.child.feed(UPDATE.pack(at_ns, place(at_ns / NS) % 4.0, bpm))
            wait = max(1, self.child.turn())
            self.now = min(end, self.now + wait, self._update_ns)

    def times(self, message: bytes = CLOCK) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.array([t / NS for t, m in self.device.messages if m == message])

    def index(self, message: bytes) -> int:
        return [m for _, m in self.device.messages].index(message)


def test_twenty_four_ticks_a_beat_where_the_music_is() -> None:
    rig = _Rig()
    rig.live(20.0, lambda t: t * 2.0 + 0.37)
    ticks = rig.times()
    places = (ticks * 2.0 + 0.37) * 24
    assert np.abs(places - np.round(places)).max() < 1e-3
    assert np.diff(ticks) == pytest.approx(1 / 48, abs=1e-6)
    assert len(ticks) == pytest.approx(20 * 48, abs=2)


def test_start_goes_out_once_right_before_the_first_bar_line() -> None:
    rig = _Rig()
    rig.live(5.0, lambda t: t * 2.0 + 0.37)
    at = rig.index(START)
    (t_start, _), (t_tick, after) = rig.device.messages[at : at + 2]
    assert (t_start, after) == (t_tick, CLOCK)
    assert (t_tick / NS * 2.0 + 0.37) % 4.0 == pytest.approx(0.0, abs=1e-3)
    assert len(rig.times(START)) == 1


def test_it_goes_on_alone_while_the_service_stalls() -> None:
    rig = _Rig()
    rig.live(3.0, lambda t: t * 2.0)
    rig.live(2.0, None)
    rig.live(3.0, lambda t: t * 2.0)
    assert np.diff(rig.times()) == pytest.approx(1 / 48, abs=1e-6)
    assert len(rig.times(START)) == 1


def test_a_change_of_tempo_and_a_late_phase_never_burst() -> None:
    rig = _Rig()
    rig.live(3.0, lambda t: t * 2.0)
    rig.live(3.0, lambda t: t * 2.1 - 0.2, bpm=126.0)  # the music slipped a tenth of a beat forward as well
    gaps = np.diff(rig.times())
    assert gaps.min() >= 0.5 / 50.4 - 1e-6
    assert gaps.max() < 2.0 / 48
    places = (rig.times()[-40:] * 2.1 - 0.2) * 24
    assert np.abs(places - np.round(places)).max() < 1e-3
    assert len(rig.times(START)) == 1


def test_where_the_music_jumps_start_comes_again_with_the_bar() -> None:
    rig = _Rig()
    rig.live(3.0, lambda t: t * 2.0)
    rig.live(4.0, lambda t: t * 2.0 + 1.0)
    starts = rig.times(START)
    assert len(starts) == 2
    assert (starts[1] * 2.0 + 1.0) % 4.0 == pytest.approx(0.0, abs=1e-3)
    assert np.diff(rig.times()).max() < 2.0 / 48


def test_a_receiver_that_comes_back_is_told_the_song_position() -> None:
    rig = _Rig("drums")
    rig.live(6.1, lambda t: t * 2.0)
    rig.device.unplug("drums")
    rig.live(1.0, lambda t: t * 2.0)
    assert rig.reports[-1]["state"] == "lost"
    rig.device.plug("drums")
    rig.live(4.0, lambda t: t * 2.0)
    position = next(m for _, m in rig.device.messages if m[0] == SONG_POSITION)
    at = rig.index(position)
    assert [m for _, m in rig.device.messages[at + 1 : at + 3]] == [CONTINUE, CLOCK]
    beats = (rig.device.messages[at][0] / NS - rig.times(START)[0]) * 2.0
    assert (position[1] | position[2] << 7) == round(beats * 4)
    assert len(rig.times(START)) == 1


def test_the_end_of_the_pipe_stops_the_receiver() -> None:
    rig = _Rig()
    rig.live(3.0, lambda t: t * 2.0)
    rig.child.feed(b"")
    rig.live(0.5, None)
    assert rig.device.messages[-1][1] == STOP


def test_updates_cut_anywhere_are_put_together() -> None:
    rig = _Rig()
    rig.child.turn()
    data = b"".join(UPDATE.pack(NS + i * TICK, i * 0.04, 120.0) for i in range(3))
    for i in range(len(data)):
        rig.child.feed(data[i : i + 1])
    rig.live(1.0, None)
    assert len(rig.times()) == pytest.approx(48, abs=1)


def test_a_failing_port_is_lost_and_found() -> None:
    rig = _Rig()
    rig.live(1.0, lambda t: t * 2.0)
    rig.device.fail_sending("no buffer")
    rig.live(0.1, lambda t: t * 2.0)
    assert {r["reason"] for r in rig.reports if r["state"] == "lost"} == {"sending failed: no buffer"}
    rig.device.fail_sending()
    rig.live(1.0 + WATCH_NS / NS, lambda t: t * 2.0)
    assert rig.reports[-1]["state"] == "open"


def test_the_bridge_shifts_ticks_and_never_waits() -> None:
    class Link:
        def __init__(self) -> None:
            self.written: list[bytes] = []

        def write(self, record: bytes) -> bool:
            self.written.append(record)
            return len(self.written) < 2

    bridge = MidiClockOut(MidiClockConfig(latency_offset_ms=-30.0), sample_wires(), VirtualClock())
    tempo = TempoPacket(NS, 123.0, 1.5, "self", "self", "own", None)
    bridge.keep_time(tempo)  # nobody is there yet
    link = Link()
    bridge._link = link  # type: ignore[assignment]
    bridge.keep_time(tempo)
    bridge.keep_time(tempo)
    assert UPDATE.unpack(link.written[0]) == (NS - 30 * MS, 1.5, 123.0)
    assert bridge.health()["dropped"] == 1
