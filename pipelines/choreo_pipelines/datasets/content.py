"""What a take's training data is made of, as a digest: two takes of one digest give the same arrays."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import choreo_service
from choreo_service.session import Session


def content_digest(session: Session) -> str:
    """SHA-256 over the tables that frames come from: frames.parquet, else all there is. Independent of name and place.

    The header's seal stands for a table; one that other tools wrote without a seal is read.
    """
    kinds = ("frames",) if "frames" in session.kinds else session.kinds
    return _sha256(json.dumps([[kind, _sealed(session, kind)] for kind in kinds]).encode())


def cache_key(session: Session) -> str:
    """SHA-256 over the content, and over the code that makes frames where they are made of packets."""
    made_by = "" if "frames" in session.kinds else _features_code()
    return _sha256(f"{_LAYOUT} {session.meta['performers']} {content_digest(session)} {made_by}".encode())


_LAYOUT: Final = 1  # of the cached arrays; a change of names, types or resampling makes another


def _sealed(session: Session, kind: str) -> list[Any]:
    seal = session.meta.get("files", {}).get(kind, {})
    if "crc32" in seal:
        return [seal.get("rows"), seal.get("bytes"), seal["crc32"]]
    return [_file_sha256(session.path / f"{kind}.parquet")]


@functools.cache
def _features_code() -> str:
    """Frames of an imported take change with the code of features and frames: a cache of the old ones must not stay."""
    root = Path(choreo_service.__file__).parent
    code = sorted([*(root / "features").glob("*.py"), root / "frames.py", *(root / "transport").glob("*.py")])
    return _sha256(b"".join(path.read_bytes() for path in code))


def _file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
