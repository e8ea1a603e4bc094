"""Where the configuration lives: a workspace made by `choreo init`, a source checkout, or the installed wheel."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from choreo_service.errors import ConfigError

DEFAULT_FILE: Final = "default.yaml"
LOCAL_FILE: Final = "local.yaml"  # beside it: what the user changed for every start, by hand or on the page


def find_home(home: Path | None, environ: Mapping[str, str]) -> Path:
    """The workspace: the folder whose `configs` holds default.yaml. `home` (or CHOREO_HOME) is taken at its word.

    Else the first of: the current folder, the source checkout this package runs from, the files the wheel installed.
    """
    named = home or (Path(environ["CHOREO_HOME"]) if environ.get("CHOREO_HOME") else None)
    places = [named.expanduser()] if named else [Path.cwd(), *shipped_homes()]
    for place in places:
        if (place / "configs" / DEFAULT_FILE).is_file():
            return place.resolve()
    looked = ", ".join(str(place / "configs") for place in places)
    raise ConfigError(
        f"no {DEFAULT_FILE} found; looked in {looked}",
        fix=f"choreo init {named}" if named else "choreo init my-show, then cd my-show",
    )


def workspace(home: Path | None = None) -> Path | None:
    """The workspace that a command typed here would play; None where there is none."""
    try:
        return find_home(home, os.environ)
    except ConfigError:
        return None


def find_profile(home: Path, name: str) -> Path:
    """The file of a profile. ConfigError lists the profiles there are."""
    there = {path.stem: path for path in sorted((home / "configs" / "profiles").glob("*.yaml"))}
    if name in there:
        return there[name]
    close = get_close_matches(name, there, n=1)
    raise ConfigError(
        f"no profile {name!r:.60}; there are: {', '.join(there) or 'none'}",
        fix=f"use --profile {close[0]}"
        if close
        else f"use one of these, or write {home / 'configs' / 'profiles'}/NAME.yaml",
    )


def shipped_homes() -> list[Path]:
    """Where the configuration that came with the package may be: a checkout, then the wheel's data files."""
    return [Path(__file__).resolve().parents[2], Path(sys.prefix) / "share" / "choreo"]
