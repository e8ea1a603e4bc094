"""Whatever packets come, in whatever order and from whatever time: phase moves on, tempo stays a tempo."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_service.clock import MS, NS
from choreo_service.packets import LEADERS
from choreo_service.transport import Leading, Transport

HOME = 100.0
STREAMS = ("midi_clock", "link", "tap", "tempo_policy", "body")
Steps = list[tuple[int, list[tuple[str, int, tuple[float, float]]]]]

numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-300, 300),
    st.sampled_from([0.0, 1.0, 2.0, 3.0, 242.0, 248.0, 250.0, 251.0, 252.0]),
)
ages = st.one_of(st.integers(0, 40 * MS), st.integers(-NS, 10 * NS), st.integers(-(1 << 62), 1 << 62))
packets = st.tuples(st.sampled_from(STREAMS), ages, st.tuples(numbers, numbers))
ticks = st.lists(st.tuples(st.integers(1, 50), st.lists(packets, max_size=6)), min_size=1, max_size=60)
leaders = st.sampled_from(LEADERS)


def hear(transport: Transport, stream: str, t_ns: int, values: tuple[float, float]) -> None:
    if stream == "body":
        transport.body_beat(t_ns)
    else:
        transport.hear(stream, t_ns, values)


@settings(deadline=None)
@given(leaders, ticks)
def test_phase_moves_on_and_nothing_jumps(leader: str, steps: Steps) -> None:
    transport = Transport(HOME, Leading(leader))
    t_ns = 10 * NS
    before = transport.at(t_ns)
    for dk, heard in steps:
        for stream, age_ns, values in heard:
            hear(transport, stream, t_ns - age_ns, values)
        t_ns += dk * 20 * MS
        now = transport.at(t_ns)
        elapsed_s = dk * 0.02
        assert 0.0 <= now.beats < 4.0
        assert 30.0 * 0.88 <= now.bpm <= 300.0 * 1.12
        moved = math.fmod(now.beats - before.beats + 8.0, 1.0)  # beats may be renumbered, phase not
        fastest = max(before.bpm, now.bpm) / 60.0 * 1.25 * elapsed_s
        slowest = min(before.bpm, now.bpm) / 60.0 * 0.75 * elapsed_s
        if fastest < 0.9:
            assert slowest <= moved + 1e-9 <= fastest + 2e-9
        before = now


@settings(deadline=None)
@given(st.sampled_from(("body", "shared")), st.lists(st.integers(1, 2000), max_size=120))
def test_a_leading_body_keeps_within_the_home_range(leader: str, gaps_ms: list[int]) -> None:
    transport = Transport(HOME, Leading(leader))
    t_ns, tick_ns = NS, NS
    transport.at(tick_ns)
    for gap_ms in gaps_ms:
        t_ns += gap_ms * MS
        while tick_ns < t_ns:
            tick_ns += 20 * MS
            tempo = transport.at(tick_ns)
            assert HOME * 0.88 * 0.96 - 1e-6 <= tempo.bpm <= HOME * 1.12 * 1.04 + 1e-6
        transport.body_beat(t_ns)


@settings(deadline=None)
@given(leaders, ticks)
def test_a_saved_state_goes_on_the_same(leader: str, steps: Steps) -> None:
    first, second = Transport(HOME, Leading(leader)), Transport(HOME, Leading(leader))
    t_ns = 10 * NS
    for dk, heard in steps:
        for stream, age_ns, values in heard:
            hear(first, stream, t_ns - age_ns, values)
        t_ns += dk * 20 * MS
        first.at(t_ns)
    second.load_state(first.state())
    for dk, heard in steps:
        for stream, age_ns, values in heard:
            hear(first, stream, t_ns - age_ns, values)
            hear(second, stream, t_ns - age_ns, values)
        t_ns += dk * 20 * MS
        assert first.at(t_ns) == second.at(t_ns)


@settings(deadline=None)
@given(
    leaders, st.lists(st.tuples(st.sampled_from((*STREAMS, "beat")), ages, st.tuples(numbers, numbers)), max_size=80)
)
def test_told_positions_too_leave_a_position_and_a_tempo(
    leader: str, heard: list[tuple[str, int, tuple[float, float]]]
) -> None:
    transport = Transport(HOME, Leading(leader))
    t_ns = 10 * NS
    for stream, age_ns, values in heard:
        hear(transport, stream, t_ns - age_ns, values)
        t_ns += 20 * MS
        now = transport.at(t_ns)
        assert 0.0 <= now.beats < 4.0
        assert 30.0 * 0.88 <= now.bpm <= 300.0 * 1.12
        assert now.scale is None or 0.0 <= now.scale <= 1.0
