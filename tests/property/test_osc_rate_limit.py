"""The token bucket: a bound for every sequence of arrivals, and a table that holds for every set of sources."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from choreo_adapters.osc.limits import IDLE_NS, MAX_SOURCES, RateLimiter, Verdict

S = 1_000_000_000
GAPS = st.lists(st.integers(-1_000_000, S // 2), min_size=1, max_size=300)


@given(rate=st.floats(1, 2000), burst=st.integers(1, 50), gaps=GAPS)
@example(rate=1835.453125, burst=1, gaps=[-1, 544_825])
@settings(deadline=None)
def test_never_more_than_the_burst_and_what_the_rate_refills(rate: float, burst: int, gaps: list[int]) -> None:
    limiter = RateLimiter(rate, burst)
    now = 10 * S
    first = latest = now + gaps[0]  # the bucket's time begins with the first arrival
    passed = 0
    for gap in gaps:
        now += gap
        latest = max(latest, now)
        passed += limiter.check("a", now) is Verdict.PASS
        assert passed <= burst + (latest - first) / S * rate + 1e-6


@given(rate=st.floats(10, 2000), burst=st.integers(1, 50), count=st.integers(1, 300))
@settings(deadline=None)
def test_a_sender_below_the_rate_loses_nothing(rate: float, burst: int, count: int) -> None:
    limiter = RateLimiter(rate, burst)
    gap = int(S / rate) + 1
    assert all(limiter.check("a", S + i * gap) is Verdict.PASS for i in range(count))


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, S // 100)), max_size=400))
@settings(deadline=None)
def test_the_table_is_bounded_and_who_is_sending_keeps_its_place(arrivals: list[tuple[int, int]]) -> None:
    limiter = RateLimiter(1000, 100)
    now = S
    limiter.check("phone", now)
    heard = now
    for stranger, gap in arrivals:
        now += gap
        limiter.check(f"stranger {stranger}", now)
        assert len(limiter) <= MAX_SOURCES
        if now - heard >= IDLE_NS // 2:
            assert limiter.check("phone", now) is Verdict.PASS
            heard = now


def test_a_newcomer_finds_a_full_table_until_somebody_falls_silent() -> None:
    limiter = RateLimiter(1000, 100)
    for i in range(MAX_SOURCES):
        assert limiter.check(f"source {i}", S) is Verdict.PASS
    assert limiter.check("newcomer", S + IDLE_NS - 1) is Verdict.CROWD
    assert limiter.check("newcomer", S + IDLE_NS) is Verdict.PASS


def test_the_place_that_is_freed_is_that_of_the_silent_one() -> None:
    limiter = RateLimiter(1000, 100)
    for i in range(MAX_SOURCES):
        limiter.check(f"source {i}", S)
    limiter.check("source 0", S + IDLE_NS)
    assert limiter.check("newcomer", S + IDLE_NS + 1) is Verdict.PASS
    for _ in range(98):
        assert limiter.check("source 0", S + IDLE_NS + 1) is Verdict.PASS
    # Its bucket was not forgotten: a new one would have been full.
    assert limiter.check("source 0", S + IDLE_NS + 1) is Verdict.PASS
    assert limiter.check("source 0", S + IDLE_NS + 1) is Verdict.RATE


@given(messages=st.integers(0, 64), burst=st.integers(1, 500))
@settings(deadline=None)
def test_messages_packed_into_bundles_are_charged(messages: int, burst: int) -> None:
    limiter = RateLimiter(1, burst)
    passed = 0
    while limiter.check("a", S) is Verdict.PASS:
        limiter.charge("a", messages)
        passed += 1 + messages
    assert passed <= burst + messages


@given(charges=st.lists(st.integers(0, 64), min_size=1, max_size=100))
@settings(deadline=None)
def test_debt_is_forgiven_within_two_bursts_of_time(charges: list[int]) -> None:
    limiter = RateLimiter(100, 100)
    limiter.check("a", S)
    for messages in charges:
        limiter.charge("a", messages)
    assert limiter.check("a", S + 2 * S) is Verdict.PASS
