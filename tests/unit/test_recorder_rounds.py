"""The recorder's threads: on their grid, at once when hurried, and gone when they are done."""

from __future__ import annotations

import threading

from choreo_service.clock import MS, NS, VirtualClock
from choreo_service.recorder.rounds import Rounds

PATIENCE_S = 30.0


class Beaten:
    """What a thread works on: counts its rounds, and is over once told so."""

    def __init__(self) -> None:
        self.rounds = 0
        self.over = False
        self.was_called = threading.Event()

    def work(self) -> None:
        self.rounds += 1
        self.was_called.set()


def test_rounds_come_by_themselves_until_all_is_done() -> None:
    beaten = Beaten()
    rounds = Rounds("test", VirtualClock(), 0.001, beaten.work, lambda: beaten.rounds >= 5)
    assert not rounds.started
    rounds.start()
    assert rounds.started
    assert rounds.join(PATIENCE_S)
    assert beaten.rounds == 5


def test_a_round_can_be_hurried_and_a_hurry_during_a_round_makes_another_one() -> None:
    beaten = Beaten()
    rounds = Rounds("test", VirtualClock(), 1e6, beaten.work, lambda: beaten.over)
    rounds.start()
    assert not beaten.was_called.wait(0.05)
    rounds.hurry()
    assert beaten.was_called.wait(PATIENCE_S)

    began, go = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        go.wait(PATIENCE_S)

    rounds._work = slow
    rounds.hurry()
    assert began.wait(PATIENCE_S)
    assert not rounds.join(0.0)
    rounds._work = beaten.work
    beaten.was_called.clear()
    rounds.hurry()  # while it is in the slow one
    go.set()
    assert beaten.was_called.wait(PATIENCE_S)
    beaten.over = True
    rounds.hurry()
    assert rounds.join(PATIENCE_S)


def test_a_slow_round_makes_the_next_one_no_later() -> None:
    """Each round takes 60 of 100 ms: what the thread waits for is the rest, and after a round of 250 ms nothing."""
    clock, waits, takes_ms = VirtualClock(), list[float](), iter([60, 60, 250, 60, 0])

    class Wake(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            assert timeout is not None
            waits.append(round(timeout, 3))
            clock.advance(round(timeout * NS))
            return False

    rounds = Rounds("test", clock, 0.1, lambda: clock.advance(next(takes_ms) * MS), lambda: len(waits) == 5)
    rounds._wake = Wake()
    rounds.start()
    assert rounds.join(PATIENCE_S)
    assert waits == [0.1, 0.04, 0.04, 0.0, 0.04]
