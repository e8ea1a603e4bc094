"""One stamp, one bound per source, everything refused or lost is counted."""

import math

import pytest

from choreo_service.clock import VirtualClock
from choreo_service.ingress import Ingress

ACC = (0.0, 0.0, 9.81)


def make(bound: int = 4, performers: int = 2) -> tuple[VirtualClock, Ingress]:
    clock = VirtualClock(start_ns=100)
    return clock, Ingress(clock, performers=performers, bound=bound)


def test_a_tick_takes_exactly_what_arrived_until_it_was_due() -> None:
    clock, ingress = make()
    emit = ingress.emitter("phone")
    emit("acceleration", ACC)
    clock.advance(50)
    emit("acceleration", ACC)
    clock.advance(1)
    emit("acceleration", ACC)
    assert [p.t_ns for p in ingress.take_until(150)] == [100, 150]
    assert ingress.take_until(150) == []
    assert [p.t_ns for p in ingress.take_until(10**9)] == [151]


def test_a_packet_on_the_grid_that_comes_after_its_tick_is_stamped_for_the_next() -> None:
    clock, ingress = make()
    emit = ingress.emitter("phone")
    ingress.take_until(clock.now_ns())
    emit("acceleration", ACC)
    assert ingress.take_until(100) == []
    assert [p.t_ns for p in ingress.take_until(120)] == [101]
    clock.advance(50)
    emit("acceleration", ACC)  # the stamps are ahead of the clock for no longer than that nanosecond
    assert [p.t_ns for p in ingress.take_until(150)] == [150]


@pytest.mark.parametrize("late_ns", [0, 1, 7])
def test_stamps_alone_tell_which_tick_took_a_packet(late_ns: int) -> None:
    """What a take is cut by. Two sensors send on the grid itself, one before the tick has run, one after it."""
    clock, ingress = make()
    early, late = ingress.emitter("early"), ingress.emitter("late")
    taken = []
    ticks = range(120, 320, 20)
    for due_ns in ticks:
        clock.advance(due_ns - clock.now_ns())
        early("acceleration", ACC)
        clock.advance(late_ns)
        taken.append(ingress.take_until(due_ns))
        late("acceleration", ACC)
    packets = sorted((p for tick in taken for p in tick), key=lambda p: p.seq)
    by_stamp = [[p for p in packets if due_ns - 20 < p.t_ns <= due_ns] for due_ns in ticks]
    assert taken == by_stamp
    assert [len(tick) for tick in taken] == [1] + [2] * 9
    assert [p.t_ns for p in packets] == sorted(p.t_ns for p in packets)


def test_a_late_tick_takes_what_was_received_before_it_was_due_and_read_after() -> None:
    clock, ingress = make()
    emit = ingress.emitter("phone")
    clock.advance(100)
    emit("acceleration", ACC, rx_ns=140)
    emit("acceleration", ACC, rx_ns=151)
    assert [p.t_ns for p in ingress.take_until(150)] == [140]
    assert [p.t_ns for p in ingress.take_until(170)] == [151]


def test_what_was_received_before_a_tick_that_has_been_played_is_stamped_for_the_next() -> None:
    clock, ingress = make()
    emit = ingress.emitter("phone")
    clock.advance(100)
    ingress.take_until(150)
    emit("acceleration", ACC, rx_ns=140)
    assert ingress.take_until(150) == []
    assert [(p.t_ns, p.rx_ns) for p in ingress.take_until(170)] == [(151, 140)]


def test_stamps_never_decrease_whatever_the_receive_times_do() -> None:
    clock, ingress = make(bound=10)
    emit = ingress.emitter("phone")
    clock.advance(100)
    for rx_ns in (130, 120, None, 110, 10**6):
        emit("acceleration", ACC, rx_ns=rx_ns)
    taken = ingress.take_until(10**9)
    assert [(p.t_ns, p.rx_ns) for p in taken] == [(130, 130), (130, 120), (200, 200), (200, 110), (200, 200)]


def test_packets_of_several_sources_come_in_order_of_arrival() -> None:
    clock, ingress = make()
    left, right = ingress.emitter("left"), ingress.emitter("right")
    for emit in (left, right, left, right):
        emit("acceleration", ACC)
        clock.advance(1)
    assert [(p.seq, p.source_id) for p in ingress.take_until(10**9)] == [
        (0, "left"),
        (1, "right"),
        (2, "left"),
        (3, "right"),
    ]


def test_a_full_buffer_drops_the_oldest_and_says_so() -> None:
    _, ingress = make(bound=3)
    emit = ingress.emitter("phone")
    for i in range(5):
        emit("acceleration", (float(i), 0.0, 0.0))
    assert [p.values[0] for p in ingress.take_until(10**9)] == [2.0, 3.0, 4.0]
    assert ingress.counts() == {"phone": {"accepted": 5, "overflow": 2}}


@pytest.mark.parametrize(
    ("stream", "values", "performer", "cause"),
    [
        ("acceleration", (math.nan, 0.0, 0.0), 0, "not finite"),
        ("acceleration", (math.inf, 0.0, 0.0), 0, "not finite"),
        ("acceleration", (10**400, 0, 0), 0, "not a number"),
        ("acceleration", (1.0, 2.0), 0, "wrong width"),
        ("acceleration", ("a", "b", "c"), 0, "not a number"),
        ("acceleration", None, 0, "not a number"),
        ("smell", (1.0,), 0, "unknown stream"),
        ("acceleration", ACC, 2, "unknown performer"),
        ("acceleration", ACC, -1, "unknown performer"),
    ],
)
def test_bad_samples_are_refused_by_cause_and_never_raise(
    stream: str, values: object, performer: int, cause: str
) -> None:
    _, ingress = make()
    ingress.emitter("phone")(stream, values, performer=performer)  # type: ignore[arg-type]
    assert ingress.take_until(10**9) == []
    assert ingress.counts() == {"phone": {"accepted": 0, cause: 1}}


def test_a_receive_stamp_of_the_future_is_cut_to_the_arrival() -> None:
    _, ingress = make()
    emit = ingress.emitter("phone")
    emit("acceleration", ACC, rx_ns=10**6)
    emit("acceleration", ACC, rx_ns=90, source_ns=7, source="192.0.2.7")
    late, early = ingress.take_until(10**9)
    assert (late.t_ns, late.rx_ns) == (100, 100)
    assert (early.rx_ns, early.source_ns, early.source_id) == (90, 7, "phone:192.0.2.7")


def test_invented_sources_cannot_grow_memory() -> None:
    _, ingress = make()
    emit = ingress.emitter("phone")
    for i in range(10_000):
        emit("acceleration", ACC, source=f"spoofed{i}")
        emit.rejected("malformed", source=f"other{i}")
    counts = ingress.counts()
    assert len(counts) <= 2 * 128 + 1
    assert sum(n for c in counts.values() for n in c.values()) == 20_000


def test_the_adapter_counts_what_it_refuses_itself() -> None:
    _, ingress = make()
    ingress.emitter("phone").rejected("malformed", source="192.0.2.7", count=3)
    assert ingress.counts() == {"phone:192.0.2.7": {"accepted": 0, "malformed": 3}}
