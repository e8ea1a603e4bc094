"""Every class of mistake in a configuration is told with its place, the key, what was found and what is allowed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from choreo_service.config import load_settings
from choreo_service.errors import ConfigError

CONTROLS = "".join(f"{name}: {{}}\n" for name in ("tempo_scale", "density", "tension", "brightness", "fx_send"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    configs = tmp_path / "configs"
    (configs / "profiles").mkdir(parents=True)
    (configs / "profiles" / "stage.yaml").write_text("log: {level: warning}\n")
    (configs / "default.yaml").write_text("engine:\n  period_ms: 20\n")
    (configs / "control_map.yaml").write_text(CONTROLS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _error(
    text: str, *overrides: str, profile: str | None = None, environ: dict[str, str] | None = None
) -> ConfigError:
    Path("mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file=Path("mine.yaml"), overrides=overrides, profile=profile, environ=environ or {})
    return caught.value


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "engine:\n  period_ms: 200\n",
            "mine.yaml:2:14: engine.period_ms: found 200; allowed: a number from 5 to 50",
        ),
        ("engine:\n  period_ms: .nan\n", "mine.yaml:2:14: engine.period_ms: found nan; allowed: a number from 5 to 50"),
        ("engine:\n  period_ms: fast\n", "mine.yaml:2:14: engine.period_ms: found 'fast'; allowed: a number"),
        ("engine:\n  period_ms: true\n", "mine.yaml:2:14: engine.period_ms: found True; allowed: a number"),
        ("engine:\n  period_ms: '20'\n", "found '20'; allowed: a number"),
        ("engine:\n  period_ms: [20]\n", "mine.yaml:2:3: engine.period_ms: found [20]; allowed: a number"),
        ("engine:\n  performers: 1.5\n", "found 1.5; allowed: a whole number from 1 to 64"),
        ("engine:\n  mapper: neural\n", "found 'neural'; allowed: one of auto, rules"),
        ("engine:\n  checkpoints: 3\n", "found 3; allowed: a text"),
        ("engine:\n  checkpoints:\n", "mine.yaml:2:3: engine.checkpoints: found null; allowed: a text"),
        ("engine: 20\n", "mine.yaml:1:9: engine: found 20; allowed: the keys period_ms"),
        ("sensors: [phone]\n", "mine.yaml:1:1: sensors: found ['phone']"),
        ("sensors:\n  phone: 3\n", "mine.yaml:2:10: sensors.phone: found 3; allowed: the keys type, enabled and"),
        ("sensors:\n  phone: {port: 1}\n", "sensors.phone.type: missing; expected a text"),
        (
            "sensors:\n  My-Phone: {type: synthetic}\n",
            "sensors.My-Phone: found {'type': 'synthetic'}; allowed: names in",
        ),
        ("sensors:\n  d:\n    type: synthetic\n    enabled: on\n", "found 'on'; allowed: true or false"),
        ("output: {refresh_s: 0}\n", "found 0; allowed: a number above 0, at most 60"),
    ],
    ids=lambda v: v[:30].replace("\n", " "),
)
def test_a_wrong_value_is_told_with_its_place_and_what_is_allowed(text: str, problem: str) -> None:
    error = _error(text)
    assert problem in error.problem
    assert error.exit_code == 2
    assert error.fix


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("engine:\n  perod_ms: 25\n", "did you mean 'period_ms'?"),
        ("engin:\n  period_ms: 25\n", "did you mean 'engine'?"),
        ("log: {levle: info}\n", "did you mean 'level'?"),
    ],
)
def test_a_mistyped_key_is_told_the_right_one(text: str, hint: str) -> None:
    error = _error(text)
    assert "unknown key" in error.problem
    assert hint in error.problem
    assert error.fix.startswith("rename ")


@pytest.mark.usefixtures("home")
def test_an_unknown_key_lists_the_known_ones() -> None:
    assert "unknown key (found 1). Known here: max_packets" in _error("ingress: {zzz: 1}\n").problem


@pytest.mark.usefixtures("home")
def test_all_problems_are_told_at_once_and_not_without_end() -> None:
    error = _error("engine: {period_ms: 1, seed: -1}\nlog: {level: x}\n")
    assert error.problem.startswith("3 problems in the configuration:")
    assert error.problem.count("\n    fix: ") == 3  # each with its own
    assert "choreo config check" in error.fix
    many = _error("engine: {" + ", ".join(f"k{i}: 1" for i in range(100)) + "}\n")
    assert many.problem.startswith("50 problems or more in the configuration:")
    assert many.problem.endswith("and 30 more")
    assert many.problem.count("\n") == 1 + 2 * 20


@pytest.mark.usefixtures("home")
def test_a_huge_value_is_not_printed_whole() -> None:
    error = _error("engine:\n  period_ms: " + "x" * 50_000 + "\n")
    assert len(str(error)) < 400


@pytest.mark.usefixtures("home")
def test_options_and_variables_are_named_as_they_were_typed() -> None:
    error = _error("", "engine.period_ms=abc")
    assert error.problem == "-o engine.period_ms: found 'abc'; allowed: a number from 5 to 50"
    error = _error("", environ={"CHOREO__ENGINE__PERIOD_MS": "abc"})
    assert error.problem.startswith("environment CHOREO__ENGINE__PERIOD_MS: engine.period_ms: found 'abc'")


@pytest.mark.usefixtures("home")
def test_a_mistyped_variable_is_told_the_right_name() -> None:
    error = _error("", environ={"CHOREO__ENGIN__PERIOD_MS": "20"})
    assert "environment CHOREO__ENGIN__PERIOD_MS: unknown key 'engin'" in error.problem
    assert error.fix == "rename it to CHOREO__ENGINE__PERIOD_MS"


@pytest.mark.usefixtures("home")
def test_an_unknown_adapter_lists_those_there_are_and_who_brought_them() -> None:
    error = _error("sensors:\n  d: {type: synthetik}\n")
    assert "mine.yaml:2:13: unknown sensor type 'synthetik'" in error.problem
    assert "synthetic (choreo-service " in error.problem
    assert error.fix == "write type: synthetic"


@pytest.mark.usefixtures("home")
def test_an_adapters_own_keys_are_checked_with_the_same_places() -> None:
    error = _error("sensors:\n  d:\n    type: synthetic\n    bmp: 100\n")
    assert "mine.yaml:4:10: sensors.d.bmp: unknown key (found 100); did you mean 'bpm'?" in error.problem
    error = _error("sensors:\n  d:\n    type: synthetic\n    bpm: 1000\n")
    assert "mine.yaml:4:10: sensors.d.bpm: found 1000; allowed: a number from 40 to 240" in error.problem
    error = _error("", "sensors.d.type=synthetic", "sensors.d.bpm=x")
    assert error.problem.startswith("-o sensors.d.bpm: found 'x'")


@pytest.mark.usefixtures("home")
def test_a_missing_file_or_profile_is_told() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such file"):
        load_settings(file=Path("nowhere.yaml"), environ={})
    with pytest.raises(ConfigError, match="no profile 'stge'; there are: stage") as caught:
        load_settings(profile="stge", environ={})
    assert caught.value.fix == "use --profile stage"
    with pytest.raises(ConfigError, match="no profile"):
        load_settings(profile="../default", environ={})
    assert "control_map.yml: no such file" in _error("control_map: control_map.yml\n").problem


def test_a_place_without_configuration_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"no default\.yaml found") as caught:
        load_settings(home=tmp_path, environ={})
    assert caught.value.fix == f"choreo init {tmp_path}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "python"))
    monkeypatch.setattr("choreo_service.config.locate.__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(ConfigError) as caught:
        load_settings(environ={})
    assert str(tmp_path / "python" / "share" / "choreo" / "configs") in caught.value.problem


@pytest.mark.usefixtures("home")
def test_a_mistyped_control_is_one_problem_and_not_also_a_missing_one() -> None:
    Path("map.yaml").write_text(CONTROLS.replace("tension", "tensoin"))
    error = _error("control_map: map.yaml\n")
    assert "tensoin: unknown key (found {}); did you mean 'tension'?" in error.problem
    assert "missing" not in error.problem
    assert error.fix == "rename tensoin to tension"


@pytest.mark.usefixtures("home")
def test_a_control_that_is_not_there_is_still_missing() -> None:
    Path("map.yaml").write_text(CONTROLS.replace("tension: {}\n", "zzz: {}\n"))
    error = _error("control_map: map.yaml\n")
    assert error.problem.startswith("2 problems")
    assert "tension: missing" in error.problem
    assert "fix: add tension: at the top level" in error.problem


@pytest.mark.usefixtures("home")
def test_a_default_that_hangs_on_a_wrong_value_is_no_problem_of_its_own() -> None:
    error = _error("bridges: {synth: {type: osc_out, layout: wek}}\n")
    assert "found 'wek'; allowed: one of separate, bundle, wekinator" in error.problem
    assert "port" not in error.problem


@pytest.mark.usefixtures("home")
def test_a_message_shows_little_of_a_file() -> None:
    secret = "s" * 45
    for text in (f"engine: {{period_ms: {secret}}}\n", f"engine: {{{secret}: 1}}\n", f"zzz: {secret}\n"):
        assert secret not in str(_error(text))
