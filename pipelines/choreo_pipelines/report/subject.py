"""The take a report is about: what it holds, and what was played from it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from choreo_pipelines.playing import Played, play, recorded
from choreo_service.core import Core
from choreo_service.errors import ConfigError, SessionError
from choreo_service.packets import MODALITY_NAMES
from choreo_service.replay import require_performers, take_entries
from choreo_service.session import Session, open_session

CoreFactory = Callable[[], Core]

# What makes a take this take, wherever its folder lies.
_IDENTITY: Final = ("name", "created", "source", "files")


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One performer of one take."""

    session: Session
    performer: int
    played: Played  # as it was heard
    replayed: Played  # as the core plays it now; the same object where the take holds no controls
    given: frozenset[str]  # modalities somebody sent; a beat nobody sent is the service's own clock

    @property
    def name(self) -> str:
        return take_name(self.session)

    @property
    def was_played(self) -> bool:
        """Whether the controls are those of the recording."""
        return self.played is not self.replayed

    @property
    def difference(self) -> float:
        """Largest difference of the recorded controls from what the core gives for the same ticks; NaN for none."""
        _, a, b = np.intersect1d(self.played.t_ns, self.replayed.t_ns, return_indices=True)
        if not len(a):
            return float("nan")
        return float(np.abs(self.played.controls[a] - self.replayed.controls[b]).max())

    @property
    def digest(self) -> str:
        """SHA-256 over what identifies the take and the performer, as hex; the folder it lies in does not count."""
        identity = {key: self.session.meta.get(key) for key in _IDENTITY} | {"performer": self.performer}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def take_name(session: Session) -> str:
    """The folder's name, also for a take given as "."."""
    return session.path.resolve().name


def open_subject(path: Path, new_core: CoreFactory, *, performer: int = 0) -> Subject:
    """Read the take in `path` and play it: recorded controls are kept as they were heard, others come from the core.

    SessionError when the take can't be read, has more performers than the core or less than two ticks, ConfigError for
    a performer it doesn't have.
    """
    session = open_session(path)
    if performer >= (count := session.meta["performers"]):
        has = f"take {take_name(session)} has {count} performer{'s' * (count > 1)}; --performer counts from 0"
        raise ConfigError(f"{has}, found {performer}", fix=f"choose 0 to {count - 1}")
    core = new_core()
    require_performers(session, core)
    entries = take_entries(session, core.period_ns)
    replayed = play(entries, core, name=take_name(session), performer=performer)
    played = recorded(session, performer) or replayed
    if len(played) < 2:
        raise SessionError(
            f"take {take_name(session)} has {len(played)} tick; a report needs at least two", fix="choose a longer take"
        )
    return Subject(session, performer, played, replayed, _given(session, played))


def _given(session: Session, played: Played) -> frozenset[str]:
    """Modalities with samples. A take of frames alone doesn't count samples, so that its presence decides."""
    seen = {name for i, name in enumerate(MODALITY_NAMES) if played.present[:, i].any()}
    if "packets" not in session.kinds:
        return frozenset(seen)
    coverage = session.meta["coverage"]
    return frozenset(name for name in seen if coverage.get(name, {}).get("samples", 0))
