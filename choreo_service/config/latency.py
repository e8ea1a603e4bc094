"""Latency profiles: how long one receiver takes from a message to its sound, as `choreo calibrate latency` measured it.

One YAML file per receiver in the workspace's `calibration/latency`.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from choreo_service.config.problems import validated
from choreo_service.config.settings import Block
from choreo_service.config.yaml_source import display_path, read_yaml
from choreo_service.errors import ConfigError


class LatencyProfile(Block):
    """Milliseconds from the service's message to the first changed sample; our own delay is not in it."""

    bridge: str
    """Type of the bridge it was measured through."""
    measured: str
    """When, ISO 8601."""
    ears: str
    """What was recorded, and by what."""
    pulses: int = Field(ge=1)
    """Pulses sent."""
    missed: int = Field(ge=0)
    """Pulses that were not heard."""
    rejected: int = Field(ge=0)
    """Pulses that could not be judged: the recording had a gap there, or it was not quiet before."""
    xruns: int = Field(ge=0)
    """Overruns the audio system reported."""
    min_ms: float
    median_ms: float = Field(ge=-100, le=2000)
    p95_ms: float
    max_ms: float
    sd_ms: float = Field(ge=0)


def profile_path(base: Path, name: str) -> Path:
    """Where the profile `name` of a workspace stands."""
    return base / "calibration" / "latency" / f"{name}.yaml"


def read_profile(base: Path, name: str, place: str, *, bridge: str) -> LatencyProfile:
    """The profile; ConfigError, beginning with `place`, where there is none or it can't be read."""
    path = profile_path(base, name)
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml"))) or "none yet"
        raise ConfigError(
            f"{place}no latency profile {name!r} in {display_path(path.parent)}; there are: {there}",
            fix=f"measure it: choreo calibrate latency --bridge {bridge} --save {name}",
        )
    return validated(LatencyProfile, read_yaml(path), source=display_path(path))
