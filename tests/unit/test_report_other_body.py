"""Whose body is put into a take: a neighbour another dancer made, never the take itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from session_samples import some_packets

from choreo_pipelines.report.other_body import named_body, neighbouring_body
from choreo_service.errors import SessionError
from choreo_service.session import Session, open_session, write_session


def a_take(path: Path, count: int, *, motion: bool = True, **meta: Any) -> Session:
    """`count` packets make it another take than one of another count."""
    packets = (p for p in some_packets(count) if motion or p.modality != "motion")
    write_session(path, packets=packets, steps=None, meta={"source": "a test", **meta})
    return open_session(path)


def test_another_dancer_at_another_tempo_comes_first(tmp_path: Path) -> None:
    own = a_take(tmp_path / "b", 100, performer={"id": "ann"}, bpm=110.0)
    a_take(tmp_path / "c", 110, performer={"id": "ann"}, bpm=96.0)
    a_take(tmp_path / "d", 120, performer={"id": "bob"}, bpm=111.0)
    a_take(tmp_path / "a", 130, performer={"id": "bob"}, bpm=128.0)
    found = neighbouring_body(own)
    assert found is not None
    assert found.path.name == "a"


def test_of_equals_the_next_by_name_is_taken_and_the_last_goes_round(tmp_path: Path) -> None:
    takes = [a_take(tmp_path / name, 100 + i) for i, name in enumerate("abc")]
    found = [neighbouring_body(take) for take in takes]
    assert [other.path.name for other in found if other] == ["b", "c", "a"]


def test_copies_bodiless_and_damaged_neighbours_are_passed_over(tmp_path: Path) -> None:
    own = a_take(tmp_path / "own", 100)
    a_take(tmp_path / "copy", 100)
    a_take(tmp_path / "heart", 120, motion=False)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "meta.json").write_text("{")
    assert neighbouring_body(own) is None
    a_take(tmp_path / "zoe", 140)
    found = neighbouring_body(own)
    assert found is not None
    assert found.path.name == "zoe"


def test_a_take_is_not_its_own_other(tmp_path: Path) -> None:
    own = a_take(tmp_path / "own", 100)
    with pytest.raises(SessionError, match="itself"):
        named_body(tmp_path / "own", own)
    a_take(tmp_path / "heart", 120, motion=False)
    with pytest.raises(SessionError, match="no motion"):
        named_body(tmp_path / "heart", own)
    a_take(tmp_path / "zoe", 140)
    assert named_body(tmp_path / "zoe", own).path.name == "zoe"


def test_headers_of_other_programs_do_not_disturb(tmp_path: Path) -> None:
    own = a_take(tmp_path / "own", 100, bpm="fast", performer="ann")
    a_take(tmp_path / "z", 120, bpm=None)
    meta = json.loads((tmp_path / "z" / "meta.json").read_text())
    assert "bpm" in meta
    assert neighbouring_body(own) is not None


def test_the_other_take_has_the_same_performer(tmp_path: Path) -> None:
    own = a_take(tmp_path / "own", 100, performers=2)
    a_take(tmp_path / "solo", 120)
    assert neighbouring_body(own, 0) is not None
    assert neighbouring_body(own, 1) is None
    with pytest.raises(SessionError, match="no performer 1"):
        named_body(tmp_path / "solo", own, 1)
