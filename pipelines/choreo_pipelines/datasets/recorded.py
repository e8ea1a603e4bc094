"""One performer's frames as arrays: as they were recorded, or as the stage makes them of recorded packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.errors import SessionError
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, Frame
from choreo_service.replay import take_entries
from choreo_service.schemas import present_column
from choreo_service.session import Session

PERIOD_NS: Final = 20_000_000  # 50 Hz, the cadence the nets are trained at
HOME_BPM: Final = 120.0  # beats of a take that recorded none
MAX_FRAMES: Final = 12 * 3600 * 50  # twelve hours at 50 Hz; a longer take is one with a broken stamp


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """T frames of one performer, in order of time."""

    t_ns: NDArray[np.int64]  # [T] due time of each tick
    features: NDArray[np.float32]  # [T, 11] FEATURE_COLUMNS, finite
    present: NDArray[np.uint8]  # [T, 4] MODALITIES, 1 where the modality was there


def read_recorded(session: Session) -> tuple[Recorded, ...]:
    """The frames of each performer of a take, at the ticks it was played at.

    A take of packets alone goes through the core, tick by tick. All values are finite, of an absent modality too: the
    core makes no others, and a table that holds one is refused. SessionError names the take and what is wrong with it.
    """
    performers = session.meta["performers"]
    try:
        found = _from_frames(session) if "frames" in session.kinds else _from_packets(session, performers)
    except SessionError as error:
        raise SessionError(f"take {session.path}: {error.problem}", fix=error.fix) from error
    owners = sorted(found)
    if owners != list(range(performers)) or not owners:
        raise SessionError(
            f"take {session.path}: expected frames of {performers} performers, found those of {owners}", fix=_FIX
        )
    return tuple(found[performer] for performer in owners)


def on_grid(recorded: Recorded, period_ns: int) -> Recorded:
    """The last frame at or before each instant of a grid that begins with the first frame and ends with the last.

    Skipped slots and slower takes repeat a frame; after MODALITIES.missing_after_s of that the modality is absent.
    SessionError for a grid of more than MAX_FRAMES.
    """
    first_ns, last_ns = int(recorded.t_ns[0]), int(recorded.t_ns[-1])
    if (last_ns - first_ns) // period_ns >= MAX_FRAMES:
        raise _too_long((last_ns - first_ns) / NS)
    grid = np.arange(first_ns, last_ns + 1, period_ns, dtype=np.int64)
    rows = np.searchsorted(recorded.t_ns, grid, side="right") - 1
    repeated_s = (grid - recorded.t_ns[rows]) / NS
    fresh = repeated_s[:, None] <= _MISSING_AFTER_S
    return Recorded(grid, recorded.features[rows], recorded.present[rows] & fresh)


_MISSING_AFTER_S: Final = np.array([m.missing_after_s for m in MODALITIES.values()])
_FIX: Final = "leave the take out, or inspect it: choreo-lab inspect TAKE"


def _from_frames(session: Session) -> dict[int, Recorded]:
    table = session.frames_table()
    owner, t_ns = (table[name].to_numpy() for name in ("performer", "t_ns"))
    features = np.column_stack([table[name].to_numpy() for name in FEATURE_COLUMNS])
    present = np.column_stack([table[present_column(name)].to_numpy() for name in MODALITIES]).astype(np.uint8)
    return {
        performer: Recorded(t_ns[mine], features[mine], present[mine])
        for performer in np.unique(owner).tolist()
        for mine in (owner == performer,)
    }


def _from_packets(session: Session, performers: int) -> dict[int, Recorded]:
    frames = list(_played(session, performers))
    if not frames:
        return {}
    t_ns = np.array([frame.t_ns for frame in frames], np.int64)
    features = np.stack([frame.features() for frame in frames])
    present = np.stack([frame.present for frame in frames]).astype(np.uint8)
    return {b: Recorded(t_ns, features[:, b], present[:, b]) for b in range(performers)}


def _played(session: Session, performers: int) -> Iterator[Frame]:
    _check_span(session)
    core = Core(performers=performers, period_ns=PERIOD_NS, home_bpm=HOME_BPM)
    for entry in take_entries(session, PERIOD_NS):
        yield core.step(entry.k, entry.dk, entry.t_ns, entry.packets).frame


def _check_span(session: Session) -> None:
    """SessionError before a core is run over years of empty ticks."""
    first_ns: int | None = None
    for columns in filter(len, session.packet_columns()):
        first_ns = int(columns.t_ns[0]) if first_ns is None else first_ns
        if (span_ns := int(columns.t_ns[-1]) - first_ns) >= MAX_FRAMES * PERIOD_NS:
            raise _too_long(span_ns / NS)


def _too_long(seconds: float) -> SessionError:
    limit = MAX_FRAMES * PERIOD_NS // NS // 3600
    return SessionError(f"it spans {seconds / 3600:.1f} hours, at most {limit} are expected", fix=_FIX)
