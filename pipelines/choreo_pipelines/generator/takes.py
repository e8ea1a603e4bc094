"""Synthetic sessions as takes on disk, and back from a take's header to the session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from choreo_pipelines.generator.session import Synthetic, session_name, synthesize
from choreo_pipelines.generator.settings import VERSION, Settings
from choreo_pipelines.results import CHOOSE
from choreo_service.errors import ConfigError
from choreo_service.session import Session, open_session, write_session


def generate(settings: Settings, *, sessions: int, seed: int, out: Path) -> Iterator[tuple[Session, Synthetic, bool]]:
    """Write sessions 0..n-1 of `seed` below `out`, yielding (take, session, whether it was written now).

    A take that is there already and says the same of itself is kept: a second copy under another name would count
    twice in training. ConfigError when one of that name was made otherwise, before any is written.
    """
    paths = [out / session_name(seed, index) for index in range(sessions)]
    try:
        there = [index for index, path in enumerate(paths) if path.exists()]
    except OSError as error:
        raise ConfigError(f"can't write to {str(out)!r:.120}: {error.strerror}", fix=CHOOSE) from error
    for index in there:
        _refuse_other(paths[index], synthesize(settings, seed, index))
    for index, path in enumerate(paths):
        session = synthesize(settings, seed, index)  # one at a time: a thousand would not fit in memory
        if path.exists():
            yield open_session(path), session, False
        else:
            take = write_session(path, packets=None, steps=None, frames=session.frames(), meta=session.meta())
            yield take, session, True


def is_synthetic(meta: Mapping[str, Any]) -> bool:
    """Whether a take's header says that this generator made it."""
    return bool(meta.get("generator", {}).get("name") == "m0")


def regenerate(meta: Mapping[str, Any]) -> Synthetic:
    """The session a take's header describes; ConfigError where the header is incomplete or of another version."""
    if not is_synthetic(meta):
        raise ConfigError("this take was not made by the generator", fix="choreo-lab generate")
    generator = meta["generator"]
    if generator.get("version") != VERSION:
        found = generator.get("version")
        raise ConfigError(f"made by generator version {found}, this is version {VERSION}", fix="generate it again")
    try:
        settings = dict(generator["settings"])
        low, high = settings.pop("bpm")
        return synthesize(Settings(bpm=(low, high), **settings), generator["seed"], generator["session"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ConfigError(
            f"the header's generator section is damaged: {error!s:.100}", fix="generate it again"
        ) from error


def _refuse_other(path: Path, session: Synthetic) -> None:
    meta, expected = open_session(path).meta, session.meta()
    if any(meta.get(key) != expected[key] for key in ("generator", "performer", "gestures")):
        raise ConfigError(
            f"{path} is there already and was made with other settings",
            fix=f"another folder (--out {path.parent}_2), another --seed, or delete {path.parent}",
        )
