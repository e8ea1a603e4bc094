"""Opening a take: what is in the folder is checked before anything is played, and what is wrong is said in full."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from choreo_service.errors import SessionError
from choreo_service.packets import SensorPacket
from choreo_service.schemas import KINDS, batches, open_table, read_table, validate
from choreo_service.session.columns import PacketColumns, from_table
from choreo_service.session.from_frames import packets_from_frames
from choreo_service.session.meta import META_FILE, read_meta
from choreo_service.session.seal import check_content, check_present, check_size
from choreo_service.session.state import STATE_FILE, load_state


@dataclass(frozen=True, slots=True)
class Session:
    """A take that was found and whose header and schemas are right. Values are checked as they are read."""

    path: Path
    meta: Mapping[str, Any]

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which of KINDS this take has."""
        return tuple(kind for kind in KINDS if table_path(self.path, kind).is_file())

    def packets(self) -> Iterator[SensorPacket]:
        """All packets in the order they were accepted, read in batches; SessionError where the file is damaged.

        A take without packets.parquet gives its frames' features as motion_features, heart_features, beat and context.
        """
        for columns in self.packet_columns():
            yield from columns

    def packet_columns(self) -> Iterator[PacketColumns]:
        """The same packets as columns, a batch at a time."""
        if "packets" in self.kinds:
            return self._of_performers(from_table(self.batches("packets")))
        return self._of_performers(packets_from_frames(self.batches("frames")))

    def _of_performers(self, batches: Iterator[PacketColumns]) -> Iterator[PacketColumns]:
        """SessionError for packets of a performer the header does not count: no core would have a place for them."""
        for columns in batches:
            found, named = int(columns.performer.max(initial=-1)) + 1, self.meta["performers"]
            if found > named:
                raise SessionError(
                    f"take {self.path.name}: packets of {found} performers, its meta.json names {named}",
                    fix="use an intact copy of the take, or leave it out",
                )
            yield columns

    def core_state(self) -> Mapping[str, Any] | None:
        """The state the core was in before the first tick; None for a take that begins with a fresh core."""
        if "state" not in self.meta:
            return None
        check_content(self.path / STATE_FILE, self.meta)
        return load_state(self.path / STATE_FILE)

    def verify(self) -> None:
        """SessionError when a bit of a table has changed since it was recorded, or a value is none the table may hold.

        Reads the whole take, a batch at a time.
        """
        for kind in self.kinds:
            check_content(table_path(self.path, kind), self.meta)
            validate(table_path(self.path, kind), kind)

    def frames_table(self) -> Any:
        """frames.parquet as a pyarrow.Table, None when the take has none."""
        return self.table("frames")

    def controls_table(self) -> Any:
        """controls.parquet as a pyarrow.Table, None when the take has none."""
        return self.table("controls")

    def table(self, kind: str) -> Any:
        """One of KINDS as a pyarrow.Table, rows ordered by tick and performer; None when the take has none."""
        if kind not in self.kinds:
            return None
        check_content(table_path(self.path, kind), self.meta)
        return read_table(table_path(self.path, kind), kind)

    def batches(self, kind: str) -> Iterator[Any]:
        """The rows of one of KINDS as pyarrow.RecordBatch, checked; none when the take has no such table."""
        if kind in self.kinds:
            check_content(table_path(self.path, kind), self.meta)
            yield from batches(table_path(self.path, kind), kind)


def open_session(path: Path) -> Session:
    """The take in folder `path`; SessionError when there is none, when its header or a table's schema is wrong, or when
    a file is missing that the header names."""
    path = Path(path)
    if not path.is_dir() or not (path / META_FILE).is_file():
        raise _not_a_take(path)
    session = Session(path, read_meta(path / META_FILE))
    if not session.kinds:
        raise SessionError(
            f"take {path} holds no table; expected one of {', '.join(f'{kind}.parquet' for kind in KINDS)}",
            fix="import its source again (choreo-lab import SOURCE), or choose another take" + _nearby(path),
        )
    check_present(path, session.meta)
    for kind in session.kinds:
        open_table(table_path(path, kind), kind).close()
        check_size(table_path(path, kind), session.meta)
    check_size(path / STATE_FILE, session.meta)
    return session


def recorded_ticks(session: Session) -> Iterator[tuple[int, int, int]]:
    """(k, dk, t_ns) of every tick that was played, for exact replay; none of a take that was never played."""
    kind = next((kind for kind in ("controls", "frames") if kind in session.kinds), None)
    for batch in session.batches(kind) if kind else ():
        k, dk, t_ns, performer = (batch.column(name).to_numpy() for name in ("k", "dk", "t_ns", "performer"))
        rows = np.flatnonzero(performer == 0)
        yield from zip(k[rows].tolist(), dk[rows].tolist(), t_ns[rows].tolist(), strict=True)


def table_path(folder: Path, kind: str) -> Path:
    return folder / f"{kind}.parquet"


_SHOWN: Final = 5


def _not_a_take(path: Path) -> SessionError:
    expected = f"expected a folder with {META_FILE} and Parquet tables"
    if not path.exists():
        return SessionError(f"no take at {path}; {expected}", fix="give the folder of a take" + _nearby(path))
    if path.is_file() and (path.parent / META_FILE).is_file():
        return SessionError(f"{path} is one file of a take; {expected}", fix=f"give its folder: {path.parent}")
    if path.is_file():
        return SessionError(f"{path} is a file; {expected}", fix=f"make a take of it: choreo-lab import {path}")
    inside = _takes(path)
    if inside:
        return SessionError(f"{path} holds takes but isn't one; {expected}", fix=f"choose one of: {_listed(inside)}")
    return SessionError(
        f"{path} is no take: it has no {META_FILE}",
        fix=f"if a device or app wrote this folder: choreo-lab import {path}; else give a take" + _nearby(path),
    )


def _nearby(path: Path) -> str:
    """ "; takes nearby: ..." with the most similar names first; in a workspace they are in recordings/. Where there are
    none, what lists them."""
    takes = _takes(path.parent) or _takes(path.parent / "recordings")
    similar = difflib.get_close_matches(path.name, [take.name for take in takes], n=_SHOWN, cutoff=0.5)
    takes.sort(key=lambda take: similar.index(take.name) if take.name in similar else _SHOWN)
    return f"; takes nearby: {_listed(takes)}" if takes else "; choreo takes lists what was recorded"


def _listed(takes: list[Path]) -> str:
    more = f" and {len(takes) - _SHOWN} more" if len(takes) > _SHOWN else ""
    return ", ".join(str(take) for take in takes[:_SHOWN]) + more


def _takes(folder: Path) -> list[Path]:
    try:
        return sorted(entry.parent for entry in folder.glob(f"[!.]*/{META_FILE}"))
    except OSError:
        return []  # only a hint is lost
