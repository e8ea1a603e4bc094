"""Packets for a take that kept only frames: the recorded features become samples of the streams that carry features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from choreo_service.packets import MODALITIES, STREAMS, Modality
from choreo_service.schemas import present_column
from choreo_service.session.columns import NO_TIME, STREAM_NAMES, PacketColumns

SOURCE: Final = "frames"

# The one stream of each modality that is as wide as its features: motion_features, heart_features, beat, context.
FEATURE_STREAMS: Final = {
    m.name: next(s.name for s in STREAMS.values() if s.modality == m.name and s.width == m.width)
    for m in MODALITIES.values()
}


def packets_from_frames(batches: Iterable[Any]) -> Iterator[PacketColumns]:
    """One packet per row of frames.parquet and present modality, stamped with the due time of its tick."""
    seq = 0
    for batch in batches:
        parts = [_part(batch, modality) for modality in MODALITIES.values()]
        joined = PacketColumns.join(parts)
        order = np.argsort(np.concatenate([part.seq for part in parts]), kind="stable")
        n = len(joined)
        yield PacketColumns(
            stream=joined.stream[order],
            performer=joined.performer[order],
            seq=np.arange(seq, seq + n, dtype=np.int64),
            t_ns=joined.t_ns[order],
            rx_ns=joined.rx_ns[order],
            source_ns=joined.source_ns,
            source=joined.source,
            sources=joined.sources,
            first=joined.first[order],
            values=joined.values,
        )
        seq += n


def _part(batch: Any, modality: Modality) -> PacketColumns:
    """The packets of one modality; `seq` holds the row for now, to put the modalities of a tick side by side."""
    rows = np.flatnonzero(batch.column(present_column(modality.name)).to_numpy(zero_copy_only=False))
    n = rows.size
    features = np.stack([batch.column(c).to_numpy(zero_copy_only=False)[rows] for c in modality.columns], axis=1)
    t_ns = batch.column("t_ns").to_numpy(zero_copy_only=False)[rows]
    return PacketColumns(
        stream=np.full(n, STREAM_NAMES.index(FEATURE_STREAMS[modality.name]), np.int8),
        performer=batch.column("performer").to_numpy(zero_copy_only=False)[rows],
        seq=rows.astype(np.int64),
        t_ns=t_ns,
        rx_ns=t_ns,
        source_ns=np.full(n, NO_TIME, np.int64),
        source=np.zeros(n, np.int32),
        sources=(SOURCE,),
        first=np.arange(n, dtype=np.int64) * modality.width,
        values=features.astype(np.float64).ravel(),
    )
