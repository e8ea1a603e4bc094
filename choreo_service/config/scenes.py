"""Scenes: presets of the control map that a show changes to. One YAML file each, in `scenes` beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, model_validator

from choreo_service.config.control_map import ControlMap, Curve, Ease, Position
from choreo_service.config.layers import Layer, merge, origin_of
from choreo_service.config.mistakes import Mistakes
from choreo_service.config.problems import validated
from choreo_service.config.settings import Block
from choreo_service.config.yaml_source import display_path, read_yaml
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES

HOME: Final = "home"  # the control map itself, so no file may be called so
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


class SceneControl(Block):
    """How one control plays in a scene. Keys left out are the control map's."""

    min: float | None = None
    """Value at position 0, within the control map's range."""
    max: float | None = None
    """Value at position 1, within the control map's range."""
    curve: Curve | None = None
    """How the engine's position bends before it is sent."""
    invert: bool | None = None
    """Send `max` where `min` would be sent."""
    clamp: Annotated[tuple[Position, Position], Field(strict=False)] | None = None
    """Lowest and highest position sent."""
    ease: Ease | None = None
    """Glide to new values."""


class SceneFile(Block):
    """One scene."""

    about: str = ""
    """What it is for, for whoever chooses among scenes."""
    morph_s: float = Field(default=2.0, ge=0, le=60)
    """Seconds in which the controls cross-fade to it."""
    tempo_scale: SceneControl = SceneControl()
    """How much faster or slower than `engine.home_bpm` the music goes."""
    density: SceneControl = SceneControl()
    """How many notes."""
    tension: SceneControl = SceneControl()
    """How far from rest the harmony is."""
    brightness: SceneControl = SceneControl()
    """How open the filters are."""
    fx_send: SceneControl = SceneControl()
    """How much goes to the effects."""

    @model_validator(mode="before")
    @classmethod
    def _nothing_said(cls, data: Any) -> Any:
        """A control with all its lines commented out plays as in the control map."""
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, Mapping) else data


@dataclass(frozen=True, slots=True)
class LoadedScene:
    """A checked scene: the control map with what the scene says put in."""

    name: str
    about: str
    morph_s: float
    controls: ControlMap
    own: Layer  # what the file says of the controls


def load_scenes(
    folder: Path, control_map: tuple[Layer, ControlMap] | None, mistakes: Mistakes
) -> dict[str, LoadedScene]:
    """Every scene of the folder by name, in order; `mistakes` are told with file, line and what is allowed.

    `control_map` is what its file says and what that makes. Without one that can be used, None, only what a scene says
    by itself is judged.
    """
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        scene = mistakes.attempt(partial(_load, path, control_map))
        if scene is not None:
            found[path.stem] = scene
    return found


def _load(path: Path, control_map: tuple[Layer, ControlMap] | None) -> LoadedScene | None:
    shown = display_path(path)
    if path.stem == HOME or not _NAME.fullmatch(path.stem):
        raise ConfigError(
            f"{shown}: a scene can't be called {path.stem[:40]!r}",
            fix=f"rename the file: lower-case letters, digits, _ and -; {HOME} is the control map itself",
        )
    layer = read_yaml(path)
    scene = validated(SceneFile, layer, source=shown)
    if control_map is None:
        return None
    own = Layer({name: layer.data[name] for name in CONTROL_NAMES if layer.data.get(name)}, layer.origins)
    return LoadedScene(path.stem, scene.about, scene.morph_s, in_scene(own, *control_map, shown), own)


def in_scene(own: Layer, map_layer: Layer, control_map: ControlMap, shown: str) -> ControlMap:
    """The control map with what a scene says of it put in. ConfigError names `shown` where it can't be so."""
    merged = merge([map_layer, own])
    controls = validated(ControlMap, merged, source=shown)
    mistakes = Mistakes()
    for name, spec in controls.items():
        for key, value in (("min", spec.min), ("max", spec.max)):
            place = origin_of(merged.origins, (name, key)) or shown
            mistakes.attempt(partial(_check_range, f"{place}: {name}.{key}", name, value, control_map))
    mistakes.tell(shown)
    return controls


def _check_range(place: str, name: str, value: float, control_map: ControlMap) -> None:
    """MIDI's 0..127 stands for the control map's range, so a scene can use a part of it but not leave it."""
    base = control_map[name]
    if not base.min <= value <= base.max:
        raise ConfigError(
            f"{place}: found {value:g}; allowed: {base.min:g} to {base.max:g}, the range in the control map",
            fix=f"stay within it, or widen {name} in the control map",
        )
