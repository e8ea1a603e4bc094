"""From a recording's folder to a normal take: after an orderly end, or from whatever a fall has left.

Nothing of the recording is removed before the take has been written, synced, read back and found equal. It may be
interrupted at any point and run again: the take knows which recording it is made of.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from choreo_service.disk import Disk, RealDisk
from choreo_service.errors import SessionError
from choreo_service.recorder.live import FOLDER_SUFFIX, LOCK, MANIFEST
from choreo_service.recorder.segments import SUFFIX, read_stream
from choreo_service.recorder.streams import LIVE_STREAMS, Label, table_batch
from choreo_service.session import Session, TakeDraft, open_session
from choreo_service.session.header import faults
from choreo_service.session.meta import parse_json
from choreo_service.session.state import STATE_FILE
from choreo_service.session.tables import GROUP_ITEMS

_MANIFEST: Final[Mapping[str, type]] = {"id": str, "name": str, "period_ns": int, "created": str, "source": str}
_NAME: Final = re.compile(r"[^./\\\0][^/\\\0]{0,150}")  # a folder beside the recording and nowhere else
_FELL: Final = "cut off: the disk was full, or the process or the machine stopped"


@dataclass(slots=True)
class _Found:
    """What reading the streams counted."""

    lost: dict[str, int]  # stream -> rows missing between rows that are there
    markers: list[dict[str, Any]]
    grid_start_ns: int | None = None


def unfinished(recordings: Path) -> list[Path]:
    """Folders of recordings that are not takes yet, those being recorded now included."""
    return sorted(recordings.glob(f".*{FOLDER_SUFFIX}"))


def take_of(folder: Path) -> str:
    """The name a recording's take gets, unless there is one already."""
    return folder.name[1:].removesuffix(FOLDER_SUFFIX)


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
    lock = (disk or RealDisk()).lock(folder / LOCK)
    if lock is None:
        raise SessionError(f"{folder.name} is being recorded or finished now", fix="wait for its end, then try again")
    with lock:
        manifest = _manifest(folder)
        take = _made_of(folder, manifest["id"])
        if take is None and any(folder.glob(f"*{SUFFIX}")):
            take = _write(folder, manifest)
        shutil.rmtree(folder, ignore_errors=True)
    return take


def _write(folder: Path, manifest: Mapping[str, Any]) -> Session | None:
    found = _Found({}, [])
    meta = {k: v for k, v in manifest.items() if k not in ("schema_version", "id", "name", "ended")}
    meta |= {"recording": manifest["id"], "ended": manifest.get("ended", _FELL)}
    packets = _rows(folder, "packets")
    # What an interrupted try leaves of the draft goes with the recording's folder.
    with TakeDraft(folder.parent / manifest["name"], meta, workshop=folder) as draft:
        for kind in ("packets", "frames", "controls", "sent", "events"):
            draft.open(kind)
        for stream, kinds in LIVE_STREAMS.items():
            for batch in _grouped(_whole(folder, stream, packets, found)):
                _note(stream, batch, found, meta["period_ns"])
                for kind in kinds:
                    draft.add_batch(kind, table_batch(kind, batch))
        draft.meta |= {"start_ns": found.grid_start_ns, "markers": found.markers, "lost_rows": found.lost}
        if (folder / STATE_FILE).is_file():
            draft.meta["state"] = draft.attach(STATE_FILE, (folder / STATE_FILE).read_bytes())
    return open_session(draft.path)


def _whole(folder: Path, stream: str, packets: int, found: _Found) -> Iterator[Any]:
    """The batches of a stream, as far as they are whole together with the packets.

    A power cut may keep newer steps than packets; steps without the packets they were made of could not be replayed.
    """
    rows = 0
    for label, batch in read_stream(folder, stream):
        if stream == "steps" and label.packets > packets:
            return
        if label.first > rows:
            found.lost[stream] = found.lost.get(stream, 0) + label.first - rows
        rows = label.first + label.rows
        yield batch


def _rows(folder: Path, stream: str) -> int:
    """The number of the last row that can be read, plus one."""
    last: Label | None = None
    for label, _ in read_stream(folder, stream):
        last = label
    return 0 if last is None else last.first + last.rows


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


def _note(stream: str, batch: Any, found: _Found, period_ns: int) -> None:
    if stream == "steps" and found.grid_start_ns is None:
        found.grid_start_ns = batch.column("t_ns")[0].as_py() - batch.column("k")[0].as_py() * period_ns
    if stream == "events":
        for row in batch.to_pylist():
            if row["kind"] == "marker":
                found.markers.append({"t_ns": row["t_ns"], "label": row["text"]})


def _made_of(folder: Path, recording: str) -> Session | None:
    """The take that was made of this recording already, whole: an earlier try was interrupted after that."""
    for path in folder.parent.glob("[!.]*/meta.json"):
        with suppress(SessionError):
            take = open_session(path.parent)
            if take.meta.get("recording") == recording:
                take.verify()
                return take
    return None


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
