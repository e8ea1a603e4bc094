"""Layers: which one wins, what is replaced whole, and that every value knows where it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from choreo_service.config import Loaded, load_settings
from choreo_service.config.environment import environment_layer
from choreo_service.config.layers import Layer, Origin, PathKey, leaves, merge, options_layer, origin_of
from choreo_service.config.yaml_source import parse_text
from choreo_service.errors import ConfigError

CONTROLS = "".join(f"{name}: {{}}\n" for name in ("tempo_scale", "density", "tension", "brightness", "fx_send"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A workspace with a small default.yaml, two profiles and a control map."""
    configs = tmp_path / "show" / "configs"
    (configs / "profiles").mkdir(parents=True)
    (configs / "default.yaml").write_text("engine:\n  period_ms: 20\n  seed: 1\nbridges:\n  off: {type: 'null'}\n")
    (configs / "profiles" / "stage.yaml").write_text("engine: {period_ms: 25}\n")
    (configs / "profiles" / "quiet.yaml").write_text("control_map: quiet_map.yaml\n")
    (configs / "profiles" / "quiet_map.yaml").write_text(CONTROLS.replace("density: {}", "density: {cc: 74}"))
    (configs / "control_map.yaml").write_text(CONTROLS)
    return tmp_path / "show"


def _load(home: Path, **kwargs: Any) -> Loaded:
    return load_settings(home=home, **{"environ": {}, **kwargs})


def test_later_layers_win(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("engine: {period_ms: 30}\n")
    variables = {"CHOREO__ENGINE__PERIOD_MS": "35"}
    layers: list[dict[str, Any]] = [{}, {"profile": "stage"}, {"file": mine}, {"environ": variables}]
    layers.append({"overrides": ["engine.period_ms=40"]})
    given: dict[str, Any] = {}
    seen = []
    for layer in layers:
        given |= layer
        seen.append(_load(home, **given).settings.engine.period_ms)
    assert seen == [20, 25, 30, 35, 40]
    assert _load(home, **given).settings.engine.seed == 1


def test_local_yaml_is_read_at_every_start_above_the_profile_and_below_a_file_that_was_named(
    home: Path, tmp_path: Path
) -> None:
    mine, local = tmp_path / "mine.yaml", home / "configs" / "local.yaml"
    mine.write_text("engine: {period_ms: 30}\n")
    assert _load(home).user_file == local
    local.write_text("engine: {period_ms: 27, seed: 9}\n")
    assert _load(home, profile="stage").settings.engine.period_ms == 27
    named = _load(home, profile="stage", file=mine)
    assert (named.settings.engine.period_ms, named.settings.engine.seed, named.user_file) == (30, 9, mine)


@pytest.mark.parametrize("named", [True, False], ids=["a file that was named", "local.yaml"])
def test_a_draft_is_judged_in_the_place_of_the_users_file(home: Path, tmp_path: Path, named: bool) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("engine: {period_ms: 30}\n")
    how: dict[str, Any] = {"file": mine} if named else {}
    loaded = _load(home, draft="log: {level: debug}\n", **how)
    assert (loaded.settings.engine.period_ms, loaded.settings.log.level) == (20, "debug")
    assert str(loaded.origins["log", "level"]).endswith(f"{loaded.user_file.name}:1:14")
    with pytest.raises(ConfigError, match=r"5 to 50"):
        _load(home, draft="engine: {period_ms: 99}\n", **how)
    assert not (home / "configs" / "local.yaml").exists()


def test_every_value_knows_its_origin(home: Path) -> None:
    loaded = _load(home, profile="stage", environ={"CHOREO__ENGINE__SEED": "7"}, overrides=["log.level=debug"])
    assert str(loaded.origins["engine", "period_ms"]).endswith("profiles/stage.yaml:1:21")
    assert str(loaded.origins["engine", "seed"]) == "environment CHOREO__ENGINE__SEED"
    assert str(loaded.origins["log", "level"]) == "-o log.level"
    assert ("transport", "home_bpm") not in loaded.origins


def test_a_block_of_another_type_starts_afresh() -> None:
    lower = Layer({"midi": {"type": "midi_cc", "port": "x"}}, {("midi", "port"): Origin("low")})
    same = Layer({"midi": {"type": "midi_cc", "api": "jack"}}, {})
    other = Layer({"midi": {"type": "midi_ws"}}, {})
    assert merge([lower, same]).data == {"midi": {"type": "midi_cc", "port": "x", "api": "jack"}}
    assert merge([lower, other]) == Layer({"midi": {"type": "midi_ws"}}, {})


def test_lists_are_replaced_whole() -> None:
    low, high = Layer({"a": {"l": [1, 2, 3]}}, {("a", "l", 2): Origin("low")}), Layer({"a": {"l": [4]}}, {})
    assert merge([low, high]) == Layer({"a": {"l": [4]}}, {})


def test_merging_leaves_the_layers_as_they_were() -> None:
    low, high = Layer({"a": {"x": 1}}, {}), Layer({"a": {"y": 2}}, {})
    merge([low, high])
    assert (low.data, high.data) == ({"a": {"x": 1}}, {"a": {"y": 2}})


def test_null_removes_a_block_and_an_empty_section_changes_nothing(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("bridges:\n  # all commented out\n")
    assert list(_load(home, file=mine).bridges) == ["off"]
    assert list(_load(home, file=mine, overrides=["bridges.off=null"]).bridges) == []


def test_a_disabled_block_is_not_even_looked_up(home: Path) -> None:
    loaded = _load(home, overrides=["sensors.x.type=not_installed", "sensors.x.enabled=false"])
    assert not loaded.sensors
    assert loaded.settings.sensors["x"].type == "not_installed"


def test_an_unquoted_null_names_the_null_bridge(home: Path) -> None:
    loaded = _load(home, overrides=["bridges.quiet.type=null"])
    assert loaded.bridges["quiet"].entry.name == "null"


def test_a_command_may_put_its_own_sensors_in_place(home: Path) -> None:
    sensors = {"take": {"type": "synthetic", "seed": 3}}
    loaded = _load(home, overrides=["sensors.x.type=not_installed"], sensors=sensors)
    assert list(loaded.sensors) == ["take"]


def test_a_control_map_is_relative_to_the_file_that_names_it(home: Path) -> None:
    assert _load(home).control_map.density.cc == 21
    assert _load(home, profile="quiet").control_map.density.cc == 74
    named = str(home / "configs" / "profiles" / "quiet_map.yaml")
    assert _load(home, overrides=[f"control_map={named}"]).control_map.density.cc == 74


def test_a_control_map_named_by_an_option_is_relative_to_the_current_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home / "configs" / "profiles")
    assert _load(home, overrides=["control_map=quiet_map.yaml"]).control_map.density.cc == 74


def test_text_settings_keep_text_that_looks_like_a_number(home: Path) -> None:
    loaded = _load(home, environ={"CHOREO__ENGINE__CHECKPOINTS": "0012"})
    assert loaded.settings.engine.checkpoints == "0012"
    assert loaded.checkpoints == home / "0012"
    assert str(loaded.origins["engine", "checkpoints"]) == "environment CHOREO__ENGINE__CHECKPOINTS"


def test_adapters_text_keys_keep_text_that_looks_like_a_number(home: Path) -> None:
    overrides = ["bridges.off.type=midi_cc", "bridges.off.port=20"]
    config: Any = _load(home, overrides=overrides).bridges["off"].config
    assert config.port == "20"


def test_variables_are_read_in_any_case_and_nest() -> None:
    layer = environment_layer(
        {"choreo__sensors__phone__port": "9001", "CHOREO__LOG__LEVEL": "debug", "CHOREO_HOME": "x"}
    )
    assert layer.data == {"sensors": {"phone": {"port": 9001}}, "log": {"level": "debug"}}


def test_options_may_carry_lists_and_equal_signs() -> None:
    layer = options_layer(["a.b=[1, 2]", "c=x=y", " d . e = 3"], parse_text)
    assert layer.data == {"a": {"b": [1, 2]}, "c": "x=y", "d": {"e": 3}}


@pytest.mark.parametrize("option", ["engine.period_ms", "=3", ".a=1", "a..b=1", ""])
def test_an_option_without_key_and_value_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match="expected key=value"):
        options_layer([option], parse_text)


def test_the_nearest_origin_is_found() -> None:
    origins: dict[PathKey, Origin] = {("a",): Origin("block"), ("b", "c", "d"): Origin("inside")}
    assert origin_of(origins, ("a", "x", "y")) == Origin("block")
    assert origin_of(origins, ("b", "c")) == Origin("inside")
    assert origin_of(origins, ("z",)) is None


def test_leaves_are_listed_in_order_and_empty_blocks_count() -> None:
    assert list(leaves({"a": {"x": 1, "e": {}}, "b": [2]})) == [(("a", "x"), 1), (("a", "e"), {}), (("b",), [2])]


def test_the_workspace_is_home_else_the_variable_else_the_current_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch, repo_root: Path
) -> None:
    assert load_settings(environ={"CHOREO_HOME": str(home)}).base_dir == home
    assert load_settings(home=repo_root, environ={"CHOREO_HOME": str(home)}).base_dir == repo_root
    monkeypatch.chdir(home)
    assert load_settings(environ={}).base_dir == home
    monkeypatch.chdir(home.parent)
    assert load_settings(environ={}).base_dir == repo_root
