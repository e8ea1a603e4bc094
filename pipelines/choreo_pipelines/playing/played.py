"""A take as one performer played it: what went in, what the mapper wanted, what was sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.errors import SessionError
from choreo_service.packets import (
    CONTROL_NAMES,
    FEATURE_COLUMNS,
    LATENT_DIM,
    MODALITIES,
    BoolArray,
    FloatArray,
    LatentPacket,
    Step,
)
from choreo_service.replay import TapeEntry, replay_tape
from choreo_service.schemas import filled_column, present_column, raw_column
from choreo_service.session import Session


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """One performer's take, a row per tick.

    The latent arrays are None when no tick had a latent; where single ticks had none (the rules stood in) their rows
    of `z`, `z_norm` and `coherence` are NaN and those of `filled` False.
    """

    name: str
    hz: float  # ticks per second
    t_ns: NDArray[np.int64]  # [T] ns, due time of each tick
    features: FloatArray  # [T, 11] FEATURE_COLUMNS
    present: BoolArray  # [T, 4] in MODALITIES order
    raw: FloatArray  # [T, 5] positions as the mapper gave them; NaN where unknown or failed
    controls: FloatArray  # [T, 5] positions as sent, after the guards
    held: BoolArray  # [T] the mapper failed and the last output was repeated
    mapper: str  # who played most of it; "" for a take from disk that does not say
    z: FloatArray | None = None  # [T, 104]
    z_norm: FloatArray | None = None  # [T, 104], after M2
    filled: BoolArray | None = None  # [T, 4] modality reconstructed from the others
    coherence: FloatArray | None = None  # [T] 0..1

    def __len__(self) -> int:
        return len(self.t_ns)


def play(entries: Iterable[TapeEntry], core: Core, *, name: str, performer: int = 0) -> Played:
    """Play a tape through a fresh `core`, as fast as it goes, and keep row `performer` of every step.

    SessionError when the tape has no tick; ValueError for a performer the core has not.
    """
    if not 0 <= performer < core.performers:
        raise ValueError(f"performer {performer}: expected 0..{core.performers - 1}")
    rows = _Rows(performer)
    for step in replay_tape(core, entries):
        rows.add(step)
    if not rows.t_ns:
        raise SessionError(f"{name} has no tick to play", fix=f"look at it: choreo-lab inspect {name}")
    return rows.played(name, NS / core.period_ns)


def recorded(session: Session, performer: int = 0) -> Played | None:
    """The ticks of a take from disk that have both a frame and controls; None for a take this performer never played.

    SessionError when a table is damaged. Where it does not keep what the mapper gave, `raw` is NaN.
    """
    frames, controls, latents = (_rows_of(session.table(kind), performer) for kind in ("frames", "controls", "latents"))
    if frames is None or controls is None:
        return None
    k, in_frames, in_controls = np.intersect1d(
        _numbers(frames, "k"), _numbers(controls, "k"), assume_unique=True, return_indices=True
    )
    if not len(k):
        return None
    t_ns = _numbers(frames, "t_ns")[in_frames]
    return Played(
        name=session.path.name,
        hz=_rate_hz(session.meta.get("period_ns"), k, t_ns),
        t_ns=t_ns,
        features=_columns(frames, FEATURE_COLUMNS)[in_frames],
        present=_columns(frames, [present_column(m) for m in MODALITIES])[in_frames],
        raw=_recorded_raw(controls)[in_controls],
        controls=_columns(controls, CONTROL_NAMES)[in_controls],
        held=_numbers(controls, "held")[in_controls],
        mapper=_recorded_mapper(controls),
        **_recorded_latents(latents, k),
    )


class _Rows:
    """What is kept of each step while a tape is played."""

    def __init__(self, performer: int) -> None:
        self._b = performer
        self.t_ns: list[int] = []
        self._features: list[FloatArray] = []
        self._present: list[BoolArray] = []
        self._raw: list[FloatArray] = []
        self._controls: list[FloatArray] = []
        self._held: list[bool] = []
        self._latents: list[LatentPacket | None] = []
        self._mappers: Counter[str] = Counter()

    def add(self, step: Step) -> None:
        b = self._b
        self.t_ns.append(step.frame.t_ns)
        self._features.append(step.frame.features()[b])
        self._present.append(step.frame.present[b])
        # Copies: a mapper may reuse its output array for the next tick.
        self._raw.append(step.raw[b].copy())
        self._controls.append(step.controls[b].copy())
        self._held.append(step.held)
        self._latents.append(step.latent)
        self._mappers[step.mapper] += 1

    def played(self, name: str, hz: float) -> Played:
        return Played(
            name=name,
            hz=hz,
            t_ns=np.array(self.t_ns, np.int64),
            features=np.array(self._features, np.float32),
            present=np.array(self._present, np.bool_),
            raw=np.array(self._raw, np.float32),
            controls=np.array(self._controls, np.float32),
            held=np.array(self._held, np.bool_),
            mapper=self._mappers.most_common(1)[0][0],
            **self._latent_arrays(),
        )

    def _latent_arrays(self) -> dict[str, Any]:
        there = [i for i, latent in enumerate(self._latents) if latent is not None]
        rows = [latent for latent in self._latents if latent is not None]
        found = {n: np.array([getattr(r, n)[self._b] for r in rows]) for n in _LATENT_FIELDS} if rows else {}
        return _spread(found, np.array(there, np.intp), len(self._latents))


_LATENT_FIELDS: Final = ("z", "z_norm", "filled", "coherence")


def _spread(found: dict[str, NDArray[Any]], rows: NDArray[np.intp], ticks: int) -> dict[str, Any]:
    """The latent fields over all ticks: `found` at `rows`, NaN or False elsewhere."""
    spread = {}
    for name, values in found.items():
        absent: Any = False if name == "filled" else np.nan
        spread[name] = np.full((ticks, *values.shape[1:]), absent, np.bool_ if name == "filled" else np.float32)
        spread[name][rows] = values
    return spread


def _recorded_latents(table: Any, k: NDArray[np.int64]) -> dict[str, Any]:
    """The latent fields of the ticks `k` that the table has."""
    if table is None:
        return {}
    _, rows, found = np.intersect1d(k, _numbers(table, "k"), assume_unique=True, return_indices=True)
    if not len(rows):
        return {}
    vectors = {
        name: table.column(name).combine_chunks().flatten().to_numpy().reshape(-1, LATENT_DIM)[found]
        for name in ("z", "z_norm")
    }
    filled = _columns(table, [filled_column(m) for m in MODALITIES])[found]
    return _spread({**vectors, "filled": filled, "coherence": _numbers(table, "coherence")[found]}, rows, len(k))


def _recorded_raw(controls: Any) -> FloatArray:
    names = [raw_column(name) for name in CONTROL_NAMES]
    if not set(names) <= set(controls.column_names):
        return np.full((controls.num_rows, len(names)), np.nan, np.float32)
    return _columns(controls, names)


def _recorded_mapper(controls: Any) -> str:
    if "mapper" not in controls.column_names:
        return ""
    return str(Counter(controls.column("mapper").to_pylist()).most_common(1)[0][0])


def _rows_of(table: Any, performer: int) -> Any:
    """One performer's rows of a pyarrow.Table, None when there are none."""
    if table is None:
        return None
    rows = table.filter(table.column("performer").to_numpy() == performer)
    return rows if rows.num_rows else None


def _numbers(table: Any, name: str) -> NDArray[Any]:
    column: NDArray[Any] = table.column(name).to_numpy()
    return column


def _columns(table: Any, names: Sequence[str]) -> NDArray[Any]:
    return np.stack([_numbers(table, name) for name in names], axis=1)


def _rate_hz(period_ns: int | None, k: NDArray[np.int64], t_ns: NDArray[np.int64]) -> float:
    """Ticks per second by the header, else by the ticks themselves; NaN for a lone tick without a header."""
    if period_ns:
        return NS / period_ns
    return float((k[-1] - k[0]) * NS / (t_ns[-1] - t_ns[0])) if len(k) > 1 else float("nan")
