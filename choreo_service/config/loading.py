"""Putting the layers together: default.yaml, profile, local.yaml, user file, environment, options; checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from choreo_service import registry
from choreo_service.config.control_map import ControlMap
from choreo_service.config.environment import environment_layer
from choreo_service.config.latency import LatencyProfile, read_profile
from choreo_service.config.layers import Layer, Origin, PathKey, merge, options_layer, origin_of
from choreo_service.config.locate import DEFAULT_FILE, LOCAL_FILE, find_home, find_profile
from choreo_service.config.problems import validated
from choreo_service.config.scenes import LoadedScene, load_scenes
from choreo_service.config.settings import AdapterBlock, Settings
from choreo_service.config.yaml_source import parse_text, read_yaml
from choreo_service.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Adapter:
    """One enabled block of `sensors`, `bridges` or `doors`, ready to be built: `adapter.cls(adapter.config, ...)`."""

    name: str  # the user's name for it
    entry: registry.Entry
    cls: type[Any]
    config: BaseModel  # an instance of cls.Config


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checked configuration. Everything in it has been validated; adapters are imported but not built."""

    settings: Settings
    control_map: ControlMap
    sensors: Mapping[str, Adapter]  # enabled ones, in the order of the files
    bridges: Mapping[str, Adapter]
    scenes: Mapping[str, LoadedScene]
    latency: Mapping[str, LatencyProfile]  # bridge -> its latency_profile, where it names one
    doors: Mapping[str, Adapter]
    origins: Mapping[
        PathKey, Origin
    ]  # key path -> where its value came from; a path not in it has its built-in default
    arguments: Sequence[str]  # a command with these reads the same configuration
    base_dir: Path  # the workspace; checkpoints and recordings are relative to it
    control_map_path: Path
    map_layer: Layer  # what the control map's file says
    user_file: Path  # where the user's own changes are written: the file given, else the workspace's LOCAL_FILE

    @property
    def checkpoints(self) -> Path:
        """The folder of the trained models; it need not exist."""
        return self.base_dir / Path(self.settings.engine.checkpoints).expanduser()

    @property
    def recordings(self) -> Path:
        """The folder takes are recorded in; it need not exist."""
        return self.base_dir / Path(self.settings.recorder.folder).expanduser()

    @property
    def profiles(self) -> Path:
        """The folder of the calibrated bodies; it need not exist."""
        return self.base_dir / "profiles"


def load_settings(
    *,
    profile: str | None = None,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    home: Path | None = None,
    sensors: Mapping[str, Mapping[str, Any]] | None = None,
    draft: str | None = None,
) -> Loaded:
    """Read and check everything. `overrides` are `a.b=value`; `sensors`, where given, replaces all sensor blocks;
    `draft` is judged as what `Loaded.user_file` would hold.

    Raises ConfigError that names place, key, value found and what is allowed.
    """
    base = find_home(home, environ)
    files = [base / "configs" / DEFAULT_FILE]
    files += [find_profile(base, profile)] if profile else []
    local = base / "configs" / LOCAL_FILE
    user_file = file.expanduser() if file else local
    files += [local] if local.exists() or (draft is not None and not file) else []
    files += [user_file] if file else []
    layers = [read_yaml(path, draft if path == user_file else None) for path in files]
    given = [path for path, layer in zip(files, layers, strict=True) if "control_map" in layer.data]
    merged = merge([*layers, environment_layer(environ), options_layer(overrides, parse_text)])
    merged = _blocks(merged, sensors)
    settings = validated(Settings, merged)
    map_path = _control_map_path(settings, merged, given, base)
    map_layer = read_yaml(map_path)
    control_map = validated(ControlMap, map_layer, source=str(map_path))
    return Loaded(
        settings=settings,
        control_map=control_map,
        scenes=load_scenes(map_path.parent / "scenes", map_layer, control_map),  # they are presets of this map
        latency=_profiles(settings, base, merged.origins),
        sensors=_adapters("sensor", settings.sensors, merged.origins),
        bridges=_adapters("bridge", settings.bridges, merged.origins),
        doors=_adapters("door", settings.doors, merged.origins),
        origins=merged.origins,
        arguments=_arguments(profile, file, overrides, home),
        base_dir=base,
        control_map_path=map_path,
        map_layer=map_layer,
        user_file=user_file,
    )


def _arguments(profile: str | None, file: Path | None, overrides: Sequence[str], home: Path | None) -> list[str]:
    given = [("-p", profile), ("-c", file), ("--home", home), *(("-o", override) for override in overrides)]
    return [word for option, value in given if value is not None for word in (option, str(value))]


def _blocks(merged: Layer, sensors: Mapping[str, Mapping[str, Any]] | None) -> Layer:
    """Without the adapter blocks that a layer set to null, and with the sensors a command put in their place."""
    data = dict(merged.data)
    for section in ("sensors", "bridges", "doors"):
        if isinstance(data.get(section), dict):
            data[section] = {name: block for name, block in data[section].items() if block is not None}
    origins = merged.origins
    if sensors is not None:
        data["sensors"] = sensors
        origins = {path: origin for path, origin in origins.items() if path[0] != "sensors"}
    return Layer(data, origins)


def _profiles(settings: Settings, base: Path, origins: Mapping[PathKey, Origin]) -> dict[str, LatencyProfile]:
    found = {}
    for name, block in settings.bridges.items():
        if block.enabled and block.latency_profile is not None:
            place = origin_of(origins, ("bridges", name, "latency_profile"))
            found[name] = read_profile(base, block.latency_profile, f"{place}: " if place else "", bridge=name)
    return found


def _control_map_path(settings: Settings, merged: Layer, given: Sequence[Path], base: Path) -> Path:
    """Relative to the file that names it; from the environment or an option, to the current folder."""
    path = Path(settings.control_map).expanduser()
    origin = origin_of(merged.origins, ("control_map",))
    if origin is None:
        return base / "configs" / path
    return given[-1].resolve().parent / path if origin.line else Path.cwd() / path


def _adapters(
    kind: registry.Kind, blocks: Mapping[str, AdapterBlock], origins: Mapping[PathKey, Origin]
) -> dict[str, Adapter]:
    return {name: _adapter(kind, name, block, origins) for name, block in blocks.items() if block.enabled}


def _adapter(kind: registry.Kind, name: str, block: AdapterBlock, origins: Mapping[PathKey, Origin]) -> Adapter:
    path: PathKey = (f"{kind}s", name)
    try:
        entry = registry.find(kind, block.type)
        cls = entry.load()
    except ConfigError as error:
        place = origin_of(origins, (*path, "type"))
        raise ConfigError(f"{place or '.'.join(map(str, path))}: {error.problem}", fix=error.fix) from error
    config = validated(cls.Config, Layer(block.options, origins), prefix=path)
    return Adapter(name, entry, cls, config)
