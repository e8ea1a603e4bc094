"""Keys of the control map changed while a show goes on, and what to write into which file to keep that.

Changes lie above what the files say, one layer for the control map and one for each scene, and are put together and
checked as the files are. A change belongs to the scene that plays; keys that a scene can't say, and everything while
the control map itself plays, belong to the control map.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from choreo_service.config.control_map import ControlMap, ControlSpec
from choreo_service.config.layers import Layer, merge
from choreo_service.config.loading import Loaded
from choreo_service.config.problems import validated
from choreo_service.config.scenes import HOME, SceneControl, in_scene

Value = bool | float | str | None
Keys = Mapping[str, Any]  # of one control, as a file says them
Changes = Mapping[str, Mapping[str, Keys]]  # scene -> control -> keys; HOME is the control map

_DIGITS: Final = 6  # of a slider's position; more are the dust of floating point
_WHOLE: Final = ("cc", "channel")
_IN_SCENES: Final = tuple(SceneControl.model_fields)


@dataclass(frozen=True, slots=True)
class Kept:
    """What to write to keep the changes."""

    file: str  # relative to the workspace where it lies in it, else its name: whoever may look needn't know the folder
    lines: str  # YAML


class Shaped:
    """A configuration with changes above it. `loaded` is both together."""

    def __init__(self, filed: Loaded, changes: Changes | None = None) -> None:
        """ConfigError where the control map can't be so."""
        self.filed, self._changes = filed, dict(changes or {})
        self.loaded = _together(filed, self._changes) if changes else filed

    def change(self, scene: str, control: str, field: str | None, value: Value) -> Shaped:
        """With one key of a control changed while `scene` plays; without `field`, all of them.

        `value` None: as the files say. ConfigError where it can't be so.
        """
        changes = {name: {c: dict(keys) for c, keys in controls.items()} for name, controls in self._changes.items()}
        for one in (field,) if field else tuple(flat(self.loaded.control_map[control])):
            key = one.split(".")[0]
            where = scene if scene in self.filed.scenes and key in _IN_SCENES else HOME
            keys = changes.setdefault(where, {}).setdefault(control, {})
            if value is None:
                keys.pop(key, None)
            else:
                keys[key] = _said({**flat(controls_of(self.loaded, where)[control]), one: _typed(one, value)}, key)
        return Shaped(self.filed, changes)

    @property
    def changes(self) -> Changes:
        """What lies above the files, for another `Shaped` to begin with."""
        return self._changes

    def kept(self) -> list[Kept]:
        """The files that would have to say more, the control map first."""
        folder = self.filed.control_map_path.parent / "scenes"
        files = {HOME: self.filed.control_map_path, **{n: folder / f"{n}.yaml" for n in self.filed.scenes}}
        found = []
        for name, path in files.items():
            if lines := {
                control: keys for control in self._changes.get(name, {}) if (keys := self._news(name, control))
            }:
                shown = path.relative_to(self.filed.base_dir) if path.is_relative_to(self.filed.base_dir) else path.name
                found.append(Kept(str(shown), yaml.safe_dump(lines, sort_keys=False, default_flow_style=None)))
        return found

    def _news(self, name: str, control: str) -> Keys:
        """A slider that came back to where the file has it is no news, unless a scene must say so against the map."""
        before = flat(controls_of(self.filed, name)[control])
        above = self._changes.get(HOME, {}).get(control, {}) if name != HOME else {}
        keys = self._changes[name][control]
        return {key: value for key, value in keys.items() if key in above or value != _said(before, key)}


def controls_of(loaded: Loaded, scene: str) -> ControlMap:
    """What plays in a scene; HOME and what is no scene is the control map itself."""
    return loaded.scenes[scene].controls if scene in loaded.scenes else loaded.control_map


def flat(spec: ControlSpec) -> dict[str, Any]:
    """Every key that can be changed in a running show, those of `clamp` and `ease` dotted."""
    low, high = spec.clamp
    return {
        **{key: getattr(spec, key) for key in ("min", "max", "cc", "channel", "curve", "invert")},
        "clamp.low": low,
        "clamp.high": high,
        "ease.curve": spec.ease.curve,
        "ease.ms": spec.ease.ms,
        **{key: getattr(spec, key) for key in ("neutral", "safe")},
    }


def _together(filed: Loaded, changes: Changes) -> Loaded:
    map_layer = _above(filed.map_layer, changes.get(HOME, {}))
    control_map = validated(ControlMap, map_layer, source="the control map")
    scenes = {}
    for name, scene in filed.scenes.items():
        own = _above(scene.own, changes.get(name, {}))
        scenes[name] = replace(scene, controls=in_scene(own, map_layer, control_map, f"scene {name}"))
    return replace(filed, control_map=control_map, scenes=scenes)


def _above(layer: Layer, changes: Mapping[str, Keys]) -> Layer:
    """Without origins: what is wrong then stands in no line of a file."""
    return merge([Layer(layer.data, {}), Layer(changes, {})])


def _said(keys: Mapping[str, Any], key: str) -> Any:
    """A key as a file says it."""
    if key == "clamp":
        return [_short(keys["clamp.low"]), _short(keys["clamp.high"])]
    if key == "ease":
        return {"curve": keys["ease.curve"], "ms": _short(keys["ease.ms"])}
    return _short(keys[key])


def _typed(field: str, value: bool | float | str) -> Any:
    """As the control map wants it; touch surfaces know only numbers."""
    if field == "invert" and value in (0, 1):
        return bool(value)
    if isinstance(value, bool | str):
        return value
    return int(value) if field in _WHOLE and float(value).is_integer() else round(value, _DIGITS)


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
