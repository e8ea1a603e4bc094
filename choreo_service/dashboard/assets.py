"""The pages' files, held in memory: served without touching the disk during a show, and nothing outside can be asked
for."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).parent / "static"
# Paths of the one page; it shows the view of its path.
VIEWS: Final = ("/", "/stage", "/map", "/sensors", "/takes", "/health", "/config")
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".md": "text/plain",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served."""

    body: bytes
    packed: bytes  # gzip
    mime: str
    etag: str


def load_assets(folder: Path = STATIC) -> dict[str, Asset]:
    """Every file of the pages by its URL path. Reads the disk: not on the loop."""
    assets = {f"/static/{path.relative_to(folder).as_posix()}": _asset(path) for path in _files(folder)}
    assets |= dict.fromkeys(VIEWS, assets["/static/index.html"])
    return assets


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in _TYPES)


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(
        body=body,
        packed=gzip.compress(body, mtime=0),
        mime=_TYPES[path.suffix],
        etag=f'"{hashlib.sha256(body).hexdigest()[:16]}"',
    )
