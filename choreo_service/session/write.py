"""Writing a take: streamed into a temporary folder, synced, read back, and only then given its name."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self

from choreo_service.clock import wall_time_iso
from choreo_service.errors import SessionError
from choreo_service.packets import SCHEMA_VERSION, Accent, Frame, SensorPacket, Step
from choreo_service.schemas import KINDS, batches
from choreo_service.session.coverage import Coverage
from choreo_service.session.digest import Digest
from choreo_service.session.meta import META_FILE, write_meta
from choreo_service.session.rows import Event, SentRow
from choreo_service.session.seal import Seal, seal
from choreo_service.session.tables import TableWriter
from choreo_service.session.take import Session, open_session, table_path


def write_session(
    path: Path,
    *,
    packets: Iterable[SensorPacket] | None,
    steps: Iterable[Step] | None,
    meta: Mapping[str, Any],
    frames: Iterable[Frame] | None = None,
    sent: Iterable[SentRow] | None = None,
    events: Iterable[Event] | None = None,
    accents: Iterable[Accent] | None = None,
) -> Session:
    """Write a take at `path`, or at `path_2`, `path_3` ... when that is taken; an existing take is never touched.

    `steps` give frames, controls and, where the models played, latents; `frames` alone are for a take nobody played.
    None leaves a table out. All are consumed once and in memory-bounded batches. `meta` is that of `TakeDraft`.

    SessionError when the folder can't be written or what was written does not read back; nothing is left behind then.
    """
    if steps is not None and frames is not None:
        raise ValueError("frames are part of steps: give one of the two")
    rows = {"packets": packets, "frames": frames, "sent": sent, "events": events, "accents": accents}
    wanted = rows if steps is None else {**rows, "frames": steps, "controls": steps}
    with TakeDraft(Path(path), meta) as draft:
        for kind in (kind for kind, items in wanted.items() if items is not None):
            draft.open(kind)
        for kind, item in _items(rows, steps):
            draft.add(kind, item)
    return open_session(draft.path)


class TakeDraft:
    """A take being written: used as a context, complete under its name at the end of it, gone when that raises.

    `meta` may set created, source, period_ns, start_ns, performers, notes and any further key of plain JSON; what can
    be counted (name, ticks, coverage, streams, duration_s) is counted here. `path` is where the take is afterwards.
    Everything raises SessionError when the folder can't be written or what was written does not read back. Until then
    it stands in a hidden folder beside `path`, or inside `workshop`, a folder of the same disk.
    """

    def __init__(self, path: Path, meta: Mapping[str, Any], workshop: Path | None = None) -> None:
        self.path = path
        self._workshop = workshop or path.parent
        self.meta = dict(meta)  # may be added to until the end
        self._coverage = Coverage()

    def __enter__(self) -> Self:
        with _writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            name = {"prefix": f".{self.path.name}.", "suffix": ".partial"}
            self._folder = Path(tempfile.mkdtemp(**name, dir=self._workshop))
        self._tables = {k: TableWriter(table_path(self._folder, k), k, self._coverage.batch) for k in KINDS}
        return self

    def open(self, kind: str) -> None:
        """Have the table even if no row should follow."""
        with _writing(self._folder):
            self._tables[kind].open()

    def add(self, kind: str, item: Any) -> None:
        """A packet, frame, step, ... as `record_batch` takes them."""
        with _writing(self._folder):
            self._tables[kind].add(item)

    def add_batch(self, kind: str, batch: Any) -> None:
        """Rows that are a pyarrow.RecordBatch of the kind's schema already."""
        with _writing(self._folder):
            self._tables[kind].add_batch(batch)

    def attach(self, name: str, content: bytes) -> Seal:
        """A further file of the take; what the header keeps of it is for `meta`."""
        path = self._folder / name
        with _writing(self._folder):
            path.write_bytes(content)
            _sync(path)
        return seal(path)

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            with contextlib.suppress(Exception):  # what is thrown away need not be whole
                self._close()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _close(self) -> None:
        with _writing(self._folder):
            for table in self._tables.values():
                table.close()

    def _finish(self) -> None:
        self._close()
        written = {k: table for k, table in self._tables.items() if table.path.exists()}
        for table in written.values():
            with _writing(self._folder):
                _sync(table.path)
            _read_back(table)
        header = _header(self.meta, self._coverage)
        files = {k: {"rows": table.digest.rows, **seal(table.path)} for k, table in written.items()}
        self.path = _publish(self._folder, self.path, header | {"files": files})


def free_path(path: Path) -> Path:
    """`path`, or the first of `path_2`, `path_3` ... that does not exist, not even as a link to nowhere."""
    number = 1
    candidate = path
    while os.path.lexists(candidate):
        number += 1
        candidate = path.with_name(f"{path.name}_{number}")
    return candidate


def _items(rows: Mapping[str, Iterable[Any] | None], steps: Iterable[Step] | None) -> Iterator[tuple[str, Any]]:
    """(kind, item) of everything, packets first."""
    for kind, items in rows.items():
        yield from ((kind, item) for item in items or ())
    for step in steps or ():
        yield "frames", step.frame
        yield "controls", step
        if step.latent is not None:
            yield "latents", step.latent


def _header(meta: Mapping[str, Any], coverage: Coverage) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "created": wall_time_iso(),
        "source": "unknown",
        "period_ns": None,
        "start_ns": coverage.first_ns,
        "performers": max(1, coverage.performers),
        "notes": [],
    }
    counted = {
        "schema_version": SCHEMA_VERSION,
        "ticks": coverage.ticks,
        "duration_s": round(coverage.duration_s, 3),
        "coverage": coverage.report(),
        "streams": dict(coverage.streams),
    }
    given = {key: value for key, value in meta.items() if key != "name"}  # the name is the folder's
    return {**defaults, **given, **counted}


def _read_back(table: TableWriter) -> None:
    """Every page is read and every value checked and compared: a disk that lies is found now, not on stage."""
    found = Digest()
    for batch in batches(table.path, table.kind):
        found.add(batch)
    if found != table.digest:
        raise SessionError(
            f"{table.kind}.parquet: {table.digest.rows} rows were written, {found.rows} read back"
            + (", not the same" if found.rows == table.digest.rows else ""),
            fix=_DISK_FIX,
        )


def _publish(draft: Path, path: Path, header: Mapping[str, Any]) -> Path:
    """Give the draft its name. Somebody may take the name first: then the next one is tried."""
    while True:
        final = free_path(path)
        with _writing(path):
            write_meta(draft / META_FILE, {"name": final.name, **header})
            _sync(draft / META_FILE)
            _sync(draft)
            try:
                draft.rename(final)
            except OSError as error:
                if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                    continue
                raise
            _sync(final.parent)
            return final


def _sync(path: Path) -> None:
    """To the disk itself: a renamed but unsynced file has its name and no content after a power cut."""
    if path.is_dir() and os.name == "nt":
        return  # Windows can't open folders and writes their entries through
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_DISK_FIX: Final = "check the disk, then write the take to another one (--out FOLDER)"


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """An OSError in here is about the place the take is written to."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        fix = f"choose a folder you may write to (--out FOLDER), or make {path.parent} writable"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fix = f"free space on the disk of {path.parent}, or choose another folder (--out FOLDER)"
        raise SessionError(f"can't write the take in {path.parent}: {reason}", fix=fix) from error
