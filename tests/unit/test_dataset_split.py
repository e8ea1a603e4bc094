"""Sides of a split share no dancer and no take."""

from __future__ import annotations

from pathlib import Path

import pytest

from choreo_pipelines.datasets import Entry, split
from choreo_service.errors import ConfigError


def _entry(name: str, performer_id: str) -> Entry:
    return Entry(name, performer_id, Path(f"{name}-{performer_id}.arrow"))


def test_a_quarter_of_the_dancers_is_set_aside() -> None:
    entries = [_entry(f"take{i}", f"dancer{i}") for i in range(8)]
    sides = split(entries, seed=0)
    assert len(sides.validation) == 2
    assert sorted(sides.train + sides.validation) == list(range(8))


def test_other_seeds_set_others_aside() -> None:
    entries = [_entry(f"take{i}", f"dancer{i}") for i in range(8)]
    assert len({split(entries, seed=seed).validation for seed in range(20)}) > 5


def test_two_dancers_make_two_sides_whatever_the_share() -> None:
    entries = [_entry("a", "ana"), _entry("b", "ben")]
    for share in (0.01, 0.5, 0.99):
        sides = split(entries, seed=1, validation_share=share)
        assert len(sides.train) == len(sides.validation) == 1


def test_the_dancer_of_most_takes_is_not_the_one_set_aside() -> None:
    entries = [*(_entry(f"a{i}", "ana") for i in range(9)), _entry("b", "ben")]
    for seed in range(10):
        assert split(entries, seed=seed).validation == (9,)


def test_a_shared_take_joins_its_dancers() -> None:
    """Ana danced alone, with Ben, and Ben with Cem: the music and the beat of a take are the same for both."""
    entries = [
        _entry("one", "ana"),
        _entry("two", "ana"),
        _entry("two", "ben"),
        _entry("three", "ben"),
        _entry("three", "cem"),
        _entry("four", "dora"),
    ]
    for seed in range(10):
        assert split(entries, seed=seed).validation == (5,)


@pytest.mark.parametrize(
    "entries", [[_entry("a", "ana"), _entry("b", "ana")], [_entry("duet", "ana"), _entry("duet", "ben")], []]
)
def test_dancers_that_can_not_be_parted_are_a_config_error(entries: list[Entry]) -> None:
    with pytest.raises(ConfigError, match="at least two") as caught:
        split(entries, seed=0)
    assert "choreo-lab generate --sessions 5" in caught.value.fix


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_that_leaves_a_side_empty_is_a_programming_error(share: float) -> None:
    with pytest.raises(ValueError, match="validation_share"):
        split([_entry("a", "ana"), _entry("b", "ben")], seed=0, validation_share=share)
