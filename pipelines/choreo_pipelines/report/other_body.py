"""Whose body is put into the take to see what remains: a named take, a neighbour, or the own one at another time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from choreo_service.errors import ChoreoError, SessionError
from choreo_service.session import Session, open_session

NEAR_BPM: Final = 0.03  # closer tempos keep in step for bars, so that a foreign dancer hits these beats too
_FASTEST_BPM: Final = 1000
_MAX_LOOKED_AT: Final = 200  # neighbours; opening one costs about a millisecond


def named_body(path: Path, session: Session, performer: int = 0) -> Session:
    """The take the user asked for; SessionError when it lacks motion or the performer, or is the take itself."""
    other = open_session(path)
    if _same(other, session):
        raise SessionError(f"{path} is the take itself: its body can't be exchanged", fix="name another take: --swap")
    if not _has_motion(other.meta):
        raise SessionError(f"{path} holds no motion; the body to exchange needs it", fix="name another take: --swap")
    if other.meta["performers"] <= performer:
        raise SessionError(f"{path} has no performer {performer} to exchange", fix="name another take: --swap")
    return other


def neighbouring_body(session: Session, performer: int = 0) -> Session | None:
    """A take of the same folder with this performer and motion; None when there is none.

    Another performer before the same one, another tempo before an equal one, then by name, first those that follow.
    """
    there = (other for other in _neighbours(session) if other.meta["performers"] > performer)
    ranked = [((*_likeness(session, other), at), other) for at, other in enumerate(there)]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


def _neighbours(session: Session) -> Iterator[Session]:
    own = session.path.resolve()
    folders = sorted(entry.parent for entry in own.parent.glob("[!.]*/meta.json"))
    later = [folder for folder in folders if folder.name > own.name]
    for folder in (later + [folder for folder in folders if folder.name < own.name])[:_MAX_LOOKED_AT]:
        try:
            other = open_session(folder)
        except ChoreoError:
            continue  # a damaged neighbour is not what this report is about
        if _has_motion(other.meta) and not _same(other, session):
            yield other


def _likeness(session: Session, other: Session) -> tuple[bool, bool]:
    """(same performer, near tempo), as far as the headers tell."""
    mine, theirs = (s.meta.get("performer") for s in (session, other))
    a, b = (_bpm(s.meta) for s in (session, other))
    return mine is not None and mine == theirs, abs(a - b) <= NEAR_BPM * a


def _bpm(meta: Mapping[str, Any]) -> float:
    """NaN, which is near to nothing, where the header says none: other programs may call anything so."""
    found = meta.get("bpm")
    return float(found) if isinstance(found, float | int) and 0 < found <= _FASTEST_BPM else math.nan


def _same(one: Session, other: Session) -> bool:
    if one.path.resolve() == other.path.resolve():
        return True
    files = one.meta.get("files")
    return bool(files) and files == other.meta.get("files")


def _has_motion(meta: Mapping[str, Any]) -> bool:
    found = meta["coverage"].get("motion", {})
    return bool(found.get("samples") or found.get("fraction"))
