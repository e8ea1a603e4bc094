"""Reading a take for inspection: as it is, so that what is wrong with it can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.importers.features import PERIOD_NS, frames_of_packets
from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, Frame
from choreo_service.schemas import open_table, present_column
from choreo_service.session import Session, open_session


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """One performer's frames as columns."""

    performer: int
    t_s: NDArray[np.float64]  # [T] since the take's first frame
    values: NDArray[np.float32]  # [T, 11], FEATURE_COLUMNS; NaN where the file has it
    present: NDArray[np.bool_]  # [T, 11], whether the column's modality was there

    def column(self, name: str) -> NDArray[np.float64]:
        """[T] as float64, NaN where the modality was absent."""
        i = FEATURE_COLUMNS.index(name)
        return np.where(self.present[:, i], self.values[:, i].astype(np.float64), np.nan)

    def there(self, name: str) -> float:
        """Share 0..1 of the frames in which this column's modality was present."""
        return float(self.present[:, FEATURE_COLUMNS.index(name)].mean()) if len(self.t_s) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """A take opened for inspection."""

    path: Path
    meta: Mapping[str, Any]
    kinds: tuple[str, ...]  # its tables
    performers: tuple[Features, ...]
    damage: str  # what a reader that checks every value and checksum says, "" for nothing


def read_take(path: Path) -> Take:
    """The take in `path`. Values that break the schema's rules are read and reported in `damage`, not refused.

    A take of packets alone gets the frames the stage would make of them. SessionError where nothing can be read.
    """
    session = open_session(path)
    if "frames" not in session.kinds:
        return Take(session.path, session.meta, session.kinds, _from_packets(session), "")
    table, damage = _read(session)
    if not table.num_rows:
        raise SessionError(f"take {path} has frames.parquet without a row", fix="choose another take")
    return Take(session.path, session.meta, session.kinds, _from_table(table), damage)


def _read(session: Session) -> tuple[Any, str]:
    """(frames, damage). The checking reader first: only if it refuses are the raw values taken."""
    try:
        return session.frames_table(), ""
    except SessionError as refused:
        try:
            with open_table(session.path / "frames.parquet", "frames") as file:
                return file.read(), refused.problem
        except (OSError, ValueError):  # pyarrow's own errors are ValueErrors: no page of it can be read
            raise refused from None


def _from_table(table: Any) -> tuple[Features, ...]:
    owner = table["performer"].to_numpy()
    at_ns = table["t_ns"].to_numpy()
    values = np.column_stack([table[name].to_numpy() for name in FEATURE_COLUMNS])
    present = np.column_stack(
        [table[present_column(m.name)].to_numpy() for m in MODALITIES.values() for _ in range(m.width)]
    )
    return tuple(
        Features(performer, (at_ns[mine] - at_ns[0]) / NS, values[mine], present[mine])
        for performer in np.unique(owner).tolist()
        for mine in (owner == performer,)
    )


def _from_packets(session: Session) -> tuple[Features, ...]:
    count = session.meta["performers"]
    frames = list(frames_of_packets(session, performers=count))
    if not frames:
        raise SessionError(f"take {session.path} has neither frames nor packets", fix="choose another take")
    return tuple(_of_frames(frames, performer) for performer in range(count))


def _of_frames(frames: list[Frame], performer: int) -> Features:
    widths = [m.width for m in MODALITIES.values()]
    return Features(
        performer,
        np.arange(len(frames)) * PERIOD_NS / NS,
        np.stack([frame.features()[performer] for frame in frames]),
        np.repeat(np.stack([frame.present[performer] for frame in frames]), widths, axis=1),
    )
