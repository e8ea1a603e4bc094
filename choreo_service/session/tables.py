"""From packets and steps to record batches, and one Parquet file being written from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import (
    CONTROL_NAMES,
    FEATURE_COLUMNS,
    MODALITIES,
    Accent,
    Frame,
    LatentPacket,
    SensorPacket,
    Step,
)
from choreo_service.schemas import arrow_schema
from choreo_service.session.digest import Digest
from choreo_service.session.rows import Event, SentRow

GROUP_ITEMS: Final = 8192  # packets or ticks a row group holds, which is what writing and reading keep in memory


def record_batch(kind: str, items: Sequence[Any]) -> Any:
    """Packets, frames, latents, steps, SentRows, Events or Accents, as `kind` asks for, as one pyarrow.RecordBatch."""
    import pyarrow as pa

    schema = arrow_schema(kind)
    columns = [pa.array(c, field.type) for c, field in zip(_BUILDERS[kind](items), schema, strict=True)]
    return pa.record_batch(columns, schema=schema)


class TableWriter:
    """One table of a take. `add` buffers, `close` flushes and completes the file; nothing added means no file.

    `digest` covers what was written; `seen` is called with every batch on its way to the file.
    """

    def __init__(self, path: Path, kind: str, seen: Callable[[str, Any], None] | None = None) -> None:
        self.path, self.kind, self.digest = path, kind, Digest()
        self._seen = seen
        self._buffer: list[Any] = []
        self._file: Any = None

    def add(self, item: Any) -> None:
        """An item as `record_batch` takes them."""
        self._buffer.append(item)
        if len(self._buffer) >= GROUP_ITEMS:
            self._flush()

    def add_batch(self, batch: Any) -> None:
        """Rows that are a pyarrow.RecordBatch of this kind's schema already; each becomes a row group of its own."""
        self.open()
        self._file.write_batch(batch)
        self.digest.add(batch)
        if self._seen is not None:
            self._seen(self.kind, batch)

    def open(self) -> None:
        """Create the file now, even if no row should follow. Idempotent."""
        import pyarrow.parquet as pq

        if self._file is None:
            # Without page checksums single-bit errors are read back as data.
            self._file = pq.ParquetWriter(
                self.path, arrow_schema(self.kind), compression="zstd", write_page_checksum=True, write_statistics=True
            )

    def close(self) -> None:
        """Idempotent."""
        try:
            self._flush()
        finally:
            if self._file is not None:
                self._file.close()

    def _flush(self) -> None:
        if self._buffer:
            items, self._buffer = self._buffer, []
            self.add_batch(record_batch(self.kind, items))


def _packets(packets: Sequence[SensorPacket]) -> Iterator[Any]:
    yield _names([p.stream for p in packets])
    yield [p.performer for p in packets]
    yield [p.seq for p in packets]
    yield [p.t_ns for p in packets]
    yield [p.rx_ns for p in packets]
    yield [p.source_ns for p in packets]
    yield _names([p.source_id for p in packets])
    yield [p.values for p in packets]


def _frames(frames: Sequence[Frame]) -> Iterator[Any]:
    yield from _tick_columns(frames)
    features = np.concatenate([f.features() for f in frames])
    yield from (features[:, i] for i in range(len(FEATURE_COLUMNS)))
    present = np.concatenate([f.present for f in frames])
    yield from (present[:, i] for i in range(len(MODALITIES)))
    age_s = np.concatenate([f.age_s for f in frames])
    yield from (age_s[:, i] for i in range(len(MODALITIES)))
    state = np.concatenate([f.state for f in frames])
    yield from (state[:, i] for i in range(len(MODALITIES)))


def _controls(steps: Sequence[Step]) -> Iterator[Any]:
    yield from _tick_columns([s.frame for s in steps])
    controls = np.concatenate([s.controls for s in steps])
    yield from (controls[:, i] for i in range(len(CONTROL_NAMES)))
    performers = [s.frame.performers for s in steps]
    yield np.repeat([s.held for s in steps], performers)
    raw = np.concatenate([s.raw for s in steps])
    yield from (raw[:, i] for i in range(len(CONTROL_NAMES)))
    yield _names(np.repeat([s.mapper for s in steps], performers).tolist())


def _latents(latents: Sequence[LatentPacket]) -> Iterator[Any]:
    import pyarrow as pa

    performers = [int(latent.z.shape[0]) for latent in latents]
    yield np.repeat([latent.k for latent in latents], performers)
    yield np.repeat([latent.t_ns for latent in latents], performers)
    yield _rows(performers)
    for name in ("z", "z_norm"):
        vectors = np.concatenate([getattr(latent, name) for latent in latents])
        yield pa.FixedSizeListArray.from_arrays(np.ascontiguousarray(vectors).ravel(), vectors.shape[1])
    yield np.concatenate([latent.coherence for latent in latents])
    filled = np.concatenate([latent.filled for latent in latents])
    yield from (filled[:, i] for i in range(len(MODALITIES)))


def _sent(rows: Sequence[SentRow]) -> Iterator[Any]:
    k, t_ns, performer, bridge, control, value = zip(*rows, strict=True)
    yield from (k, t_ns, performer, _names(bridge), _names(control), value)


def _events(events: Sequence[Event]) -> Iterator[Any]:
    yield [e.t_ns for e in events]
    yield _names([e.kind for e in events])
    yield [e.text for e in events]
    yield [json.dumps(e.data, allow_nan=False) for e in events]


def _accents(accents: Sequence[Accent]) -> Iterator[Any]:
    for name in ("performer", "seq", "t_ns", "rx_ns", "strength"):
        yield [getattr(accent, name) for accent in accents]


def _tick_columns(frames: Sequence[Frame]) -> Iterator[NDArray[Any]]:
    performers = [f.performers for f in frames]
    for name in ("k", "dk", "t_ns"):
        yield np.repeat([getattr(f, name) for f in frames], performers)
    yield _rows(performers)


def _names(names: Sequence[str]) -> Any:
    import pyarrow as pa

    return pa.array(names, pa.string()).dictionary_encode()


def _rows(performers: Sequence[int]) -> NDArray[Any]:
    return np.concatenate([np.arange(n) for n in performers])


_BUILDERS: Final[dict[str, Callable[[Any], Iterator[Any]]]] = {
    "packets": _packets,
    "frames": _frames,
    "controls": _controls,
    "latents": _latents,
    "sent": _sent,
    "events": _events,
    "accents": _accents,
}
