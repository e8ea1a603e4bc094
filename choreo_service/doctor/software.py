"""Python, the packages, the trained models and the disk."""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterator
from importlib import metadata

from choreo_service.config import Loaded
from choreo_service.doctor.report import Finding
from choreo_service.errors import ChoreoError, ConfigError

_REQUIREMENT = re.compile(r"^([\w.-]+)\s*(?:>=\s*([\d.]+))?[^;]*(?:;\s*(.*))?$")


def python() -> Iterator[Finding]:
    """The interpreter, and whether uvloop is there."""
    found = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform(terse=True)}"
    good = sys.version_info >= (3, 11)
    yield Finding("python", "ok" if good else "fail", found, "" if good else "install Python 3.11 or newer")
    version = _version("uvloop")
    if version is None and sys.platform != "win32":
        yield Finding("uvloop", "warn", "not installed; asyncio's own loop plays, a little later", "pip install uvloop")
    elif version is not None:
        yield Finding("uvloop", "ok", version)


def packages() -> Iterator[Finding]:
    """Every package this one declares: present and new enough."""
    versions, wrong = [], []
    for requirement in metadata.requires("choreo-service") or ():
        name, least, here = needed(requirement)
        if not here:
            continue
        version = _version(name)
        versions.append(f"{name} {version}")
        if version is None or _numbers(version) < _numbers(least):
            wrong.append(f"{name}>={least}" if least else name)
    if wrong:
        yield Finding("packages", "fail", f"missing or too old: {', '.join(wrong)}", f"pip install {' '.join(wrong)}")
    else:
        yield Finding("packages", "ok", ", ".join(versions))


def needed(requirement: str) -> tuple[str, str, bool]:
    """(name, least version or "", wanted on this machine) of one of our own requirement lines."""
    match = _REQUIREMENT.match(requirement)
    if match is None:
        return requirement, "", False
    name, least, marker = match[1], match[2] or "", match[3] or ""
    return name, least, "extra ==" not in marker and not ("win32" in marker and sys.platform == "win32")


def checkpoints(loaded: Loaded) -> Iterator[Finding]:
    """The trained models, or that the rules play."""
    if loaded.settings.engine.mapper == "rules":
        yield Finding("checkpoints", "ok", "not used: engine.mapper is rules")
        return
    from choreo_service.service.models import chosen_models

    try:
        models = chosen_models(loaded)
    except ConfigError as error:
        yield Finding("checkpoints", "fail", error.problem, fix=error.fix)
        return
    if models is None:
        yield Finding("checkpoints", "ok", f"none in {loaded.checkpoints}: the rule mapper plays")
    else:
        yield Finding("checkpoints", "ok", f"{models.name} of {loaded.checkpoints}")


def recordings(loaded: Loaded) -> Iterator[Finding]:
    """Whether `choreo record` could begin a take, and how much room there is."""
    from choreo_service.service.finishing import LITTLE_MB, room_mb

    try:
        free_mb = room_mb(loaded)
    except ChoreoError as error:
        yield Finding("recordings", "fail", error.problem, error.fix)
        return
    found = f"{free_mb / 1024:.1f} GB free for {loaded.recordings}"
    if free_mb < LITTLE_MB:
        yield Finding("disk", "warn", found, "make room, or choose another disk: -o recorder.folder=FOLDER")
    else:
        yield Finding("disk", "ok", found)


def required(loaded: Loaded) -> Iterator[Finding]:
    """Whether `choreo record --auto` waits for a sensor that can't come; nothing where it doesn't."""
    from choreo_service.service.spoken import not_configured

    if unknown := not_configured(loaded.settings.recorder.required, loaded):
        found = f"record --auto would wait for {', '.join(unknown)}, not in the configuration (recorder.required)"
        names = ", ".join(loaded.sensors)
        fix = f"choose of the sensors there are: -o 'recorder.required=[{names}]'" if names else "configure a sensor"
        yield Finding("required", "warn", found, fix)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+")[0])[:3])
