"""Strudel's own files, from npm into a cache of the user: AGPL, so never in this repository nor in what it builds."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rig.process import PeerError

# One file of each is loaded, so npm's whole tree of dependencies isn't needed.
PACKAGES: Final[Mapping[str, str]] = {"@strudel/web": "1.3.0", "@strudel/midi": "1.3.0", "webmidi": "3.3.1"}
FETCH_S: Final = 120.0


def missing() -> str | None:
    """Why real Strudel can't be played here, or None."""
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright not installed: make setup"
    if shutil.which("chromium") is None:
        return "chromium not installed: make peers"
    if not _complete(cache()) and shutil.which("npm") is None:
        return "Strudel not cached and npm not installed to fetch it: make peers"
    return None


def cache() -> Path:
    """Where the packages are kept; the versions are part of the name."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "choreo-service" / "-".join(["strudel", *PACKAGES.values()])


def fetch() -> Path:
    """The folder with the packages, filled by npm the first time; PeerError when the registry doesn't answer."""
    folder = cache()
    if _complete(folder):
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        for name, version in PACKAGES.items():
            _unpack(_pack(f"{name}@{version}", Path(draft)), Path(draft) / "ready" / name)
        if not _complete(folder):  # else another run was faster
            shutil.rmtree(folder, ignore_errors=True)
            (Path(draft) / "ready").rename(folder)
    return folder


def _complete(folder: Path) -> bool:
    return all((folder / name / "package.json").is_file() for name in PACKAGES)


def _pack(spec: str, folder: Path) -> Path:
    argv = ["npm", "pack", spec, "--silent", "--pack-destination", str(folder)]
    try:
        done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=FETCH_S, check=True)
    except (subprocess.SubprocessError, OSError) as error:
        raise PeerError(f"npm can't fetch {spec}: {getattr(error, 'stderr', None) or error}") from error
    return folder / done.stdout.split()[-1]


def _unpack(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        tar.extractall(archive.parent / "unpacked", filter="data")
    target.parent.mkdir(parents=True, exist_ok=True)
    (archive.parent / "unpacked" / "package").rename(target)
