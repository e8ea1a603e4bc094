"""The fuzzers for a moment: whatever is read is taken or refused with a reason. And they see when it isn't."""

from __future__ import annotations

import pytest
from faults import fuzz, mutants


@pytest.mark.parametrize(
    ("name", "inputs", "kinds"),
    [("heart", 20_000, 3), ("yaml", 2_000, 5), ("session", 400, 2), ("header", 300, 20), ("websocket", 1_000, 10)],
)
def test_whatever_is_read_is_taken_or_refused(name: str, inputs: int, kinds: int) -> None:
    with fuzz.TARGETS[name]() as target:
        report = mutants.run(target, seed=3, inputs=inputs)
    assert report.escapes == []
    assert report.stalls == []
    assert report.inputs == inputs
    # Mutants must reach different refusals and some must get through, or they test too little.
    assert len(report.refused) >= kinds
    assert report.taken > inputs / 50


def test_what_a_page_sends_takes_no_more_memory_than_it_has() -> None:
    """The largest input is a flood of three hundred messages, 5 MB in all."""
    with fuzz.websocket() as target:
        report = mutants.run(target, seed=3, inputs=300, traced=True)
    assert report.escapes == []
    assert 0 < report.most_bytes < 16 << 20


def test_the_same_seed_gives_the_same_inputs() -> None:
    def reports() -> list[object]:
        with fuzz.heart() as target:
            report = mutants.run(target, seed=5, inputs=2_000)
        return [report.taken, report.refused]

    assert reports() == reports()


def test_an_escape_is_seen() -> None:
    def fragile(data: bytes) -> str:
        return "" if data[0] < 128 else str(data[1000])

    target = mutants.Target([b"\x01"], fragile, [b"\xff"])
    report = mutants.run(target, seed=1, inputs=200)
    assert {error.split(":")[0] for error, _ in report.escapes} == {"IndexError"}


def test_a_stall_is_seen() -> None:
    def slow(data: bytes) -> str:
        return str(sum(range(200_000 if data[0] & 1 else 10)))[:0]

    report = mutants.run(mutants.Target([b"\x01"], slow, [b"\xff"], stall_ns=200_000), seed=1, inputs=50)
    assert report.stalls


def test_an_allocation_is_seen() -> None:
    report = mutants.run(mutants.Target([b"\x01"], lambda _: str(bytearray(32 << 20))[:0], []), 1, 1, traced=True)
    assert report.most_bytes >= 32 << 20


def test_a_look_between_the_inputs_that_finds_something_is_an_escape() -> None:
    def broken() -> None:
        raise AssertionError("not served any more")

    target = mutants.Target([b"\x01"], lambda _: "", [b"\xff"], broken)
    assert mutants.run(target, seed=1, inputs=mutants.LOOK_EVERY).escapes[0][0] == "AssertionError: not served any more"
