"""Calibrated bodies as files: `profiles/NAME.yaml` of the workspace, made to be read, edited and copied."""

from __future__ import annotations

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator

from choreo_service.bodies import Body, Mounting, Range, Soundcheck
from choreo_service.calibration.measure import FRAMES_PER_S, Measured
from choreo_service.config.loading import Loaded
from choreo_service.config.problems import validated
from choreo_service.config.settings import Block
from choreo_service.config.yaml_source import read_yaml
from choreo_service.disk import put_file
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES

Axis = Annotated[list[float], Field(min_length=3, max_length=3)]

UNITS: Final = {c: u for m in MODALITIES.values() for c, u in zip(m.columns, m.units, strict=True)}


class _Still(Block):
    noise: float = Field(ge=0)
    gate: float = Field(gt=0, le=5)


class _Device(Block):
    gravity: float | None = Field(default=None, ge=9, le=11)
    up: Axis | None = None
    sway_axis: Axis | None = None


class _Range(Block):
    mean: float
    sd: float = Field(ge=0)
    low: float | None = None
    high: float | None = None


class _Profile(Block):
    version: Literal[1]
    source: str = ""
    still: _Still
    device: _Device = _Device()
    moved_s: float = Field(gt=0)
    ranges: dict[str, _Range]

    @field_validator("ranges")
    @classmethod
    def _known(cls, ranges: dict[str, _Range]) -> dict[str, _Range]:
        if unknown := sorted(set(ranges) - set(FEATURE_COLUMNS)):
            raise ValueError(f"ranges: unknown feature {unknown[0]!r}; known are {', '.join(FEATURE_COLUMNS)}")
        return ranges


def load_soundcheck(loaded: Loaded) -> Soundcheck:
    """What `engine.bodies` and `engine.after_soundcheck` say; ConfigError for a body that is missing or damaged."""
    engine = loaded.settings.engine
    if len(engine.bodies) > engine.performers:
        raise ConfigError(
            f"engine.bodies: {len(engine.bodies)} bodies for {engine.performers} performer(s)",
            fix=f"-o engine.performers={len(engine.bodies)}, or fewer bodies",
        )
    bodies = tuple(load_body(loaded.profiles, name) for name in engine.bodies)
    return Soundcheck(bodies, freezes=engine.after_soundcheck == "freeze")


def load_body(folder: Path, name: str) -> Body:
    """The body `name`; ConfigError says what is wrong with its file, or which there are."""
    path = profile_path(folder, name)
    if not path.is_file():
        raise _unknown(folder, name)
    profile = validated(_Profile, read_yaml(path), source=str(path))
    device = profile.device
    mounting = Mounting(device.gravity, _vector(device.up), _vector(device.sway_axis))
    ranges = {column: Range(r.mean, r.sd) for column, r in profile.ranges.items()}
    return Body(name, profile.still.gate, ranges, profile.moved_s * FRAMES_PER_S, mounting)


def save_body(folder: Path, measured: Measured, source: str, *, replace: bool) -> Path:
    """Write the file of a calibrated body; ConfigError where there is one already or the folder can't be written."""
    path = profile_path(folder, measured.body.name)
    refuse_existing(path, replace=replace)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        put_file(path, profile_text(measured, source).encode(), like=path)
    except OSError as error:
        raise ConfigError(
            f"can't write {path}: {os.strerror(error.errno or 0)}", fix="choose another workspace: --home FOLDER"
        ) from error
    return path


def profile_path(folder: Path, name: str) -> Path:
    return folder / f"{name}.yaml"


def refuse_existing(path: Path, *, replace: bool) -> None:
    """ConfigError rather than a performer's calibration lost."""
    if path.exists() and not replace:
        raise ConfigError(f"{path} is there already", fix="choose another name, or write over it: --replace")


def profile_text(measured: Measured, source: str) -> str:
    """The file."""
    body, mounting = measured.body, measured.body.mounting
    lines = [
        f"# How {body.name} moves, by choreo calibrate body. To play with it: engine.bodies: [{body.name}]",
        "version: 1",
        f'source: "{source}"',
        "still:",
        f"  noise: {_number(measured.noise)}  # m/s^2 of motion_energy at rest",
        f"  gate: {_number(body.gate)}  # below this, {body.name} stands still and teaches nothing",
        "device:",
        f"  gravity: {_number(mounting.gravity)}  # m/s^2 it reads at rest",
        f"  up: {_axis(mounting.up)}  # in the device's frame",
        f"  sway_axis: {_axis(mounting.sway_axis)}  # the direction of positive hip_sway",
        f"moved_s: {measured.moved_s:.1f}  # what the ranges rest on",
        "ranges:  # while moving; low and high (5 and 95 %) are only to be read",
    ]
    for column, spread in measured.spreads.items():
        numbers = (spread.range.mean, spread.range.sd, spread.low, spread.high)
        words = ", ".join(f"{n}: {_number(v)}" for n, v in zip(("mean", "sd", "low", "high"), numbers, strict=True))
        lines.append(f"  {column}: {{{words}}}  # {UNITS[column]}")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return "null" if value is None else f"{value:.4f}".rstrip("0").rstrip(".")


def _axis(vector: Sequence[float] | None) -> str:
    return "null" if vector is None else f"[{', '.join(_number(v) for v in vector)}]"


def _vector(axis: Sequence[float] | None) -> tuple[float, float, float] | None:
    return None if axis is None else (axis[0], axis[1], axis[2])


def _unknown(folder: Path, name: str) -> ConfigError:
    there = sorted(path.stem for path in folder.glob("*.yaml")) if folder.is_dir() else []
    close = get_close_matches(name, there, n=1)
    known = f"; there are: {', '.join(there)}" if there else ""
    return ConfigError(
        f"engine.bodies: no calibrated body {name!r} in {folder}{known}",
        fix=f"-o engine.bodies=[{close[0]}]" if close else f"choreo calibrate body {name}",
    )
