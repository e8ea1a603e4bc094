"""Keys changed under way: checked like a file, in the scene that plays, and said as lines to keep."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_service.commands import ShapeField
from choreo_service.config import ControlMap, Loaded, load_settings
from choreo_service.config.layers import Layer, merge
from choreo_service.config.shaping import Shaped, flat
from choreo_service.config.yaml_source import read_yaml
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES


@pytest.fixture(scope="module")
def filed(repo_root: Path) -> Loaded:
    return load_settings(home=repo_root, environ={})


def _shaped(filed: Loaded, *changes: tuple[str, str, str | None, Any]) -> Shaped:
    shaped = Shaped(filed)
    for change in changes:
        shaped = shaped.change(*change)
    return shaped


def _change(filed: Loaded, *changes: tuple[str, str, str | None, Any]) -> Loaded:
    return _shaped(filed, *changes).loaded


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
    shaped = _shaped(filed, ("home", "density", "clamp.high", 0.2))
    assert shaped.loaded.control_map.density.neutral == 0.2
    assert "neutral" not in shaped.kept()[0].lines
    placed = _shaped(filed, ("home", "density", "neutral", 0.6), ("calm", "density", "clamp.high", 1.0))
    with pytest.raises(ConfigError, match=r"neutral 0\.6 lies outside clamp"):
        placed.change("home", "density", "clamp.high", 0.2)


def test_without_a_value_the_files_count_again(filed: Loaded) -> None:
    shaped = _shaped(filed, ("home", "density", "curve", "s-curve"), ("home", "density", "min", -1.0))
    assert shaped.change("home", "density", "curve", None).loaded.control_map.density.curve == "linear"
    again = shaped.change("home", "density", None, None)
    assert (again.loaded.control_map, again.loaded.scenes, again.kept()) == (filed.control_map, filed.scenes, [])


def test_what_a_scene_can_say_is_said_in_the_scene_that_plays(filed: Loaded) -> None:
    now = _change(filed, ("calm", "density", "clamp.high", 0.4), ("calm", "density", "cc", 70.0))
    assert now.scenes["calm"].controls.density.clamp == (0.0, 0.4)
    assert now.control_map.density.clamp == (0.0, 1.0)
    assert now.control_map.density.cc == 70
    assert {scene.controls.density.cc for scene in now.scenes.values()} == {70}  # which said the same as the map


def test_a_scene_with_a_word_of_its_own_keeps_it(filed: Loaded) -> None:
    same = tuple(("home", "density", "clamp.high", high) for high in (0.7, 0.6, 0.5))  # calm says 0.6
    shaped = _shaped(filed, *same)
    assert shaped.loaded.scenes["calm"].controls.density.clamp == (0.0, 0.6)
    assert [Path(one.file).name for one in shaped.kept()] == ["control_map.yaml"]


def test_a_scene_stays_within_the_maps_range(filed: Loaded) -> None:
    with pytest.raises(ConfigError, match=r"scene calm.*0.88 to 1.12"):
        _change(filed, ("calm", "tempo_scale", "max", 2.0))
    with pytest.raises(ConfigError, match="scene calm"):
        _change(filed, ("home", "tempo_scale", "max", 1.0))


def test_the_lines_to_keep_make_files_that_say_what_plays(filed: Loaded) -> None:
    shaped = _shaped(
        filed,
        ("home", "density", "curve", "s-curve"),
        ("home", "tension", "ease.ms", 40.0),
        ("home", "brightness", "channel", 3.0),
        ("calm", "density", "clamp.low", 0.1),
    )
    told = {Path(one.file).name: yaml.safe_load(one.lines) for one in shaped.kept()}
    assert set(told) == {"control_map.yaml", "calm.yaml"}
    assert told["calm.yaml"] == {"density": {"clamp": [0.1, 0.6]}}
    assert told["control_map.yaml"]["tension"] == {"ease": {"curve": "s-curve", "ms": 40}}
    assert Shaped(filed).kept() == []


@settings(max_examples=60, deadline=None)
@given(
    changes=st.lists(
        st.tuples(
            st.sampled_from(["home", "calm", "drive"]),
            st.sampled_from(CONTROL_NAMES),
            st.one_of(st.none(), st.sampled_from(get_args(ShapeField))),
            st.one_of(
                st.none(), st.booleans(), st.sampled_from(["linear", "exponential", "s-curve", "x"]), st.floats(-1, 130)
            ),
        ),
        max_size=10,
    )
)
def test_whatever_hands_do_the_files_and_their_lines_say_it(filed: Loaded, changes: list[Any]) -> None:
    shaped = Shaped(filed)
    for scene, control, field, value in changes:
        with suppress(ConfigError):
            shaped = shaped.change(scene, control, field, value if field else None)
    now = shaped.loaded
    lines = {Path(one.file).stem: Layer(yaml.safe_load(one.lines), {}) for one in shaped.kept()}
    nothing = Layer({}, {})
    above = merge([read_yaml(filed.control_map_path), lines.get("control_map", nothing)])
    assert _said(above) == {name: flat(spec) for name, spec in now.control_map.items()}
    for name, scene in now.scenes.items():
        layer = read_yaml(filed.control_map_path.parent / "scenes" / f"{name}.yaml")
        own = Layer({key: value for key, value in layer.data.items() if key in CONTROL_NAMES}, {})
        found = _said(merge([above, own, lines.get(name, nothing)]))
        assert found == {control: flat(spec) for control, spec in scene.controls.items()}, name


def _said(layer: Layer) -> dict[str, Any]:
    return {name: flat(spec) for name, spec in ControlMap.model_validate(layer.data).items()}
