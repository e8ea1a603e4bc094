"""MIDI clock in: tempo and position through jitter, stalls, losses and silence."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pytest

from choreo_service.clock import MS, NS
from choreo_service.packets import TempoPacket
from choreo_service.transport import Leading, Transport
from choreo_service.transport.midi_clock import CLOCK, CONTINUE, PER_BEAT, SONG_POSITION, START, STOP, MidiClock

Message = tuple[int, int, int]  # (ns, status, value)


def clock(bpm: float, beats: float, *, start_s: float = 1.0, jitter_ms: float = 0.0, seed: int = 0) -> list[Message]:
    """Ticks with normally distributed delays, in the order of a wire."""
    rng = random.Random(seed)
    times = [
        start_s + n * 60.0 / (bpm * PER_BEAT) + rng.gauss(0.0, jitter_ms / 1e3) for n in range(round(beats * PER_BEAT))
    ]
    return [(round(t * NS), CLOCK, 0) for t in sorted(times)]


def heard(messages: Iterable[Message]) -> MidiClock:
    midi = MidiClock()
    for message in messages:
        midi.hear(*message)
    return midi


def tempo(midi: MidiClock) -> float:
    midi.anchor(midi.last_ns, 0.0)
    line = midi.line(midi.last_ns)
    assert line is not None
    return line.bpm


def play(transport: Transport, messages: Iterable[Message], seconds: float) -> Iterator[TempoPacket]:
    """The transport, tick by tick, hearing each message when it has come."""
    coming = sorted(messages)
    for k in range(1, round(seconds * 50)):
        while coming and coming[0][0] <= k * 20 * MS:
            t_ns, status, value = coming.pop(0)
            transport.hear("midi_clock", t_ns, (float(status), float(value)))
        yield transport.at(k * 20 * MS)


def test_a_jittery_clock_s_tempo_comes_back_within_a_third_of_a_beat_a_minute() -> None:
    errors, single = [], []
    for seed in range(40):
        ticks = clock(128.0, 4, jitter_ms=2.6, seed=seed)
        errors.append(abs(tempo(heard(ticks)) - 128.0))
        single.append(abs(60.0 * NS / (PER_BEAT * max(MS, ticks[-1][0] - ticks[-2][0])) - 128.0))
    assert sum(errors) / len(errors) <= 0.3 * math.sqrt(2 / math.pi) * 1.3  # mean of a normal error with sd .3
    assert sorted(errors)[-3] <= 0.6
    assert sum(single) / len(single) > 10.0  # what one interval makes of it


def test_late_ticks_are_no_tempo() -> None:
    ticks = clock(128.0, 8, jitter_ms=1.0)
    for i in (90, 101, 102, 140, 170):
        ticks[i] = (ticks[i][0] + 60 * MS, CLOCK, 0)
    assert tempo(heard(sorted(ticks))) == pytest.approx(128.0, abs=0.3)


def test_a_stall_that_delivers_a_heap_moves_neither_tempo_nor_position() -> None:
    ticks = clock(128.0, 12)
    stall_ns = ticks[150][0]
    late = [(max(t, stall_ns + 113 * MS) if t >= stall_ns else t, s, v) for t, s, v in ticks]
    midi = heard([(0, START, 0), *late])
    line = midi.line(midi.last_ns)
    assert line is not None
    assert line.bpm == pytest.approx(128.0, abs=0.05)
    assert line.at(ticks[-1][0]) == pytest.approx((len(ticks) - 1) / PER_BEAT, abs=0.01)


def test_lost_ticks_are_counted_so_that_the_position_stays_right() -> None:
    ticks = clock(120.0, 16, jitter_ms=0.5)
    midi = heard([(0, START, 0), *ticks[:200], *ticks[205:]])
    line = midi.line(midi.last_ns)
    assert line is not None
    assert line.at(ticks[-1][0]) == pytest.approx((len(ticks) - 1) / PER_BEAT, abs=0.02)


def test_another_tempo_is_another_line_within_two_beats() -> None:
    first = clock(120.0, 8)
    second = clock(140.0, 2.2, start_s=first[-1][0] / NS + 60.0 / (140.0 * PER_BEAT))
    assert tempo(heard([*first, *second])) == pytest.approx(140.0, abs=0.5)


def test_single_missing_ticks_don_t_stop_it_and_silence_does() -> None:
    midi = heard([(0, START, 0), *clock(120.0, 4)])
    assert midi.line(midi.last_ns + 12 * 21 * MS) is not None
    assert midi.line(midi.last_ns + 30 * 21 * MS) is None


def test_start_stop_continue_and_song_position_tell_where_the_music_is() -> None:
    ticks = clock(120.0, 5)
    end_ns = ticks[-1][0]
    started = heard([*ticks[:24], (ticks[24][0] - MS, START, 0), *ticks[24:]])
    line = started.line(end_ns)
    assert line is not None
    assert (line.bars, round(line.at(end_ns), 6)) == (True, round(95 / PER_BEAT, 6))
    placed = heard([*ticks[:24], (ticks[24][0] - MS, SONG_POSITION, 9), (ticks[24][0] - MS, CONTINUE, 0), *ticks[24:]])
    line = placed.line(end_ns)
    assert line is not None
    assert line.at(end_ns) == pytest.approx(9 / 4 + 95 / PER_BEAT, abs=1e-6)
    resumed = heard([(0, START, 0), *ticks[:30], (ticks[29][0], STOP, 0), *ticks[30:60], (0, CONTINUE, 0), *ticks[60:]])
    line = resumed.line(end_ns)
    assert line is not None
    assert line.at(end_ns) == pytest.approx((30 + len(ticks[60:]) - 1) / PER_BEAT, abs=1e-6)
    assert heard([(0, START, 0), *ticks, (end_ns, STOP, 0)]).line(end_ns) is None


@pytest.mark.parametrize("bpm", [104.0, 128.0, 150.0])
def test_the_music_leads_phase_and_tempo_without_a_jump(bpm: float) -> None:
    transport = Transport(110.0, Leading("music"))
    ticks = clock(bpm, 60, start_s=2.3, jitter_ms=2.6)
    played = list(play(transport, [(ticks[0][0] - MS, START, 0), *ticks], 24.0))
    for packet in played[-400:]:
        assert packet.bpm == pytest.approx(bpm, rel=0.005)
        expected = (packet.t_ns / NS - 2.3) * bpm / 60.0
        assert math.remainder(packet.beats - expected, 4.0) * 60.0 / bpm == pytest.approx(0.0, abs=0.02)
        assert packet.source == "midi_clock"
    changes = [b.bpm / a.bpm - 1.0 for a, b in pairwise(played)]
    assert max(map(abs, changes)) < 0.03
    moves = [math.fmod(b.beats - a.beats + 8.0, 1.0) for a, b in pairwise(played)]
    assert min(moves) > 0.0
    assert max(moves) < bpm / 60.0 * 0.02 * 1.13


def test_a_clock_joined_on_its_way_leads_the_tempo_and_leaves_the_phase() -> None:
    transport = Transport(120.0, Leading("music"))
    played = list(play(transport, clock(120.0, 30, jitter_ms=1.0), 15.0))
    for packet in played:
        assert math.remainder(packet.beats - packet.t_ns / NS * 2.0, 4.0) == pytest.approx(-0.04, abs=0.02)


def test_when_the_music_stops_the_tempo_goes_on_and_a_new_start_is_followed() -> None:
    transport = Transport(110.0, Leading("music"))
    first, second = clock(128.0, 16), clock(128.0, 30, start_s=15.0)
    stop = [(first[-1][0] + MS, STOP, 0)]
    start = [(second[0][0] - MS, START, 0)]
    played = list(play(transport, [*first, *stop, *start, *second], 27.0))
    silent = [p for p in played if 10 * NS < p.t_ns < 15 * NS]
    assert {p.source for p in silent} == {"own"}
    assert {round(p.bpm, 1) for p in silent} == {128.0}
    last = played[-1]
    assert math.remainder(last.beats - (last.t_ns / NS - 15.0) * 128.0 / 60.0, 4.0) == pytest.approx(0.0, abs=0.02)


def test_two_ticks_in_one_audio_period_still_make_a_line() -> None:
    """1024 frames at 48 kHz: everything arrives on a 21.3 ms grid, and at 128 bpm some ticks two by two."""
    grid_ns = round(1024 / 48_000 * NS)
    coarse = [(-(-t // grid_ns) * grid_ns, s, v) for t, s, v in clock(128.0, 6)]
    assert tempo(heard(coarse)) == pytest.approx(128.0, abs=2.0)


def test_a_clock_as_strudel_sends_it_is_followed() -> None:
    """Measured there at 24 ticks a second: 5 % come 36 ms after the one before, 5 % after 50, on a 10 ms grid."""
    rng = random.Random(2)
    ideal = [1.0 + n / 24 for n in range(24 * 40)]
    late = [max(0.0, rng.gauss(0.006, 0.004)) + 0.03 * (rng.random() < 0.01) for _ in ideal]
    sent = sorted(math.ceil((t + each) * 100) / 100 for t, each in zip(ideal, late, strict=True))
    gaps = sorted(b - a for a, b in pairwise(sent))
    assert gaps[len(gaps) // 20] <= 0.04
    assert gaps[-len(gaps) // 20] >= 0.05
    messages = [(round(sent[0] * NS) - MS, START, 0), *((round(t * NS), CLOCK, 0) for t in sent)]
    transport = Transport(64.0, Leading("music"))
    settled = [p for p in play(transport, messages, 40.0) if p.t_ns > 15 * NS]
    late_ms = [1e3 * math.remainder((p.t_ns / NS - 1.0) - p.beats, 4.0) for p in settled]
    mean_bpm = sum(p.bpm for p in settled) / len(settled)
    assert mean_bpm == pytest.approx(60.0, rel=0.001)
    assert max(abs(p.bpm / 60.0 - 1.0) for p in settled) < 0.01
    assert max(map(abs, late_ms)) < 20.0


def test_link_leads_bar_and_tempo_and_its_silence_leaves_the_tempo() -> None:
    transport = Transport(110.0, Leading("music"))
    for k in range(1, 800):
        if k < 700:
            transport.hear("link", k * 20 * MS, ((1.7 + k * 0.02 * 2.1) % 4.0, 126.0))
        packet = transport.at(k * 20 * MS)
        if k == 699:
            assert packet.source == "link"
            assert math.remainder(packet.beats - (1.7 + k * 0.02 * 2.1), 4.0) == pytest.approx(0.0, abs=0.005)
    assert packet.bpm == pytest.approx(126.0, abs=0.01)
    assert packet.source == "own"
