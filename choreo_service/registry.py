"""The one door for adapters, built-in or not: entry points of the groups `choreo.sensors`, `choreo.bridges`
and `choreo.doors`.

Listing imports nothing; `Entry.load()` imports one adapter. A broken plug-in fails whoever asks for it, nobody else.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal

from pydantic import BaseModel

from choreo_service.errors import ConfigError

Kind = Literal["sensor", "bridge", "door"]
GROUPS: Final[Mapping[Kind, str]] = {
    "sensor": "choreo.sensors",
    "bridge": "choreo.bridges",
    "door": "choreo.doors",
}
NEEDED: Final[Mapping[Kind, tuple[str, ...]]] = {
    "sensor": ("run",),
    "bridge": ("run", "send", "panic"),
    "door": ("run",),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One registered adapter, not yet imported."""

    kind: Kind
    name: str  # what `type:` says in the configuration
    target: str  # "module:Class"
    distribution: str  # the package that brought it
    version: str
    point: EntryPoint

    def load(self) -> type[Any]:
        """The adapter's class. ConfigError names distribution and cause where it can't be used."""
        try:
            adapter = self.point.load()
        except (Exception, SystemExit) as error:  # a plug-in may fail in any way it likes
            raise ConfigError(
                f"{self.kind} {self.name!r} of {self.distribution} {self.version} can't be imported "
                f"from {self.target}: {type(error).__name__}: {error}",
                fix=f"reinstall {self.distribution}, or set enabled: false in its block and use another {self.kind}",
            ) from error
        if (lack := _lacks(adapter, self.kind)) is not None:
            raise ConfigError(
                f"{self.kind} {self.name!r} of {self.distribution} {self.version}: {self.target} has {lack}",
                fix=f"tell the authors of {self.distribution}; use another {self.kind} until then",
            )
        return adapter  # type: ignore[no-any-return]


def sensors() -> dict[str, Entry]:
    """Every registered sensor by name. ConfigError names both distributions where two claim one name."""
    return entries("sensor")


def bridges() -> dict[str, Entry]:
    """Every registered bridge by name. ConfigError names both distributions where two claim one name."""
    return entries("bridge")


def doors() -> dict[str, Entry]:
    """Every registered command door by name. ConfigError names both distributions where two claim one name."""
    return entries("door")


def entries(kind: Kind) -> dict[str, Entry]:
    """Every registered adapter of one kind by name, sorted."""
    found: dict[str, Entry] = {}
    for point in sorted(entry_points(group=GROUPS[kind]), key=lambda p: p.name):
        entry = _entry(kind, point)
        other = found.setdefault(entry.name, entry)
        if (other.target, other.distribution) != (entry.target, entry.distribution):
            raise ConfigError(
                f"two packages register the {kind} {entry.name!r}: "
                f"{other.distribution} {other.version} ({other.target}) and "
                f"{entry.distribution} {entry.version} ({entry.target})",
                fix=f"uninstall one: pip uninstall {other.distribution} or pip uninstall {entry.distribution}",
            )
    return found


def find(kind: Kind, name: str) -> Entry:
    """The adapter called `name`. ConfigError lists those there are and where each came from."""
    known = entries(kind)
    if name in known:
        return known[name]
    close = get_close_matches(name, known, n=1)
    listed = ", ".join(f"{e.name} ({e.distribution} {e.version})" for e in known.values()) or "none"
    raise ConfigError(
        f"unknown {kind} type {name!r:.60}; there are: {listed}",
        fix=f"write type: {close[0]}"
        if close
        else f"use one of these, or install the package that brings {name!r:.60}",
    )


def _entry(kind: Kind, point: EntryPoint) -> Entry:
    dist = point.dist
    return Entry(
        kind, point.name, point.value, dist.name if dist else "unknown package", dist.version if dist else "?", point
    )


def _lacks(adapter: Any, kind: Kind) -> str | None:
    if not inspect.isclass(adapter):
        return "no class"
    config = getattr(adapter, "Config", None)
    if not (inspect.isclass(config) and issubclass(config, BaseModel)):
        return "no pydantic `Config`"
    missing = [name for name in NEEDED[kind] if not callable(getattr(adapter, name, None))]
    return f"no method {missing[0]}()" if missing else None
