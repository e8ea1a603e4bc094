"""What a report is made of, by hand: played takes with known answers, and cores that follow or ignore the body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from metrics_takes import HZ, Take, take

from choreo_pipelines.metrics.series import Floats
from choreo_pipelines.playing import Played
from choreo_pipelines.report import Subject, Variants
from choreo_service.clock import NS
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, MODALITY_NAMES
from choreo_service.session import Session

ALL = frozenset(MODALITY_NAMES)
DENSITY = CONTROL_NAMES.index("density")


def played(made: Take, density: Floats | None = None, *, absent: frozenset[str] = frozenset()) -> Played:
    """A take as heard: density as given or the oracle's, the other controls swing through their range."""
    n = len(made.motion_energy)
    features = np.zeros((n, len(FEATURE_COLUMNS)), np.float32)
    for name in ("motion_energy", "beat_phase", "beat_idx"):
        features[:, FEATURE_COLUMNS.index(name)] = getattr(made, name)
    controls = np.tile(0.5 + 0.4 * np.sin(np.arange(n) / HZ)[:, None], (1, len(CONTROL_NAMES)))
    controls[:, DENSITY] = made.density if density is None else density
    return Played(
        name="made",
        hz=HZ,
        t_ns=(NS + np.arange(n) * 20_000_000).astype(np.int64),
        features=features,
        present=np.tile([name not in absent for name in MODALITY_NAMES], (n, 1)),
        raw=controls.astype(np.float32),
        controls=controls.astype(np.float32),
        held=np.zeros(n, np.bool_),
        mapper="made by hand",
    )


def subject(made: Played, given: frozenset[str] = ALL, *, path: Path = Path("made"), **meta: Any) -> Subject:
    header = {"name": path.name, "source": "a test", "created": "", "performers": 1, "files": {}, **meta}
    return Subject(Session(path, header), 0, made, made, given)


def variants(made: Take, *, swapped: Played | None = None, loop: Played | None = None, frames: int = 0) -> Variants:
    """Another dancer at another tempo drives the swapped density; without motion density rests."""
    other = take(seed=10, bpm=123.0)
    rest = np.full(len(made.density), 0.3)
    return Variants(swapped or played(made, other.density[: len(rest)]), "take other", played(made, rest), loop, frames)
