"""What the page shows of a take: its header, and its curves thinned to the width of a screen."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.errors import ChoreoError, SessionError
from choreo_service.packets import CONTROL_NAMES, MODALITIES
from choreo_service.recorder import take_of, unfinished
from choreo_service.schemas.tables import present_column
from choreo_service.session import open_session
from choreo_service.session.meta import META_FILE, read_meta

Columns = dict[str, NDArray[np.float32]]

_COMING: Final = "no take yet: it is being recorded, or made into one"
MAX_TAKES: Final = 500
MAX_POINTS: Final = 4000
HEADER: Final = struct.Struct("<I")  # length of the JSON that stands before the float32 columns


def list_takes(root: Path) -> list[dict[str, Any]]:
    """Every take of the folder, the newest first, after the recordings that aren't takes yet (`coming`).

    One that can't be read says why instead. `report`: whether there is a groove report of it beside the recordings.
    """
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if (path / META_FILE).is_file() and not path.name.startswith(".")]
    reports = root.parent / "reports"
    found = [{**_summary(path), "report": (reports / path.name / "report.html").is_file()} for path in folders]
    found.sort(key=lambda take: str(take.get("created", "")), reverse=True)
    # Whether somebody records into it is not asked: that takes its lock for a moment, which its writer may want.
    coming = [{"name": take_of(path), "problem": _COMING, "coming": True} for path in unfinished(root)]
    return [*coming, *found][:MAX_TAKES]


class Curves:
    """The controls and features of one performer of one take, over its ticks. `t` is seconds since the first."""

    def __init__(self, path: Path, performer: int) -> None:
        """SessionError where the take is missing, damaged or has no ticks."""
        session = open_session(path)
        tables = [table for table in (session.controls_table(), session.frames_table()) if table is not None]
        if not tables:
            raise SessionError(f"{path.name} was never played: it holds samples only", fix=f"choreo replay {path.name}")
        self.t, self.columns = _ticks(tables[0], performer)
        for table in tables[1:]:
            t, columns = _ticks(table, performer)
            if len(t) != len(self.t):
                raise SessionError(f"{path.name}: its tables have different ticks", fix="choreo replay tells more")
            self.columns |= columns

    def excerpt(self, begin_s: float, end_s: float, points: int) -> bytes:
        """A JSON header and float32 columns, `t` first; at most `points` rows of [begin_s, end_s], each pair of rows
        the lowest and the highest of its span: no peak is lost."""
        first, last = np.searchsorted(self.t, (begin_s, end_s))
        last = max(last, min(first + 2, len(self.t)))
        t, columns = _thinned(self.t[first:last], {k: v[first:last] for k, v in self.columns.items()}, points)
        header = {
            "columns": list(columns),
            "rows": len(t),
            "duration_s": float(self.t[-1]) if len(self.t) else 0.0,
        }
        text = json.dumps(header).encode()
        data = b"".join(np.ascontiguousarray(c, dtype="<f4").tobytes() for c in (t, *columns.values()))
        return HEADER.pack(len(text)) + text + data


def take_path(root: Path, name: str) -> Path:
    """The folder `name` directly below `root`; SessionError for anything that points elsewhere."""
    path = root / name
    with suppress(OSError, ValueError):  # a name longer than names are, or none that could be one
        if name and not name.startswith(".") and Path(name).name == name and not path.is_symlink() and path.is_dir():
            return path
    raise SessionError(f"no take {name[:80]!r}", fix="choose one of the list")


def _summary(path: Path) -> dict[str, Any]:
    try:
        meta = read_meta(path / META_FILE)
    except ChoreoError as error:
        return {"name": path.name, "problem": error.problem}
    period_ns = meta["period_ns"]
    return {
        "name": path.name,
        "created": meta["created"],
        "source": meta["source"],
        "performers": meta["performers"],
        "duration_s": meta["ticks"] * period_ns / NS if period_ns else None,
        "coverage": {m: share.get("fraction") for m, share in meta["coverage"].items()},
        "bytes": sum(file.stat().st_size for file in path.iterdir() if file.is_file()),
        "notes": meta["notes"] if isinstance(meta["notes"], str) else " ".join(meta["notes"]),
        "tags": meta.get("tags", []),
    }


def _ticks(table: Any, performer: int) -> tuple[NDArray[np.float64], Columns]:
    """Rows of one performer as (t in s, columns); what was absent is NaN."""
    mine = table["performer"].to_numpy() == performer
    t_ns = table["t_ns"].to_numpy()[mine]
    columns: Columns = {}
    if CONTROL_NAMES[0] in table.column_names:
        columns = {name: table[name].to_numpy()[mine] for name in CONTROL_NAMES}
    else:
        for modality in MODALITIES.values():
            there = table[present_column(modality.name)].to_numpy(zero_copy_only=False)[mine]
            columns |= {n: np.where(there, table[n].to_numpy()[mine], np.float32(np.nan)) for n in modality.columns}
    return (t_ns - (t_ns[0] if len(t_ns) else 0)) / NS, columns


def _thinned(t: NDArray[np.float64], columns: Columns, points: int) -> tuple[NDArray[np.float64], Columns]:
    points = min(MAX_POINTS, max(4, points))
    if len(t) <= points:
        return t, columns
    starts = np.linspace(0, len(t), points // 2, endpoint=False).astype(np.int64)
    thin = {}
    for name, values in columns.items():
        pair = np.empty(2 * len(starts), dtype=np.float32)
        pair[0::2], pair[1::2] = np.fmin.reduceat(values, starts), np.fmax.reduceat(values, starts)
        thin[name] = pair
    middles = (starts + np.append(starts[1:], len(t))) // 2
    times = np.empty(2 * len(starts))
    times[0::2], times[1::2] = t[starts], t[np.minimum(middles, len(t) - 1)]
    return times, thin
