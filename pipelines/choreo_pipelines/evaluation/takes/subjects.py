"""Which takes are evaluated: named ones, real recordings, or fresh dances nobody trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from choreo_pipelines.bodies import real_takes
from choreo_pipelines.datasets import find_takes
from choreo_pipelines.generator import Settings, generate
from choreo_service.errors import ConfigError
from choreo_service.session import Session

UNSEEN: Final = Path("recordings/m0_unseen")
UNSEEN_SEED: Final = 200  # the trainings of this project use seeds below
UNSEEN_SESSIONS: Final = 3


def unseen_takes(folder: Path = UNSEEN) -> list[Session]:
    """Three minutes each of dancers of the generator whom no training has met, their hearts as a strap shows them.

    Takes that are there already are kept. ConfigError where others of that name are.
    """
    made = generate(Settings(hr_mode="ble"), sessions=UNSEEN_SESSIONS, seed=UNSEEN_SEED, out=folder)
    return [take for take, _, _ in made]


def chosen_takes(named: Sequence[Path], real: Path | None, out: Path) -> list[Session]:
    """The takes in `named`, else fresh ones; then the recordings of the folder `real`, imported into `out`/real.

    SessionError where a path or a recording is missing, before any take is made; ConfigError for two takes of one name:
    their reports would share a folder.
    """
    takes = find_takes(named) if named else []
    recorded = real_takes(real, out / "real").values() if real else ()
    takes = [*(takes or unseen_takes()), *recorded]
    twice = [name for name, count in Counter(take_folder(take) for take in takes).items() if count > 1]
    if twice:
        raise ConfigError(f"two of the takes are called {twice[0]}", fix="evaluate them one after the other: --out DIR")
    return takes


def take_folder(take: Session) -> str:
    """The name of the take's own folder, also for a take given as "."."""
    return take.path.resolve().name


def activities(real: Path) -> list[Path]:
    """The runs and rides with a heart in the folder of the real recordings."""
    return sorted(path for path in (real / "sweat_sport").glob("*") if path.suffix in (".tcx", ".fit"))
