"""A take as XDF, the file of the Lab Streaming Layer: its clock is ours, so recordings of both lie side by side.

Format: XDF 1.0. A file is "XDF:" and chunks of (length, tag, content); a stream is a header, samples and a footer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.export.new_file import new_file
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, STREAMS
from choreo_service.session import PacketColumns, Session
from choreo_service.session.columns import STREAM_NAMES

_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _CLOCK_OFFSET, _STREAM_FOOTER = 1, 2, 3, 4, 6
_CHUNK_SAMPLES: Final = 1000


class _Stream(NamedTuple):
    name: str
    kind: str  # LSL's content type
    channels: Sequence[str]
    rate_hz: float  # 0: irregular
    t_ns: NDArray[np.int64]
    values: NDArray[np.float64] | Sequence[str]  # [n, channels], or n texts


def to_xdf(session: Session, path: Path) -> int:
    """Write the file; the number of streams. FileExistsError when it is there."""
    count = 0
    with new_file(path) as file:
        file.write(b"XDF:")
        _chunk(file, _FILE_HEADER, b'<?xml version="1.0"?><info><version>1.0</version></info>')
        for count, stream in enumerate(_streams(session), 1):
            _write(file, count, stream)
    return count


def _streams(session: Session) -> Iterator[_Stream]:
    if "packets" in session.kinds:
        yield from _raw(PacketColumns.join(session.packet_columns()))
    rate = NS / session.meta["period_ns"] if session.meta.get("period_ns") else 0.0
    for kind, content, columns in (("frames", "Features", FEATURE_COLUMNS), ("controls", "Control", CONTROL_NAMES)):
        table = session.table(kind)
        performers = [] if table is None else np.unique(table.column("performer").to_numpy()).tolist()
        for performer in performers:
            rows = table.filter(table.column("performer").to_numpy() == performer)
            values = np.stack([rows.column(name).to_numpy() for name in columns], axis=1)
            name = f"choreo {kind} {performer}"
            yield _Stream(name, content, columns, rate, rows.column("t_ns").to_numpy(), values.astype(np.float64))
    if markers := session.meta.get("markers"):
        times = np.array([marker["t_ns"] for marker in markers], np.int64)
        yield _Stream("choreo markers", "Markers", ["label"], 0.0, times, [marker["label"] for marker in markers])


def _raw(packets: PacketColumns) -> Iterator[_Stream]:
    """One stream for each quantity of each source."""
    keys = np.stack([packets.source.astype(np.int64), packets.stream.astype(np.int64)], axis=1)
    for source, code in np.unique(keys, axis=0).tolist():
        mine = np.flatnonzero((packets.source == source) & (packets.stream == code))
        stream = STREAMS[STREAM_NAMES[code]]
        places = packets.first[mine][:, None] + np.arange(stream.width)
        channels = [f"{stream.name}_{i + 1}" for i in range(stream.width)] if stream.width > 1 else [stream.name]
        name = f"{packets.sources[source]} {stream.name}"
        yield _Stream(name, stream.modality.capitalize(), channels, 0.0, packets.rx_ns[mine], packets.values[places])


def _write(file: BinaryIO, number: int, stream: _Stream) -> None:
    mark = struct.pack("<I", number)
    _chunk(file, _STREAM_HEADER, mark + _header(stream).encode())
    texts = isinstance(stream.values, Sequence)
    for begin in range(0, len(stream.t_ns), _CHUNK_SAMPLES):
        times = (stream.t_ns[begin : begin + _CHUNK_SAMPLES] / NS).tolist()
        rows = stream.values[begin : begin + _CHUNK_SAMPLES]
        content = b"".join(
            b"\x08" + struct.pack("<d", t_s) + (_text(row) if texts else np.asarray(row, "<f8").tobytes())
            for t_s, row in zip(times, rows, strict=True)
        )
        _chunk(file, _SAMPLES, mark + b"\x04" + struct.pack("<I", len(times)) + content)
    first, last = ((stream.t_ns[i] / NS if len(stream.t_ns) else 0.0) for i in (0, -1))
    # One clock for everything: the offset is nought, and said, because readers look for it.
    _chunk(file, _CLOCK_OFFSET, mark + struct.pack("<dd", last, 0.0))
    footer = f"<first_timestamp>{first!r}</first_timestamp><last_timestamp>{last!r}</last_timestamp>"
    count = f"<sample_count>{len(stream.t_ns)}</sample_count>"
    _chunk(file, _STREAM_FOOTER, mark + f'<?xml version="1.0"?><info>{footer}{count}</info>'.encode())


def _header(stream: _Stream) -> str:
    labels = "".join(f"<channel><label>{escape(label)}</label></channel>" for label in stream.channels)
    kind = "string" if isinstance(stream.values, Sequence) else "double64"
    return (
        f'<?xml version="1.0"?><info><name>{escape(stream.name)}</name><type>{escape(stream.kind)}</type>'
        f"<channel_count>{len(stream.channels)}</channel_count><nominal_srate>{stream.rate_hz:g}</nominal_srate>"
        f"<channel_format>{kind}</channel_format><source_id>{escape(stream.name)}</source_id>"
        f"<desc><channels>{labels}</channels></desc></info>"
    )


def _text(text: str) -> bytes:
    data = text.encode()
    return b"\x04" + struct.pack("<I", len(data)) + data


def _chunk(file: BinaryIO, tag: int, content: bytes) -> None:
    file.write(b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content)
