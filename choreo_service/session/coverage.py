"""How much of a take each modality covers, counted while the take is written."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import MODALITIES, MODALITY_NAMES, STREAMS
from choreo_service.schemas import present_column


class Coverage:
    """Fed with the batches of packets.parquet and frames.parquet, in order; presence decides where both are there."""

    def __init__(self) -> None:
        self.performers = 0
        self.ticks = 0
        self.first_ns: int | None = None
        self.last_ns: int | None = None
        self.streams: Counter[str] = Counter()
        self._seen_ns: dict[tuple[str, int], int] = {}  # (modality, performer) -> time of its last packet
        self._covered_ns: Counter[str] = Counter()
        self._present = np.zeros(len(MODALITIES))
        self._rows = 0

    def batch(self, kind: str, batch: Any) -> None:
        """The next rows of one of the tables; those of other kinds than the two are passed over."""
        if not batch.num_rows or kind not in ("packets", "frames"):
            return
        performer = batch.column("performer").to_numpy()
        t_ns = batch.column("t_ns").to_numpy()
        self.performers = max(self.performers, int(performer.max()) + 1)
        self.first_ns = int(t_ns.min()) if self.first_ns is None else min(self.first_ns, int(t_ns.min()))
        self.last_ns = int(t_ns.max()) if self.last_ns is None else max(self.last_ns, int(t_ns.max()))
        if kind == "packets":
            self._packets(batch, performer, t_ns)
        else:
            present = [batch.column(present_column(m)).to_numpy(zero_copy_only=False) for m in MODALITIES]
            self._present += np.sum(present, axis=1)
            self._rows += batch.num_rows
            self.ticks += int((performer == 0).sum())

    def _packets(self, batch: Any, performer: NDArray[Any], t_ns: NDArray[Any]) -> None:
        column = batch.column("stream")
        names = column.dictionary.to_pylist()
        codes = column.indices.to_numpy()
        for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
            self.streams[names[code]] += int(count)
        owner = np.array([_owner(name) for name in names])[codes]
        for key in np.unique((owner * _MAX_PERFORMERS + performer)[owner >= 0]).tolist():
            name, who = MODALITY_NAMES[key // _MAX_PERFORMERS], key % _MAX_PERFORMERS
            times = t_ns[(owner == key // _MAX_PERFORMERS) & (performer == who)]
            gaps = np.diff(times, prepend=self._seen_ns.get((name, who), times[0]))
            self._covered_ns[name] += int(np.minimum(gaps, round(MODALITIES[name].missing_after_s * 1e9)).sum())
            self._seen_ns[name, who] = int(times[-1])

    @property
    def duration_s(self) -> float:
        return 0.0 if self.first_ns is None or self.last_ns is None else (self.last_ns - self.first_ns) / 1e9

    def report(self) -> dict[str, Any]:
        """modality -> {"samples": n, "fraction": 0..1}, the fraction averaged over performers."""
        samples = dict.fromkeys(MODALITY_NAMES, 0)
        for stream, count in self.streams.items():
            if (modality := STREAMS[stream].modality) in samples:
                samples[modality] += count
        return {n: {"samples": samples[n], "fraction": round(self._fraction(i), 4)} for i, n in enumerate(samples)}

    def _fraction(self, modality: int) -> float:
        if self._rows:
            return float(self._present[modality] / self._rows)
        name = MODALITY_NAMES[modality]
        total_ns = self.duration_s * 1e9 * self.performers
        return min(1.0, self._covered_ns[name] / total_ns) if total_ns else float(name in {m for m, _ in self._seen_ns})


_MAX_PERFORMERS: Final = 128  # int8


def _owner(stream: str) -> int:
    """Which modality a stream belongs to; -1 for the wishes of whoever runs the show."""
    modality = STREAMS[stream].modality
    return MODALITY_NAMES.index(modality) if modality else -1
