"""The steps of a take as they were recorded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import CONTROL_NAMES, LATENT_DIM, MODALITIES, Frame, LatentPacket, ModalityState, Step
from choreo_service.schemas import age_column, filled_column, present_column, raw_column, state_column
from choreo_service.session.take import Session

_RAW: Final = tuple(raw_column(name) for name in CONTROL_NAMES)
_OF_FRAMES: Final = (*MODALITIES, "state", "age_s")

Columns = dict[str, NDArray[Any]]  # by field of Frame, LatentPacket or Step, a row per tick and performer


class Rows(NamedTuple):
    """Rows `first` to `end` of a batch of a table: one tick, or several that follow each other."""

    columns: Columns
    first: int
    end: int


class RecordedTick(NamedTuple):
    """Where a take keeps a tick."""

    k: int
    frame: Rows
    latent: Rows | None
    controls: Rows

    def step(self) -> Step:
        """What the take does not keep is absent: `latent` None, `raw` NaN, `mapper` "". Timings are never kept."""
        latent = None if self.latent is None else _latent(*self.latent)
        columns, first, end = self.controls
        raw, controls = columns["raw"][first:end], columns["controls"][first:end]
        held, mapper = bool(columns["held"][first]), str(columns["mapper"][first])
        return Step(_frame(*self.frame), latent, raw, controls, held, mapper)


def recorded_steps(session: Session) -> Iterator[Step]:
    """The steps of `recorded_rows`, whose errors are its own."""
    return map(RecordedTick.step, recorded_rows(session))


def recorded_rows(session: Session) -> Iterator[RecordedTick]:
    """Every tick that has a frame and controls, in order; SessionError where a table is damaged."""
    frames, latents = _ticks(session, "frames"), _ticks(session, "latents")
    frame, latent = next(frames, None), next(latents, None)
    for k, rows in _ticks(session, "controls"):
        while frame is not None and frame[0] < k:
            frame = next(frames, None)
        while latent is not None and latent[0] < k:
            latent = next(latents, None)
        if frame is not None and frame[0] == k:
            yield RecordedTick(k, frame[1], None if latent is None or latent[0] != k else latent[1], rows)


def _ticks(session: Session, kind: str) -> Iterator[tuple[int, Rows]]:
    """(k, rows) of each tick of a table."""
    rest: Columns | None = None
    for batch in session.batches(kind):
        columns = _columns(batch, kind)
        if rest is not None:
            columns = {name: np.concatenate((rest[name], column)) for name, column in columns.items()}
        starts = [0, *(np.flatnonzero(np.diff(columns["k"])) + 1).tolist()]
        ks = columns["k"][starts[:-1]].tolist()
        yield from zip(ks, map(Rows, repeat(columns), starts[:-1], starts[1:]), strict=True)
        rest = {name: column[starts[-1] :] for name, column in columns.items()}  # the next batch may go on with it
    if rest is not None and len(rest["k"]):
        yield int(rest["k"][0]), Rows(rest, 0, len(rest["k"]))


def _columns(batch: Any, kind: str) -> Columns:
    columns = {name: batch.column(name).to_numpy() for name in ("k", "t_ns")}
    if kind == "latents":
        for name in ("z", "z_norm"):
            columns[name] = batch.column(name).flatten().to_numpy().reshape(-1, LATENT_DIM)
        filled = _stack(batch, [filled_column(m) for m in MODALITIES])
        return {**columns, "coherence": batch.column("coherence").to_numpy(), "filled": filled}
    columns["dk"] = batch.column("dk").to_numpy()
    if kind == "frames":
        features = {name: _stack(batch, m.columns) for name, m in MODALITIES.items()}
        age_s = _stack(batch, map(age_column, MODALITIES))
        return {**columns, **features, "state": _states(batch, age_s), "age_s": age_s}
    keeps_raw = set(_RAW) <= set(batch.schema.names)
    raw = _stack(batch, _RAW) if keeps_raw else np.full((batch.num_rows, len(_RAW)), np.nan, np.float32)
    mapper = batch.column("mapper").to_pylist() if "mapper" in batch.schema.names else [""] * batch.num_rows
    held = batch.column("held").to_numpy(zero_copy_only=False)
    return {**columns, "controls": _stack(batch, CONTROL_NAMES), "raw": raw, "held": held, "mapper": np.array(mapper)}


def _states(batch: Any, age_s: NDArray[np.float32]) -> NDArray[np.uint8]:
    """[rows, 4] ModalityState; of the first takes, which kept presence alone, as well as age tells it."""
    names = [state_column(m) for m in MODALITIES]
    if set(names) <= set(batch.schema.names):
        return _stack(batch, names)
    present = _stack(batch, [present_column(m) for m in MODALITIES])
    held = age_s > np.array([m.hold_after_s for m in MODALITIES.values()], dtype=np.float32)
    return np.where(present, np.where(held, ModalityState.HELD, ModalityState.LIVE), ModalityState.MISSING).astype(
        np.uint8
    )


def _stack(batch: Any, names: Any) -> NDArray[Any]:
    return np.stack([batch.column(name).to_numpy(zero_copy_only=False) for name in names], axis=1)


def _frame(columns: Columns, first: int, end: int) -> Frame:
    k, dk, t_ns = (int(columns[name][first]) for name in ("k", "dk", "t_ns"))
    return Frame(k, dk, t_ns, *(columns[name][first:end] for name in _OF_FRAMES))


def _latent(columns: Columns, first: int, end: int) -> LatentPacket:
    values = (columns[name][first:end] for name in ("z", "z_norm", "coherence", "filled"))
    return LatentPacket(int(columns["k"][first]), int(columns["t_ns"][first]), *values)
