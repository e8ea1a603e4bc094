"""Where choreo keeps what belongs to the user and to no workspace: logs of the last shows, the details of a crash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def state_folder(environ: Mapping[str, str]) -> Path:
    """$XDG_STATE_HOME/choreo, by default ~/.local/state/choreo; it need not exist."""
    base = environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "choreo"
