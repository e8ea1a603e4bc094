"""The fuzzers for a moment: whatever is read is taken or refused with a reason. And they see when it isn't."""

from __future__ import annotations

import pytest
from faults import fuzz


@pytest.mark.parametrize(("name", "inputs", "kinds"), [("heart", 20_000, 3), ("yaml", 2_000, 5), ("session", 400, 2)])
def test_whatever_is_read_is_taken_or_refused(name: str, inputs: int, kinds: int) -> None:
    with fuzz.TARGETS[name]() as target:
        report = fuzz.run(target, seed=3, inputs=inputs)
    assert report.escapes == []
    assert report.stalls == []
    assert report.inputs == inputs
    # Mutants must reach different refusals and some must get through, or they test too little.
    assert len(report.refused) >= kinds
    assert report.taken > inputs / 50


def test_the_same_seed_gives_the_same_inputs() -> None:
    def reports() -> list[object]:
        with fuzz.heart() as target:
            report = fuzz.run(target, seed=5, inputs=2_000)
        return [report.taken, report.refused]

    assert reports() == reports()


def test_an_escape_is_seen() -> None:
    def fragile(data: bytes) -> str:
        return "" if data[0] < 128 else str(data[1000])

    target = fuzz.Target([b"\x01"], fragile, [b"\xff"])
    report = fuzz.run(target, seed=1, inputs=200)
    assert {error.split(":")[0] for error, _ in report.escapes} == {"IndexError"}


def test_a_stall_is_seen() -> None:
    def slow(data: bytes) -> str:
        return str(sum(range(200_000 if data[0] & 1 else 10)))[:0]

    report = fuzz.run(fuzz.Target([b"\x01"], slow, [b"\xff"]), seed=1, inputs=50, stall_ns=200_000)
    assert report.stalls
