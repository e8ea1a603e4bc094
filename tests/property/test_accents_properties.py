"""Accents of any packet stream: none at rest, never too close, never nonsense, never a matter of the tick."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from accent_streams import accents, packets
from hypothesis import given, settings
from hypothesis import strategies as st
from shows import RandomArrivals, make_accents, make_service

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.config import AccentSettings
from choreo_service.packets import STREAMS, Accent, SensorPacket
from choreo_service.replay import Tape, replay_accents

REFRACTORY_NS = round(AccentSettings().refractory_ms * MS)
MOTION = [name for name, stream in STREAMS.items() if stream.modality == "motion"]


@given(
    rate=st.floats(10, 400),
    noise=st.floats(0, 0.08),
    turn_hz=st.floats(0, 0.25),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=60)
def test_a_body_at_rest_has_no_accents(rate: float, noise: float, turn_hz: float, seed: int) -> None:
    """Whatever the rate, the noise of a bad phone in m/s^2, and a phone that is turned over in two seconds."""
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * turn_hz * np.arange(int(3 * rate)) / rate
    gravity = 9.80665 * np.stack((np.sin(angle), np.zeros_like(angle), np.cos(angle)), axis=1)
    assert accents(packets((gravity + rng.normal(0, noise, gravity.shape)).tolist(), rate)) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(MOTION),
            st.integers(-20_000_000, 200_000_000),  # ns since the packet before: stamps also repeat and go back
            st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=6, max_size=6),
        ),
        max_size=200,
    )
)
@settings(deadline=None)
def test_any_stream_gives_accents_that_are_finite_in_range_and_apart(raw: list[tuple[str, int, list[float]]]) -> None:
    t_ns, heard = NS, []
    for seq, (stream, gap_ns, values) in enumerate(raw):
        t_ns += gap_ns
        heard.append(SensorPacket(stream, 0, seq, t_ns, t_ns, None, "s", tuple(values[: STREAMS[stream].width])))
    found = accents(heard)
    assert all(math.isfinite(a.strength) and 0.0 < a.strength <= 1.0 for a in found)
    assert all(abs(b.rx_ns - a.rx_ns) >= REFRACTORY_NS for a, b in pairwise(found))
    by_seq = {p.seq: p for p in heard}
    assert all((a.t_ns, a.rx_ns) == (by_seq[a.seq].t_ns, by_seq[a.seq].rx_ns) for a in found)


@given(rate=st.floats(32, 200), size=st.floats(25, 150), turn=st.floats(0, 2 * math.pi))
@settings(deadline=None, max_examples=60)
def test_a_hit_is_told_on_its_first_sample_whatever_the_rate(rate: float, size: float, turn: float) -> None:
    """One accent a hit, on the very sample in which the acceleration jumps, whichever way the phone is worn."""
    samples = np.tile((0.0, 0.0, 9.80665), (int(4 * rate), 1))
    hits = [int(rate * t) for t in (1.5, 2.5, 3.5)]
    for hit in hits:
        samples[hit : hit + max(1, round(0.03 * rate))] += size * np.array((math.sin(turn), 0.0, math.cos(turn)))
    found = accents(packets(samples.tolist(), rate))
    assert [abs(a.seq - hit) <= rate / 100 for a, hit in zip(found, hits, strict=True)] == [True] * 3


@pytest.mark.parametrize("seed", range(3))
def test_the_tick_does_not_enter(seed: int) -> None:
    """The same arrivals through services of 5, 20 and 50 ms ticks, one of which stalls: the same accents, and replayed
    from each tape the same again."""
    shows = []
    for period_ms in (5, 20, 50):
        clock = VirtualClock()
        service = make_service(
            clock, {"phone": lambda e, c: RandomArrivals(e, c, seed=seed, crash=0.0)}, {}, accents=make_accents()
        )
        service.core.period_ns = period_ms * MS
        tape, live = Tape(), list[Accent]()
        service.listeners.append(tape)
        service.on_accent.append(live.append)
        run_virtual(clock, service.run(seconds=10))
        until_ns = tape.entries[-1].t_ns
        played = [a for a in live if a.t_ns <= until_ns]
        assert list(replay_accents(make_accents(), tape.entries)) == played
        shows.append([a for a in live if a.t_ns <= 9 * NS])
    assert shows[0] == shows[1] == shows[2]
    assert len(shows[0]) > 5
