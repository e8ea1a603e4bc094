"""From a recording's folder to a normal take: after an orderly end, or from whatever a fall has left.

Nothing of the recording is removed before the take has been written, synced, read back and found equal. It may be
interrupted at any point and run again: the take knows which recording it is made of. Files that aren't a recording's
are never removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from choreo_service.disk import Disk, RealDisk
from choreo_service.errors import SessionError
from choreo_service.recorder.live import FOLDER_SUFFIX, LOCK, MANIFEST
from choreo_service.recorder.remains import Remains, clear, is_ours, made_of, require_recording, take_of
from choreo_service.recorder.streams import LIVE_STREAMS, table_batch
from choreo_service.session import Session, TakeDraft, open_session
from choreo_service.session.header import faults
from choreo_service.session.meta import parse_json
from choreo_service.session.state import STATE_FILE
from choreo_service.session.tables import GROUP_ITEMS

_MANIFEST: Final[Mapping[str, type]] = {"id": str, "name": str, "period_ns": int, "created": str, "source": str}
_NAME: Final = re.compile(r"[^./\\\0][^/\\\0]{0,150}")  # a folder beside the recording and nowhere else
_FELL: Final = "cut off: the disk was full, or the process or the machine stopped"


def unfinished(recordings: Path) -> list[Path]:
    """Folders of recordings that are not takes yet, those being recorded now included. Another user's are left out, as
    his takes are: nobody else may read them; so is what somebody else put into one that is a take."""
    found = (f for f in recordings.glob(f".*{FOLDER_SUFFIX}") if os.access(f, os.R_OK | os.W_OK | os.X_OK))
    return sorted(folder for folder in found if is_ours(folder))


def recover(folders: Iterable[Path], disk: Disk | None = None) -> Iterator[tuple[Path, Session | SessionError | None]]:
    """Finish every recording nobody is writing to: (folder, take), with the error where one can't be, and None for one
    that had not begun yet, which is removed."""
    for folder in folders:
        if is_live(folder, disk):
            continue
        try:
            yield folder, finish(folder, disk)
        except SessionError as error:
            yield folder, error


def is_live(folder: Path, disk: Disk | None = None) -> bool:
    """Whether a process is recording into it now."""
    if not (folder / LOCK).exists():
        return False
    lock = (disk or RealDisk()).lock(folder / LOCK)
    if lock is None:
        return True
    with lock:
        return False


def finish(folder: Path, disk: Disk | None = None) -> Session | None:
    """Make the take and remove the recording; None when it had not begun. SessionError leaves it as it is."""
    require_recording(folder)
    lock = (disk or RealDisk()).lock(folder / LOCK)
    if lock is None:
        raise SessionError(f"{folder.name} is being recorded or finished now", fix="wait for its end, then try again")
    with lock:
        manifest, remains = _manifest(folder), Remains(folder)
        take = made_of(folder, manifest["id"], remains)
        if take is None and remains.begun():
            take = _write(folder, manifest, remains)
        clear(folder)
    return take


def _write(folder: Path, manifest: Mapping[str, Any], remains: Remains) -> Session:
    meta = {k: v for k, v in manifest.items() if k not in ("schema_version", "id", "name", "ended")}
    meta |= {"recording": manifest["id"], "ended": manifest.get("ended", _FELL)}
    try:
        # What an interrupted try leaves of the draft goes with the recording's folder.
        with TakeDraft(folder.parent / manifest["name"], meta, workshop=folder) as draft:
            _fill(draft, remains)
            if (folder / STATE_FILE).is_file():
                draft.meta["state"] = draft.attach(STATE_FILE, (folder / STATE_FILE).read_bytes())
    except SessionError as error:
        fix = (
            f"then type: choreo takes recover; or move {folder.name} to another disk and name it: choreo takes recover"
        )
        raise SessionError(error.problem, fix=f"free space on the disk or mend it, {fix} FOLDER") from error
    return open_session(draft.path)


def _fill(draft: TakeDraft, remains: Remains) -> None:
    markers: list[dict[str, Any]] = []
    start_ns: int | None = None
    for kind in ("packets", "frames", "controls", "sent", "events"):
        draft.open(kind)
    for stream, kinds in LIVE_STREAMS.items():
        for batch in _grouped(remains.batches(stream)):
            if stream == "steps" and start_ns is None:
                start_ns = _grid_start_ns(batch, draft.meta["period_ns"])
            if stream == "events":
                markers += _markers(batch)
            for kind in kinds:
                draft.add_batch(kind, table_batch(kind, batch))
    draft.meta |= {"start_ns": start_ns, "markers": markers, "lost_rows": remains.lost}


def _grouped(batches: Iterator[Any]) -> Iterator[Any]:
    """The rows of many small batches in fewer, larger ones."""
    import pyarrow as pa

    waiting: list[Any] = []
    rows = 0
    for batch in batches:
        waiting.append(batch)
        rows += batch.num_rows
        if rows >= GROUP_ITEMS:
            yield pa.concat_batches(waiting)
            waiting, rows = [], 0
    if waiting:
        yield pa.concat_batches(waiting)


def _grid_start_ns(steps: Any, period_ns: int) -> int:
    return int(steps.column("t_ns")[0].as_py() - steps.column("k")[0].as_py() * period_ns)


def _markers(events: Any) -> list[dict[str, Any]]:
    return [{"t_ns": row["t_ns"], "label": row["text"]} for row in events.to_pylist() if row["kind"] == "marker"]


def _manifest(folder: Path) -> dict[str, Any]:
    """What the recording said of itself. Where even that is lost, what has to be there."""
    plain = {
        "id": folder.name,
        "name": take_of(folder),
        "source": "live",
        "period_ns": 20_000_000,
    }
    with suppress(OSError, ValueError, RecursionError):
        found = parse_json((folder / MANIFEST).read_text("utf-8"))
        if isinstance(found, dict):
            wrong = {k for k, types in _MANIFEST.items() if not isinstance(found.get(k, plain.get(k)), types)}
            if not _NAME.fullmatch(str(found.get("name", ""))):
                wrong.add("name")
            wrong |= {fault.key for fault in faults(found)}  # with one of them the take could not be written
            return {**plain, **{k: v for k, v in found.items() if k not in wrong}}
    return plain
