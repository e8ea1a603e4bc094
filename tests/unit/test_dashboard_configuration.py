"""The Config page's side of the service: every key with its origin, changes judged as at the start, secrets kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from choreo_service.config import load_settings
from choreo_service.config.yaml_source import read_yaml
from choreo_service.dashboard.configuration import Configuration


@pytest.fixture(scope="module")
def configuration(request: pytest.FixtureRequest) -> Configuration:
    root = Path(request.config.rootpath)
    overrides = ("engine.period_ms=25", "dashboard.pin=4711", "dashboard.token=sixteen-letters-and-more")
    return Configuration(load_settings(profile="demo", home=root, environ={}, overrides=overrides))


def _row(configuration: Configuration, key: str) -> dict[str, Any]:
    return next(row for row in configuration.rows if row["key"] == key)


def test_every_key_of_the_shipped_file_is_there(configuration: Configuration, repo_root: Path) -> None:
    keys = {row["key"] for row in configuration.rows}
    written = read_yaml(repo_root / "configs" / "default.yaml").data
    for section in ("engine", "output", "supervisor", "dashboard", "log"):
        assert {f"{section}.{key}" for key in written[section]} <= keys
    assert {"sensors.dancer.seed", "bridges.synth.port", "doors.osc.port"} <= keys


def test_a_row_says_what_may_be_and_where_it_came_from(configuration: Configuration) -> None:
    row = _row(configuration, "engine.period_ms")
    assert (row["value"], row["kind"], row["origin"]) == (25.0, "number", "-o engine.period_ms")
    assert "from 5 to 50" in row["accepts"]
    assert row["about"]
    assert _row(configuration, "log.level")["choices"] == ["debug", "info", "warning", "error"]


def test_secrets_are_not_shown(configuration: Configuration) -> None:
    assert "4711" not in str(configuration.rows)
    assert "sixteen-letters" not in str(configuration.rows)
    assert _row(configuration, "dashboard.pin")["value"] == "(set)"


def test_a_good_change_is_told_as_file_and_as_options(configuration: Configuration) -> None:
    told = configuration.propose({"engine.period_ms": 10, "bridges.synth.port": 9001, "engine.mapper": "rules"})
    assert told["problems"] == []
    expected = {"engine": {"period_ms": 10, "mapper": "rules"}, "bridges": {"synth": {"port": 9001}}}
    assert yaml.safe_load(told["yaml"]) == expected
    assert told["options"][1] == "-o bridges.synth.port=9001"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"engine.period_ms": 500}, "50"),
        ({"engine.period_ms": "fast"}, "number"),
        ({"log.level": "loud"}, "debug"),
        ({"bridges.synth.port": 0}, "bridges.synth.port"),
        ({"dashboard.host": "0.0.0.0"}, "lan"),
        ({"engine.perod_ms": 20}, "no such key"),
        ({"sensors.dancer.type": "rm -rf"}, "no such key"),
    ],
    ids=str,
)
def test_a_wrong_change_is_refused_in_words(configuration: Configuration, changes: dict[str, Any], says: str) -> None:
    told = configuration.propose(changes)
    assert any(says in problem["problem"] for problem in told["problems"]), told
    assert told["yaml"] == ""
    assert told["options"] == []


def test_every_mistake_is_told_in_one_go_with_its_key(configuration: Configuration) -> None:
    changes = {
        "engine.period_ms": 500,
        "log.level": "loud",
        "bridges.synth.port": 0,
        "engine.perod_ms": 20,
        "dashboard.host": "0.0.0.0",
        "output.ease_ms": 750,
    }
    found = {problem["key"]: problem for problem in configuration.propose(changes)["problems"]}
    assert set(found) == set(changes) - {"output.ease_ms", "dashboard.host"} | {"dashboard"}
    assert found["engine.period_ms"]["problem"] == "engine.period_ms: found 500; allowed: a number from 5 to 50"
    assert found["engine.perod_ms"]["fix"] == "write engine.period_ms"


def test_what_is_proposed_is_what_the_start_accepts(
    configuration: Configuration, repo_root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(configuration.propose({"output.throttle_ms": 40, "doors.osc.rate_limit_hz": 20})["yaml"])
    loaded = load_settings(profile="demo", home=repo_root, environ={}, file=file)
    assert loaded.settings.output.throttle_ms == 40
    assert loaded.doors["osc"].config.rate_limit_hz == 20  # type: ignore[attr-defined]
