"""The models a take changed to while it was recorded, found again by their fingerprint."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from choreo_service.calibration.profile import load_soundcheck
from choreo_service.clock import MS
from choreo_service.config import Loaded
from choreo_service.errors import SessionError
from choreo_service.protocols import Models, number_of
from choreo_service.replay import FindModels
from choreo_service.service.models import load_models, told_fingerprint
from choreo_service.session import Session


def models_of_take(session: Session, loaded: Loaded) -> FindModels:
    """Finds models by the number the take calls them by: in the folder it names, else in the folder of checkpoints, in
    those inside and in those beside it. They are played as `loaded` says."""
    told = _told(session)

    def find(number: int) -> Models:
        entry = told.get(number, {})
        folder = _named(entry, loaded)
        for place in _places(folder, loaded.checkpoints):
            if number_of(told_fingerprint(place)) == number:
                engine = loaded.settings.engine
                return load_models(
                    place,
                    performers=engine.performers,
                    period_ns=round(engine.period_ms * MS),
                    soundcheck=load_soundcheck(loaded),
                )
        name = f"{entry['models']} (" if entry.get("models") else "models that it doesn't name ("
        fingerprint = entry.get("models_sha256") or f"{number:012x}"
        raise SessionError(
            f"take {session.path.name} changes to {name}fingerprint {fingerprint[:12]}...), which are not in {folder}, "
            f"nor in {loaded.checkpoints} or the folders in it and beside it",
            fix="bring that folder of checkpoints back, or copy it to any of these places",
        )

    return find


def _told(session: Session) -> Mapping[int, Mapping[str, Any]]:
    """By number, what the take says of the models that were put in; a recording that was cut off may say nothing.

    SessionError where it says what no recorder wrote.
    """
    rows = (row for batch in session.batches("events") for row in batch.to_pylist())
    try:
        events = [json.loads(row["data"]) for row in rows if (row["kind"], row["text"]) == ("recorder", "models")]
        return {number_of(event["models_sha256"]): event for event in events}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SessionError(
            f"take {session.path.name}: what its events say of the models can't be read: {error!r:.100}",
            fix="use an intact copy of the take",
        ) from error


def _named(entry: Mapping[str, Any], loaded: Loaded) -> Path:
    """The folder the take names, as it named it; a take from elsewhere may name anything."""
    engine = entry.get("engine")
    named = engine.get("checkpoints") if isinstance(engine, Mapping) else None
    return loaded.base_dir / Path(named).expanduser() if isinstance(named, str) else loaded.checkpoints


def _places(*folders: Path) -> Iterator[Path]:
    """The folders, what is in them, and what is beside them."""
    yield from folders
    for folder in folders:
        for around in (folder, folder.parent):
            if around.is_dir():
                yield from sorted(path for path in around.iterdir() if path.is_dir())
