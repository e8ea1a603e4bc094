"""What a header may say, key by key, and how a fault in it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from session_samples import some_packets, some_steps

from choreo_service.errors import SessionError
from choreo_service.session import Session, open_session, write_session
from choreo_service.session.header import faults
from choreo_service.session.meta import META_FILE, set_tags

LEAST = {
    "schema_version": 1,
    "name": "a",
    "created": "",
    "source": "live",
    "period_ns": None,
    "start_ns": None,
    "performers": 1,
    "ticks": 0,
    "coverage": {},
    "notes": [],
}


@pytest.fixture
def take(tmp_path: Path) -> Session:
    return write_session(tmp_path / "a", packets=some_packets(20), steps=some_steps(5), meta={})


def told(changes: dict[str, Any]) -> list[str]:
    return [fault.text for fault in faults(LEAST | changes)]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"period_ns": 0}, "period_ns: expected greater than or equal to 1000000, found 0"),
        ({"period_ns": -20_000_000}, "period_ns: expected greater than or equal to 1000000, found -20000000"),
        ({"period_ns": 10**30}, f"period_ns: expected less than or equal to 1000000000, found {10**30}"),
        ({"period_ns": True}, "period_ns: expected an integer, found True"),
        ({"performers": 0}, "performers: expected greater than or equal to 1, found 0"),
        ({"performers": 10**9}, "performers: expected less than or equal to 128, found 1000000000"),
        ({"ticks": -1}, "ticks: expected greater than or equal to 0, found -1"),
        ({"start_ns": 2**63}, f"start_ns: expected less than or equal to {2**62}, found {2**63}"),
        ({"duration_s": "x"}, "duration_s: expected a number, found 'x'"),
        ({"duration_s": float("nan")}, "duration_s: expected a finite number, found nan"),
        ({"duration_s": -1}, "duration_s: expected greater than or equal to 0, found -1"),
        ({"coverage": {"motion": 5}}, "coverage.motion: expected an object, found 5"),
        (
            {"coverage": {"motion": {"fraction": 1.5}}},
            "coverage.motion.fraction: expected less than or equal to 1, found 1.5",
        ),
        ({"coverage": {"motion": {"samples": None}}}, "coverage.motion.samples: expected an integer, found null"),
        ({"notes": [5]}, "notes.0: expected a string, found 5"),
        ({"tags": 5}, "tags: expected a list, found 5"),
        ({"lost_rows": [1]}, "lost_rows: expected an object, found [1]"),
        ({"lost_rows": {"packets": "x"}}, "lost_rows.packets: expected an integer, found 'x'"),
        ({"markers": [{"t_ns": 1}]}, "markers.0.label: expected, but not there"),
        ({"markers": {}}, "markers: expected a list, found {}"),
        ({"markers": [{"t_ns": 0.5, "label": ""}]}, "markers.0.t_ns: expected an integer, found 0.5"),
        ({"gestures": [{"start_s": 0, "name": "jump"}]}, "gestures.0.end_s: expected, but not there"),
        (
            {"control_map": {"tension": {"cc": 500}}},
            "control_map.tension.cc: expected less than or equal to 127, found 500",
        ),
        ({"control_map": {"tension": {"cc": None}}}, "control_map.tension.cc: expected an integer, found null"),
        ({"control_map": {"tension": {"cc": "x"}}}, "control_map.tension.cc: expected an integer, found 'x'"),
        (
            {"control_map": {"tension": {"channel": 0}}},
            "control_map.tension.channel: expected greater than or equal to 1, found 0",
        ),
        ({"bridges": ["midi"]}, "bridges: expected an object, found ['midi']"),
        ({"bridges": {"midi": 1}}, "bridges.midi: expected a string, found 1"),
        ({"sensors": {"phone": None}}, "sensors.phone: expected a string, found null"),
        ({"bits": {"midi": "14"}}, "bits.midi: expected an integer, found '14'"),
        ({"engine": []}, "engine: expected an object, found []"),
        ({"accents": 1}, "accents: expected an object, found 1"),
        ({"transport": "x"}, "transport: expected an object, found 'x'"),
        ({"generator": "m0"}, "generator: expected an object, found 'm0'"),
        ({"generator": {"settings": 5}}, "generator.settings: expected an object, found 5"),
        ({"state": 5}, "state: expected an object, found 5"),
        ({"state": {"bytes": "x"}}, "state.bytes: expected an integer, found 'x'"),
        ({"files": {"packets": {"crc32": 1}}}, "files.packets.crc32: expected a string, found 1"),
        ({"files": {"../x": {}}}, "files.'../x': expected a plain name in lower case, found '../x'"),
        ({"began_without": "strap"}, "began_without: expected a list, found 'strap'"),
        ({"ended": None}, "ended: expected a string, found null"),
        ({"models": 5}, "models: expected a string, found 5"),
    ],
)
def test_a_fault_names_the_place_what_was_expected_and_what_was_found(changes: dict[str, Any], text: str) -> None:
    assert told(changes) == [text]
    assert {fault.key for fault in faults(LEAST | changes)} == set(changes)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"period_ns": 5_000_000, "start_ns": -5, "performers": 128, "duration_s": 3},
        {"coverage": {"motion": {}, "aura": {"fraction": 1}}, "notes": "one"},
        {"markers": [], "gestures": [], "files": {}, "control_map": {"tension": {}}, "bits": {"midi": 14}},
        {"mine": [None, {"any": 10**30}], "performer": "ann", "bpm": "fast", "units": 5},
        {"files": {"of_a_later_version": {"rows": 1, "bytes": 1, "crc32": "00000000", "more": 1}}},
    ],
)
def test_what_may_be_left_out_and_what_is_nobodys_business(changes: dict[str, Any]) -> None:
    assert told(changes) == []


@pytest.mark.parametrize("key", [key for key in LEAST if key != "schema_version"])
def test_what_every_take_says(key: str) -> None:
    assert [fault.text for fault in faults({k: v for k, v in LEAST.items() if k != key})] == [
        f"{key}: expected, but not there"
    ]


def _written(take: Session, text: str) -> str:
    (take.path / META_FILE).write_text(text, "utf-8")
    with pytest.raises(SessionError) as caught:
        open_session(take.path)
    assert "use an intact copy" in caught.value.fix
    return caught.value.problem


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", r'"\ud800"', r'{"\udfff": 1}'])
def test_what_only_python_takes_for_json_is_refused_under_any_key(take: Session, value: str) -> None:
    header = (take.path / META_FILE).read_text("utf-8").rstrip().removesuffix("}")
    assert "expected JSON" in _written(take, f'{header}, "mine": {value}}}')


@pytest.mark.parametrize("version", [True, 1.0, "1", [[1] * 10_000] * 10])
def test_another_version_is_told_in_a_few_words(take: Session, version: object) -> None:
    problem = _written(take, json.dumps(dict(take.meta) | {"schema_version": version}))
    assert "schema_version: expected 1, found" in problem
    assert len(problem) < 300


def _hostile() -> Iterator[dict[str, Any]]:
    many = range(400_000)
    yield {"coverage": {str(i): 5 for i in many}}
    yield {"markers": [0 for _ in many]}
    yield {"notes": [[] for _ in many]}
    yield {"control_map": {"x" * 100_000: {"cc": "y" * 100_000}}}
    yield {"bridges": {"\x1b[2J": 5}}
    yield {key: 5 for key in LEAST if key != "schema_version"} | {"tags": 5, "bits": 5, "files": 5}


@pytest.mark.parametrize("changes", list(_hostile()), ids=lambda changes: next(iter(changes)))
def test_however_much_is_wrong_it_is_told_in_less_than_a_screen(take: Session, changes: dict[str, Any]) -> None:
    problem = _written(take, json.dumps(dict(take.meta) | changes))
    assert len(problem) < 1000
    assert problem.isprintable()


def test_five_faults_are_told_and_the_others_counted(take: Session) -> None:
    problem = _written(take, json.dumps(dict(take.meta) | dict.fromkeys(("tags", "bits", "markers"), 5)))
    assert problem.count("expected") == 3
    problem = _written(take, json.dumps({"schema_version": 1}))
    assert problem.count("expected") == 5
    assert problem.endswith(" and 4 more")


def test_tags_cannot_be_written_into_what_is_no_header(take: Session) -> None:
    path = take.path / META_FILE
    path.write_text(json.dumps(dict(take.meta) | {"mine": 1e400}).replace("Infinity", "1e400"), "utf-8")
    before = path.read_bytes()
    with pytest.raises(SessionError, match="plain JSON"):
        set_tags(path, ["a"])
    assert path.read_bytes() == before
