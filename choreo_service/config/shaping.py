"""Keys of one control changed while a show goes on, and what to write into which file to keep that.

A change belongs to the scene that plays; keys that a scene can't say, and everything while the control map itself
plays, belong to the control map. A scene that said the same as the map before goes on saying the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml

from choreo_service.config.control_map import ControlMap, ControlSpec, default_spec
from choreo_service.config.layers import Layer
from choreo_service.config.loading import Loaded
from choreo_service.config.problems import validated
from choreo_service.config.scenes import HOME, SceneControl
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES

Value = bool | float | str | None
Flat = dict[str, Any]  # one control's keys, those of `clamp` and `ease` dotted

_DIGITS: Final = 6  # of a slider's position; more are the dust of floating point
_WHOLE: Final = ("cc", "channel")
_IN_SCENES: Final = tuple(SceneControl.model_fields)


@dataclass(frozen=True, slots=True)
class Kept:
    """What to write to keep the changes."""

    file: str  # relative to the workspace where it lies in it
    lines: str  # YAML


def shaped(now: Loaded, filed: Loaded, scene: str, control: str, field: str | None, value: Value) -> Loaded:
    """`now` with one key of a control changed while `scene` plays; without `field`, all of them.

    `value` None stands for what `filed` says. ConfigError where it can't be so.
    """
    in_map, in_scene = dict[str, Any](), dict[str, Any]()
    for one in (field,) if field else tuple(flat(now.control_map[control])):
        own = scene if scene in now.scenes and _key(one) in _IN_SCENES else HOME
        wanted = flat(_map(filed, own)[control])[one] if value is None else _typed(one, value)
        (in_map if own == HOME else in_scene)[one] = wanted
    changed = _in_map(now, filed, control, in_map) if in_map else now
    if in_scene:
        changed = _in_scene(changed, scene, control, in_scene)
    for name in changed.scenes:
        _require_range(name, changed, control)
    return changed


def kept(now: Loaded, filed: Loaded) -> list[Kept]:
    """The files whose lines differ, the control map first."""
    folder = filed.control_map_path.parent / "scenes"
    files = {HOME: filed.control_map_path, **{name: folder / f"{name}.yaml" for name in filed.scenes}}
    found = []
    for name, path in files.items():
        if changes := {control: keys for control in CONTROL_NAMES if (keys := _changes(now, filed, name, control))}:
            shown = path.relative_to(filed.base_dir) if path.is_relative_to(filed.base_dir) else path
            found.append(Kept(str(shown), yaml.safe_dump(changes, sort_keys=False, default_flow_style=None)))
    return found


def flat(spec: ControlSpec) -> Flat:
    """Every key that can be changed in a running show."""
    low, high = spec.clamp
    return {
        **{key: getattr(spec, key) for key in ("min", "max", "cc", "channel", "curve", "invert")},
        "clamp.low": low,
        "clamp.high": high,
        "ease.curve": spec.ease.curve,
        "ease.ms": spec.ease.ms,
        **{key: getattr(spec, key) for key in ("neutral", "safe")},
    }


def _map(loaded: Loaded, scene: str) -> ControlMap:
    return loaded.control_map if scene == HOME else loaded.scenes[scene].controls


def _in_map(now: Loaded, filed: Loaded, control: str, changes: Mapping[str, Any]) -> Loaded:
    scenes = {}
    for name, scene in now.scenes.items():
        own = _own(now, name, control) | _own(filed, name, control)
        same = {one: value for one, value in changes.items() if _key(one) not in own}
        scenes[name] = replace(scene, controls=_changed(scene.controls, control, same)) if same else scene
    return replace(now, control_map=_changed(now.control_map, control, changes), scenes=scenes)


def _own(loaded: Loaded, scene: str, control: str) -> set[str]:
    """The keys of its file by which a scene differs from the control map."""
    ours, above = flat(loaded.scenes[scene].controls[control]), flat(loaded.control_map[control])
    return {_key(one) for one in ours if ours[one] != above[one]}


def _in_scene(now: Loaded, name: str, control: str, changes: Mapping[str, Any]) -> Loaded:
    scene = now.scenes[name]
    return replace(
        now, scenes={**now.scenes, name: replace(scene, controls=_changed(scene.controls, control, changes))}
    )


def _changed(controls: ControlMap, control: str, changes: Mapping[str, Any]) -> ControlMap:
    data = {name: spec.model_dump(exclude_none=True) for name, spec in controls.items()}
    data[control] |= _nested({**flat(controls[control]), **changes})
    for key in set(_by_default(control, controls[control])) - set(changes):
        del data[control][key]  # it goes where the clamp lets it
    return validated(ControlMap, Layer(data, {}), source="the control map")


def _by_default(control: str, spec: ControlSpec) -> Iterator[str]:
    """Which of neutral and safe stand where a file that doesn't name them puts them."""
    defaults, (low, high) = default_spec(control), spec.clamp
    return (key for key in ("neutral", "safe") if getattr(spec, key) == min(high, max(low, defaults[key])))


def _require_range(name: str, loaded: Loaded, control: str) -> None:
    """A scene uses a part of the control map's range."""
    whole, part = loaded.control_map[control], loaded.scenes[name].controls[control]
    for key, value in (("min", part.min), ("max", part.max)):
        if not whole.min <= value <= whole.max:
            raise ConfigError(
                f"scene {name}: {control}.{key}: found {value:g}; allowed: {whole.min:g} to {whole.max:g}, "
                "the range in the control map"
            )


def _changes(now: Loaded, filed: Loaded, scene: str, control: str) -> dict[str, Any]:
    """The keys of one control that its file would have to say otherwise; a scene needn't repeat the map."""
    ours, theirs = flat(_map(now, scene)[control]), flat(_map(filed, scene)[control])
    placed = {one for one in ours if ours[one] != theirs[one]} - set(_by_default(control, _map(now, scene)[control]))
    keys = set(map(_key, placed))
    if scene != HOME:
        keys &= set(_IN_SCENES) & (_own(now, scene, control) | _own(filed, scene, control))
    whole = _nested({one: _short(value) for one, value in ours.items()})
    return {key: whole[key] for key in whole if key in keys}


def _key(one: str) -> str:
    """The key of the file that a dotted one is a part of."""
    return one.split(".")[0]


def _nested(keys: Flat) -> dict[str, Any]:
    """As a file says it."""
    plain = {key: value for key, value in keys.items() if "." not in key}
    ease = {"curve": keys["ease.curve"], "ms": keys["ease.ms"]}
    return {**plain, "clamp": [keys["clamp.low"], keys["clamp.high"]], "ease": ease}


def _typed(field: str, value: bool | float | str) -> Any:
    """As the control map wants it; touch surfaces know only numbers."""
    if field == "invert" and value in (0, 1):
        return bool(value)
    if isinstance(value, bool | str):
        return value
    return int(value) if field in _WHOLE and float(value).is_integer() else round(value, _DIGITS)


def _short(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
