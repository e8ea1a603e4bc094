"""What recovery makes of a simulated disk, read back whole, so that nothing of it stays on the real one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shows import PERIOD, make_core

from choreo_service.errors import SessionError
from choreo_service.packets import Step
from choreo_service.recorder import recover, unfinished
from choreo_service.replay import TapeEntry, replay_take, take_entries
from choreo_service.session import Session, recorded_steps
from choreo_service.testing.disk import Remains

_MEMORY: Final = Path("/dev/shm")


@dataclass(slots=True)
class Kept:
    """One take."""

    entries: list[TapeEntry]
    steps: list[Step]
    sent: list[tuple[Any, ...]]  # (k, t_ns, performer, bridge, control, value)
    markers: list[tuple[int, str]]
    lost_rows: dict[str, int]
    differs: str  # what exact replay found, where it was asked for


def takes_of(remains: Remains, *, replayed: bool) -> dict[Path, Kept | SessionError | None]:
    """Folder of a recording -> its take, what kept it from being one, or None for one that had not begun."""
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as made:
        into = Path(made)
        for path, content in remains.items():
            target = into / path.relative_to("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        found = recover(sorted(p for folder in into.iterdir() for p in unfinished(folder)))
        return {
            Path("/") / folder.relative_to(into): _kept(take, replayed) if isinstance(take, Session) else take
            for folder, take in found
        }


def _kept(take: Session, replayed: bool) -> Kept:
    columns: Sequence[Sequence[Any]] = [column.to_pylist() for column in take.table("sent").columns]
    steps = list(recorded_steps(take))
    return Kept(
        # Packets that a power cut kept without any step are no ticks: they would be played on a grid of their own.
        entries=list(take_entries(take, PERIOD)) if steps else [],
        steps=steps,
        sent=list(zip(*columns, strict=True)),
        markers=[(marker["t_ns"], marker["label"]) for marker in take.meta["markers"]],
        lost_rows=take.meta["lost_rows"],
        differs=replay_take(take.path, make_core(take.meta["performers"])).difference if replayed else "",
    )
