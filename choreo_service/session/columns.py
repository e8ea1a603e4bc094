"""Packets as compact columns: some 70 bytes for three values, where SensorPacket objects take ten times as much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from choreo_service.packets import STREAMS, SensorPacket

STREAM_NAMES: Final = tuple(STREAMS)
NO_TIME: Final = int(np.iinfo(np.int64).min)  # stands for None in `source_ns`

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class PacketColumns:
    """`n` packets in the order they were accepted; the fields are those of SensorPacket."""

    stream: NDArray[np.int8]  # [n] index into STREAM_NAMES
    performer: NDArray[np.int8]  # [n]
    seq: Ints  # [n]
    t_ns: Ints  # [n]
    rx_ns: Ints  # [n]
    source_ns: Ints  # [n] NO_TIME where the device gave none
    source: NDArray[np.int32]  # [n] index into `sources`
    sources: Sequence[str]  # shared by all batches of one take, grows while it is read
    first: Ints  # [n] where the packet's values begin in `values`
    values: NDArray[np.float64]  # all values, one packet after the other

    def __len__(self) -> int:
        return int(self.seq.size)

    def __iter__(self) -> Iterator[SensorPacket]:
        """All of them; whole columns become Python values at once, which is several times as fast as one by one."""
        streams = [STREAM_NAMES[i] for i in self.stream.tolist()]
        sources = [self.sources[i] for i in self.source.tolist()]
        device_ns = [None if ns == NO_TIME else ns for ns in self.source_ns.tolist()]
        numbers = self.values.tolist()
        spans = zip(self.first.tolist(), streams, strict=True)
        values = [tuple(numbers[first : first + STREAMS[stream].width]) for first, stream in spans]
        times = self.seq.tolist(), self.t_ns.tolist(), self.rx_ns.tolist()
        return map(SensorPacket, streams, self.performer.tolist(), *times, device_ns, sources, values)

    def packet(self, i: int) -> SensorPacket:
        source_ns = int(self.source_ns[i])
        return SensorPacket(
            stream=STREAM_NAMES[self.stream[i]],
            performer=int(self.performer[i]),
            seq=int(self.seq[i]),
            t_ns=int(self.t_ns[i]),
            rx_ns=int(self.rx_ns[i]),
            source_ns=None if source_ns == NO_TIME else source_ns,
            source_id=self.sources[self.source[i]],
            values=self.values_of(i),
        )

    def values_of(self, i: int) -> tuple[float, ...]:
        first = int(self.first[i])
        width = STREAMS[STREAM_NAMES[self.stream[i]]].width
        return tuple(self.values[first : first + width].tolist())

    def where(self, rows: NDArray[np.bool_]) -> Self:
        """Only the packets whose row is True; the values stay where they are."""
        picked = {n: getattr(self, n)[rows] for n in _PER_PACKET}
        return type(self)(**picked, sources=self.sources, values=self.values)

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """The batches of one take as one; zero batches are zero packets."""
        found = list(parts)
        starts = np.cumsum([0, *(len(part.values) for part in found)])
        first = [part.first + start for part, start in zip(found, starts, strict=False)]
        joined = {n: _concat([getattr(p, n) for p in found], kind) for n, kind in _PER_PACKET.items() if n != "first"}
        return cls(
            **joined,
            sources=found[-1].sources if found else (),
            first=_concat(first, np.int64),
            values=_concat([p.values for p in found], np.float64),
        )


def from_table(batches: Iterable[Any]) -> Iterator[PacketColumns]:
    """Checked record batches of packets.parquet as columns."""
    sources: list[str] = []
    codes: dict[str, int] = {}
    for batch in batches:
        stream, source = batch.column("stream"), batch.column("source_id")
        for name in source.dictionary.to_pylist():
            if name not in codes:
                codes[name] = len(sources)
                sources.append(name)
        widths = batch.column("values").value_lengths().to_numpy(zero_copy_only=False)
        yield PacketColumns(
            stream=_coded(stream, {n: i for i, n in enumerate(STREAM_NAMES)}).astype(np.int8),
            performer=_array(batch, "performer"),
            seq=_array(batch, "seq"),
            t_ns=_array(batch, "t_ns"),
            rx_ns=_array(batch, "rx_ns"),
            source_ns=batch.column("source_ns").fill_null(NO_TIME).to_numpy(),
            source=_coded(source, codes).astype(np.int32),
            sources=sources,
            first=np.cumsum(widths, dtype=np.int64) - widths,
            values=batch.column("values").flatten().to_numpy(),
        )


_PER_PACKET: Final[dict[str, type]] = {
    "stream": np.int8,
    "performer": np.int8,
    "seq": np.int64,
    "t_ns": np.int64,
    "rx_ns": np.int64,
    "source_ns": np.int64,
    "source": np.int32,
    "first": np.int64,
}


def _coded(column: Any, codes: dict[str, int]) -> NDArray[Any]:
    """A dictionary column by our own codes. The dictionary may hold names that no row uses."""
    table = np.array([codes.get(name, -1) for name in column.dictionary.to_pylist()] or [-1])
    coded: NDArray[Any] = table[column.indices.to_numpy(zero_copy_only=False)]
    return coded


def _array(batch: Any, name: str) -> NDArray[Any]:
    array: NDArray[Any] = batch.column(name).to_numpy(zero_copy_only=False)
    return array


def _concat(parts: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.empty(0, kind)
