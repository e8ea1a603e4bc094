"""Putting the layers together: default.yaml, profile, local.yaml, user file, environment, options; checked once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from choreo_service import registry
from choreo_service.config.control_map import ControlMap
from choreo_service.config.environment import environment_layer
from choreo_service.config.latency import LatencyProfile, read_profile
from choreo_service.config.layers import Layer, Origin, PathKey, merge, options_layer, origin_of
from choreo_service.config.locate import DEFAULT_FILE, LOCAL_FILE, find_home, find_profile
from choreo_service.config.mistakes import Mistakes
from choreo_service.config.problems import salvaged, validated
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
    profile: str | None  # by name, where one was chosen
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

    Raises ConfigError that names place, key, value found and what is allowed: of every mistake there is, or, where
    files, variables or options can't be read, of everything that can't.
    """
    base = find_home(home, environ)
    user_file = file.expanduser() if file else base / "configs" / LOCAL_FILE
    files = _files(base, profile, user_file, read_anyhow=file is not None or draft is not None)
    merged, naming_map = _merged(files, {} if draft is None else {user_file: draft}, environ, overrides)
    merged = _blocks(merged, sensors)
    mistakes = Mistakes()
    settings = salvaged(Settings, merged, mistakes) or Settings()
    map_path = _control_map_path(settings, merged, naming_map, base)
    control_map = mistakes.attempt(partial(_control_map, map_path))
    scenes = load_scenes(map_path.parent / "scenes", control_map, mistakes)  # they are presets of this map
    latency = _profiles(settings, base, merged.origins, mistakes)
    adapters = partial(_adapters, origins=merged.origins, mistakes=mistakes)
    found = adapters("sensor", settings.sensors), adapters("bridge", settings.bridges), adapters("door", settings.doors)
    mistakes.tell()
    if control_map is None:
        raise AssertionError("there was a mistake, and it was not told")
    return Loaded(
        settings=settings,
        control_map=control_map[1],
        sensors=found[0],
        bridges=found[1],
        scenes=scenes,
        latency=latency,
        doors=found[2],
        origins=merged.origins,
        arguments=_arguments(profile, file, overrides, home),
        profile=profile,
        base_dir=base,
        control_map_path=map_path,
        map_layer=control_map[0],
        user_file=user_file,
    )


def _files(base: Path, profile: str | None, user_file: Path, *, read_anyhow: bool) -> list[Path]:
    """What is read, the lowest first; `user_file` need not exist unless somebody named or drafted it."""
    local = base / "configs" / LOCAL_FILE
    files = [base / "configs" / DEFAULT_FILE, *([find_profile(base, profile)] if profile else [])]
    files += [local] if local.exists() and local != user_file else []
    return files + ([user_file] if read_anyhow or user_file.exists() else [])


def _merged(
    files: Sequence[Path], drafts: Mapping[Path, str], environ: Mapping[str, str], overrides: Sequence[str]
) -> tuple[Layer, list[Path]]:
    """All layers in one, and the files that name a control map. ConfigError tells everything that can't be read: values
    are judged when all of them are known."""
    mistakes = Mistakes()
    read = {path: mistakes.attempt(partial(read_yaml, path, drafts.get(path))) for path in files}
    typed = (
        mistakes.attempt(partial(environment_layer, environ)),
        mistakes.attempt(partial(options_layer, overrides, parse_text)),
    )
    mistakes.tell()
    layers = [layer for layer in (*read.values(), *typed) if layer is not None]
    return merge(layers), [path for path, layer in read.items() if layer is not None and "control_map" in layer.data]


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


def _profiles(
    settings: Settings, base: Path, origins: Mapping[PathKey, Origin], mistakes: Mistakes
) -> dict[str, LatencyProfile]:
    found = {}
    for name, block in settings.bridges.items():
        if block.enabled and block.latency_profile is not None:
            place = origin_of(origins, ("bridges", name, "latency_profile"))
            shown = f"{place}: " if place else ""
            profile = mistakes.attempt(partial(read_profile, base, block.latency_profile, shown, bridge=name))
            if profile is not None:
                found[name] = profile
    return found


def _control_map_path(settings: Settings, merged: Layer, given: Sequence[Path], base: Path) -> Path:
    """Relative to the file that names it; from the environment or an option, to the current folder."""
    path = Path(settings.control_map).expanduser()
    origin = origin_of(merged.origins, ("control_map",))
    if origin is None or str(merged.data.get("control_map")) != settings.control_map:  # none named, or a wrong one
        return base / "configs" / path
    return given[-1].resolve().parent / path if origin.line else Path.cwd() / path


def _control_map(path: Path) -> tuple[Layer, ControlMap]:
    """What the file says, and the control map it makes."""
    layer = read_yaml(path)
    return layer, validated(ControlMap, layer, source=str(path))


def _adapters(
    kind: registry.Kind, blocks: Mapping[str, AdapterBlock], origins: Mapping[PathKey, Origin], mistakes: Mistakes
) -> dict[str, Adapter]:
    tried = {
        name: mistakes.attempt(partial(_adapter, kind, name, block, origins))
        for name, block in blocks.items()
        if block.enabled
    }
    return {name: adapter for name, adapter in tried.items() if adapter is not None}


def _adapter(kind: registry.Kind, name: str, block: AdapterBlock, origins: Mapping[PathKey, Origin]) -> Adapter:
    path: PathKey = (f"{kind}s", name)
    try:
        entry = registry.find(kind, block.type)
        cls = entry.load()
    except ConfigError as error:
        place = origin_of(origins, (*path, "type"))
        problem = f"{place or '.'.join(map(str, path))}: {error.problem}"
        raise ConfigError(problem, fix=error.fix, path=(*path, "type")) from error
    config = validated(cls.Config, Layer(block.options, origins), prefix=path)
    return Adapter(name, entry, cls, config)
