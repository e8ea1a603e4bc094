"""The takes one trains with, on one time grid, each performer's frames cached as memory-mapped arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.datasets.arrays import MappedArrays, map_arrays, write_arrays
from choreo_pipelines.datasets.content import cache_key, content_digest
from choreo_pipelines.datasets.recorded import on_grid, read_recorded
from choreo_pipelines.generator import is_synthetic
from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.session import Session

HZ: Final = 50
MAX_HZ: Final = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One performer of one take. Arrays are mapped when asked for; an entry itself is a path and two names."""

    name: str  # of the take, as its header gives it
    performer_id: str  # who danced, the same in every take of this dancer
    path: Path  # of the cached arrays

    @property
    def arrays(self) -> MappedArrays:
        """features, present and t_ns together, as SessionWindowDataset and CarriedStreams take them."""
        return map_arrays(self.path)

    @property
    def features(self) -> NDArray[np.float32]:
        """[T, 11] FEATURE_COLUMNS, finite."""
        return self.arrays["features"]

    @property
    def present(self) -> NDArray[np.uint8]:
        """[T, 4] MODALITIES, 1 where the modality was there."""
        return self.arrays["present"]

    @property
    def t_ns(self) -> NDArray[np.int64]:
        """[T] ns on the take's own clock, one every 1/hz s."""
        return self.arrays["t_ns"]


@dataclass(frozen=True, slots=True)
class Corpus:
    """All entries of some takes, sorted by name and performer."""

    entries: tuple[Entry, ...]
    fingerprint: str  # SHA-256 over names and content, wherever the takes lie and in whatever order they were named
    synthetic: bool  # at least one take was made by the generator: what is learnt here isn't learnt from dancers alone
    hz: int

    @classmethod
    def open(cls, sessions: Sequence[Session], cache: Path, *, hz: int = HZ) -> Self:
        """The corpus of these takes at `hz` frames a second, 1..1000; ValueError for no takes or another rate.

        Frames missing or damaged in folder `cache` are made; takes of the same content, as copies are, count once.
        SessionError when a take can't be used or the cache can't be written.
        """
        if not sessions or not 1 <= hz <= MAX_HZ:
            raise ValueError(f"expected at least one take and 1..{MAX_HZ} Hz, found {len(sessions)} takes, {hz} Hz")
        takes = _distinct(sessions)
        entries = [entry for session in takes.values() for entry in _entries(session, cache, hz)]
        names = [[session.meta["name"], digest] for digest, session in takes.items()]
        return cls(
            tuple(sorted(entries, key=lambda entry: (entry.name, entry.performer_id, entry.path))),
            hashlib.sha256(json.dumps(sorted(names)).encode()).hexdigest(),
            any(is_synthetic(session.meta) for session in takes.values()),
            hz,
        )


def _distinct(sessions: Sequence[Session]) -> dict[str, Session]:
    """Content digest -> take. Of copies the first by name is kept: counted twice, one may land on each side of a split
    under two names."""
    by_name = sorted(sessions, key=lambda session: (session.meta["name"], session.path))
    found: dict[str, Session] = {}
    for session in by_name:
        found.setdefault(content_digest(session), session)
    return found


def _entries(session: Session, cache: Path, hz: int) -> list[Entry]:
    """The performers of one take, their arrays cached if they aren't yet."""
    key = cache_key(session)
    paths = [cache / f"{key}-p{performer}-{hz}hz.arrow" for performer in range(session.meta["performers"])]
    if not all(_intact(path) for path in paths):
        _fill(session, paths, hz)
    name = session.meta["name"]
    return [Entry(name, _performer_id(session.meta, b), path) for b, path in enumerate(paths)]


def _intact(path: Path) -> bool:
    try:
        map_arrays(path).verify()
    except SessionError:
        return False
    return True


def _fill(session: Session, paths: Sequence[Path], hz: int) -> None:
    for performer, (recorded, path) in enumerate(zip(read_recorded(session), paths, strict=True)):
        even = on_grid(recorded, NS // hz)
        arrays: dict[str, NDArray[Any]] = {"features": even.features, "present": even.present, "t_ns": even.t_ns}
        write_arrays(path, arrays, {"take": session.meta["name"], "performer": str(performer), "hz": str(hz)})


def _performer_id(meta: Mapping[str, Any], performer: int) -> str:
    """The dancer the header names, else the take itself; further dancers of a take have a number behind it."""
    who = meta.get("performer")
    named = who.get("id") if isinstance(who, Mapping) else None
    base = str(named) if named else str(meta["name"])
    return base if performer == 0 else f"{base}/p{performer}"
