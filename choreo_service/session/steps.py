"""The steps of a take as they were recorded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import CONTROL_NAMES, LATENT_DIM, MODALITIES, Frame, LatentPacket, ModalityState, Step
from choreo_service.schemas import age_column, filled_column, present_column, raw_column, state_column
from choreo_service.session.take import Session

_ENDS: Final = np.cumsum([m.width for m in MODALITIES.values()])
_GROUPS: Final = [slice(int(end) - m.width, int(end)) for end, m in zip(_ENDS, MODALITIES.values(), strict=True)]
_RAW: Final = tuple(raw_column(name) for name in CONTROL_NAMES)


def recorded_steps(session: Session) -> Iterator[Step]:
    """Every tick that has a frame and controls, in order; SessionError where a table is damaged.

    What the take does not keep is absent: `latent` None, `raw` NaN, `mapper` "". Timings are never kept.
    """
    frames, latents = _ticks(session, "frames"), _ticks(session, "latents")
    frame, latent = next(frames, None), next(latents, None)
    for k, controls, rows in _ticks(session, "controls"):
        while frame is not None and frame[0] < k:
            frame = next(frames, None)
        while latent is not None and latent[0] < k:
            latent = next(latents, None)
        if frame is not None and frame[0] == k:
            found = None if latent is None or latent[0] != k else _latent(*latent)
            yield _step(_frame(*frame), found, controls, rows)


Columns = dict[str, NDArray[Any]]


def _ticks(session: Session, kind: str) -> Iterator[tuple[int, Columns, slice]]:
    """(k, columns of a batch, rows of this tick in it)."""
    rest: Columns | None = None
    for batch in session.batches(kind):
        columns = _columns(batch, kind)
        if rest is not None:
            columns = {name: np.concatenate((rest[name], column)) for name, column in columns.items()}
        ks = columns["k"]
        starts = [0, *(np.flatnonzero(np.diff(ks)) + 1).tolist()]
        for first, end in pairwise(starts):
            yield int(ks[first]), columns, slice(first, end)
        rest = {name: column[starts[-1] :] for name, column in columns.items()}  # the next batch may go on with it
    if rest is not None and len(rest["k"]):
        yield int(rest["k"][0]), rest, slice(0, len(rest["k"]))


def _columns(batch: Any, kind: str) -> Columns:
    columns = {name: batch.column(name).to_numpy() for name in ("k", "t_ns")}
    if kind == "latents":
        for name in ("z", "z_norm"):
            columns[name] = batch.column(name).flatten().to_numpy().reshape(-1, LATENT_DIM)
        filled = _stack(batch, [filled_column(m) for m in MODALITIES])
        return {**columns, "coherence": batch.column("coherence").to_numpy(), "filled": filled}
    columns["dk"] = batch.column("dk").to_numpy()
    if kind == "frames":
        features = _stack(batch, [column for m in MODALITIES.values() for column in m.columns])
        age_s = _stack(batch, map(age_column, MODALITIES))
        return {**columns, "features": features, "state": _states(batch, age_s), "age_s": age_s}
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


def _frame(k: int, columns: Columns, rows: slice) -> Frame:
    features = columns["features"][rows]
    motion, heart, beat, context = (features[:, group] for group in _GROUPS)
    dk, t_ns = int(columns["dk"][rows.start]), int(columns["t_ns"][rows.start])
    return Frame(k, dk, t_ns, motion, heart, beat, context, columns["state"][rows], columns["age_s"][rows])


def _latent(k: int, columns: Columns, rows: slice) -> LatentPacket:
    values = (columns[name][rows] for name in ("z", "z_norm", "coherence", "filled"))
    return LatentPacket(k, int(columns["t_ns"][rows.start]), *values)


def _step(frame: Frame, latent: LatentPacket | None, columns: Columns, rows: slice) -> Step:
    first = rows.start
    raw, controls = columns["raw"][rows], columns["controls"][rows]
    return Step(frame, latent, raw, controls, bool(columns["held"][first]), str(columns["mapper"][first]))
