"""Keys changed under way: checked like a file, in the scene that plays, and said as lines to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from choreo_service.config import Loaded, load_settings
from choreo_service.config.layers import merge
from choreo_service.config.shaping import flat, kept, shaped
from choreo_service.config.yaml_source import read_yaml
from choreo_service.errors import ConfigError


@pytest.fixture(scope="module")
def filed(repo_root: Path) -> Loaded:
    return load_settings(home=repo_root, environ={})


def _change(filed: Loaded, *changes: tuple[str, str, str | None, Any]) -> Loaded:
    now = filed
    for change in changes:
        now = shaped(now, filed, *change)
    return now


def test_a_key_of_the_map_is_changed_and_nothing_else(filed: Loaded) -> None:
    now = _change(filed, ("home", "density", "curve", "s-curve"), ("home", "density", "clamp.high", 0.75))
    before, after = flat(filed.control_map.density), flat(now.control_map.density)
    assert {key for key in after if after[key] != before[key]} == {"curve", "clamp.high"}
    assert now.control_map.tension == filed.control_map.tension


@pytest.mark.parametrize(
    ("field", "value", "stands"),
    [
        ("invert", 1, True),  # what a touch surface sends
        ("invert", 0.0, False),
        ("cc", 74.0, 74),
        ("ease.ms", 120.0, 120.0),
        ("clamp.low", 0.1 + 0.2, 0.3),
    ],
)
def test_values_are_taken_as_the_map_wants_them(filed: Loaded, field: str, value: Any, stands: Any) -> None:
    found = flat(_change(filed, ("home", "density", field, value)).control_map.density)[field]
    assert (found, type(found)) == (stands, type(stands))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("curve", "wobbly", "linear"),
        ("cc", 200.0, "127"),
        ("cc", 20.0, "tempo_scale and density both use CC 20"),
        ("cc", 7.5, "cc"),
        ("min", 2.0, "min 2 must be smaller than max 1"),
        ("clamp.low", 1.0, "must rise"),
        ("neutral", 1.5, "neutral"),
        ("ease.ms", "slow", "ease.ms"),
        ("invert", 0.5, "invert"),
    ],
)
def test_what_no_file_may_say_no_hand_may_do(filed: Loaded, field: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        _change(filed, ("home", "density", field, value))


def test_a_clamp_takes_along_what_no_file_has_placed(filed: Loaded) -> None:
    now = _change(filed, ("home", "density", "clamp.high", 0.2))
    assert now.control_map.density.neutral == 0.2
    assert "neutral" not in kept(now, filed)[0].lines
    placed = _change(filed, ("home", "density", "neutral", 0.6))
    with pytest.raises(ConfigError, match=r"neutral 0\.6 lies outside clamp"):
        shaped(placed, filed, "home", "density", "clamp.high", 0.2)


def test_without_a_value_the_files_count_again(filed: Loaded) -> None:
    now = _change(filed, ("home", "density", "curve", "s-curve"), ("home", "density", "min", -1.0))
    assert flat(shaped(now, filed, "home", "density", "curve", None).control_map.density)["curve"] == "linear"
    assert shaped(now, filed, "home", "density", None, None).control_map == filed.control_map


def test_what_a_scene_can_say_is_said_in_the_scene_that_plays(filed: Loaded) -> None:
    now = _change(filed, ("calm", "density", "clamp.high", 0.4), ("calm", "density", "cc", 70.0))
    assert now.scenes["calm"].controls.density.clamp == (0.0, 0.4)
    assert now.control_map.density.clamp == (0.0, 1.0)
    assert now.control_map.density.cc == 70
    assert {scene.controls.density.cc for scene in now.scenes.values()} == {70}  # which said the same as the map


def test_a_scene_with_a_word_of_its_own_keeps_it(filed: Loaded) -> None:
    same = tuple(("home", "density", "clamp.high", high) for high in (0.7, 0.6, 0.5))  # calm says 0.6
    now = _change(filed, *same)
    assert now.scenes["calm"].controls.density.clamp == (0.0, 0.6)
    assert [Path(one.file).name for one in kept(now, filed)] == ["control_map.yaml"]


def test_a_scene_stays_within_the_maps_range(filed: Loaded) -> None:
    with pytest.raises(ConfigError, match=r"scene calm.*0.88 to 1.12"):
        _change(filed, ("calm", "tempo_scale", "max", 2.0))
    with pytest.raises(ConfigError, match="scene calm"):
        _change(filed, ("home", "tempo_scale", "max", 1.0))


def test_the_lines_to_keep_make_files_that_say_what_plays(filed: Loaded) -> None:
    now = _change(
        filed,
        ("home", "density", "curve", "s-curve"),
        ("home", "tension", "ease.ms", 40.0),
        ("home", "brightness", "channel", 3.0),
        ("calm", "density", "clamp.low", 0.1),
    )
    told = {Path(one.file).name: yaml.safe_load(one.lines) for one in kept(now, filed)}
    assert set(told) == {"control_map.yaml", "calm.yaml"}
    assert told["calm.yaml"] == {"density": {"clamp": [0.1, 0.6]}}
    merged = merge([read_yaml(filed.control_map_path), *_layers(told["control_map.yaml"])]).data
    assert flat(type(filed.control_map).model_validate(merged).density) == flat(now.control_map.density)
    assert kept(filed, filed) == []


def _layers(data: Any) -> list[Any]:
    from choreo_service.config.layers import Layer

    return [Layer(data, {})]
