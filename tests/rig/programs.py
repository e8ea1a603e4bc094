"""Which real programs the peer tests need, and whether this machine has them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from rig.strudel import packages

SOUNDFONTS: Final = (
    Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
    Path("/usr/share/sounds/sf2/default-GM.sf2"),
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
)


def missing_peer(name: str) -> str | None:
    """Why the peer `name` can't be used here, or None. A name without a rule of its own is a command on PATH."""
    if name == "strudel":
        return packages.missing()
    present = _RULES.get(name, lambda: shutil.which(name) is not None)()
    return None if present else f"{name} not installed: make peers"


def peers_required() -> bool:
    """True where an absent peer is a failure, not a skip: continuous integration sets CHOREO_REQUIRE_PEERS=1."""
    return os.environ.get("CHOREO_REQUIRE_PEERS") == "1"


def find_soundfont() -> Path | None:
    """A General MIDI soundfont as Debian installs them, smallest first."""
    return next((path for path in SOUNDFONTS if path.is_file()), None)


_RULES: Final[dict[str, Callable[[], bool]]] = {
    "fluidsynth": lambda: shutil.which("fluidsynth") is not None and find_soundfont() is not None,
    "jackd": lambda: all(shutil.which(command) for command in ("jackd", "jack_lsp", "jack_connect")),
}
