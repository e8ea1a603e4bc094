"""The own clock, positions told by a take, taps, and who leads when."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

import pytest

from choreo_service.clock import MS, NS
from choreo_service.packets import LEADERS, TempoPacket
from choreo_service.transport import Leading, Transport

TICK = 20 * MS


def ticks(transport: Transport, seconds: float, start_s: float = 0.0) -> Iterator[TempoPacket]:
    for k in range(round(start_s * 50), round((start_s + seconds) * 50)):
        yield transport.at(k * TICK)


def policy(transport: Transport, leader: str) -> None:
    transport.hear("tempo_policy", 0, (float(LEADERS.index(leader)),))


def test_the_own_clock_plays_the_home_tempo() -> None:
    transport = Transport(home_bpm=120)
    assert [transport.at(i * NS // 4).beats for i in range(5)] == [0, 0.5, 1, 1.5, 2]
    assert transport.at(NS).bpm == 120


def test_a_told_position_is_taken_to_the_letter_and_its_silence_leaves_the_tempo_running() -> None:
    transport = Transport(home_bpm=120)
    for i in range(500):  # 90 bpm at 50 Hz, starting on beat 1.25
        beats = 1.25 + i * 0.03
        transport.hear("beat", i * TICK, (beats % 1, int(beats) % 4))
        assert transport.at(i * TICK).beats == (beats % 1 + int(beats) % 4) % 4
    last_ns, last_beats = 499 * TICK, 1.25 + 499 * 0.03
    assert transport.at(last_ns).bpm == pytest.approx(90, rel=1e-6)
    assert transport.at(last_ns + 10 * NS).beats == pytest.approx((last_beats + 15) % 4)


def test_a_jump_of_the_source_is_a_new_position_not_a_tempo() -> None:
    transport = Transport(home_bpm=120)
    transport.hear("beat", 0, (0.0, 0.0))
    transport.hear("beat", TICK, (0.5, 2.0))
    assert (transport.at(TICK).beats, transport.at(TICK).bpm) == (2.5, 120)


def test_taps_move_home_and_the_phase_goes_to_where_they_were() -> None:
    transport = Transport(home_bpm=110)
    packets = []
    for k in range(20 * 50):
        if k in range(50, 200, 24):  # seven taps at 125 bpm
            transport.hear("tap", k * TICK, (1.0,))
        packets.append(transport.at(k * TICK))
    assert transport.home_bpm == pytest.approx(125, rel=0.001)
    assert packets[-1].bpm == pytest.approx(125, rel=0.002)
    end_s = packets[-1].t_ns / NS
    assert math.remainder(packets[-1].beats - (end_s - 1.0) / 0.48, 1.0) == pytest.approx(0, abs=0.01)
    changes = [b.bpm / a.bpm - 1 for a, b in pairwise(packets)]
    assert max(map(abs, changes)) < 0.03


@pytest.mark.parametrize("gaps", [(0.5, 0.5), (0.5, 0.5, 5.0, 0.5, 0.5), (0.5, 0.9, 0.5, 0.9), (0.01,) * 20])
def test_what_is_no_row_of_taps_changes_nothing(gaps: tuple[float, ...]) -> None:
    transport, t_s = Transport(home_bpm=100), 1.0
    for gap in gaps:
        transport.hear("tap", round(t_s * NS), (1.0,))
        t_s += gap
    transport.hear("tap", round(t_s * NS), (1.0,))
    assert transport.home_bpm == 100


def test_leaders_change_on_bar_lines_only_and_nothing_jumps() -> None:
    transport = Transport(home_bpm=113)
    packets: list[TempoPacket] = []
    for i, leader in enumerate(("body", "music", "shared", "self", "body")):
        policy(transport, leader)
        packets += ticks(transport, 5.3, start_s=5.3 * i)
    changed = [(a, b) for a, b in pairwise(packets) if a.leader != b.leader]
    assert [b.leader for _, b in changed] == ["body", "music", "shared", "self", "body"]
    for before, after in changed:
        assert after.beats < before.beats  # a bar began
        assert before.wanted == after.leader
    moves = [(b.beats - a.beats) % 4 for a, b in pairwise(packets)]
    assert max(moves) < 1.17 * 113 / 60 * 0.02
    assert min(moves) > 0


def test_a_switch_to_the_leader_that_leads_is_no_switch() -> None:
    transport = Transport(home_bpm=120)
    policy(transport, "body")
    policy(transport, "self")
    assert {p.leader for p in ticks(transport, 5)} == {"self"}


def test_tempo_scale_is_the_tempo_while_the_body_leads_and_nobodys_otherwise() -> None:
    for leader in LEADERS:
        transport = Transport(110, Leading(leader))
        for n in range(40):  # 118.8 bpm, 8 % above home
            transport.body_beat(round((1 + n * 60 / 118.8) * NS))
            tempo = transport.at(round((1 + n * 60 / 118.8) * NS) + TICK)
        if leader == "body":
            assert tempo.scale == pytest.approx(0.5 + 0.08 / 0.24, abs=0.03)
        else:
            assert tempo.scale is None


def test_body_beats_don_t_move_what_a_body_doesn_t_lead() -> None:
    for leader in ("self", "music"):
        led, alone = Transport(110, Leading(leader)), Transport(110, Leading(leader))
        for n in range(20):
            led.body_beat(round(n * 0.52 * NS))
            assert led.at(round(n * 0.52 * NS) + TICK) == alone.at(round(n * 0.52 * NS) + TICK)


@pytest.mark.parametrize("leader", LEADERS)
def test_state_continues_where_it_was(leader: str) -> None:
    def play(transport: Transport, start: int, end: int) -> list[TempoPacket]:
        out = []
        for k in range(start, end):
            t_ns = k * TICK
            if k % 26 == 0:
                transport.body_beat(t_ns - 7 * MS)
            if k % 25 == 3:
                transport.hear("tap", t_ns, (1.0,))
            transport.hear("midi_clock", t_ns - (k * 7919) % 5 * MS, (0xF8, 0.0))
            transport.hear("link", t_ns, (k * 0.041, 123.0))
            if k == 700:
                policy(transport, LEADERS[(LEADERS.index(leader) + 1) % 4])
            out.append(transport.at(t_ns))
        return out

    first, second = Transport(100, Leading(leader)), Transport(100, Leading(leader))
    play(first, 1, 600)
    second.load_state(first.state())
    assert play(first, 600, 1000) == play(second, 600, 1000)
    first.reset()
    assert str(first.state()) == str(Transport(100, Leading(leader)).state())
