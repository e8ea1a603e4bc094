"""The streams of a running recording as Arrow IPC: what they hold, and each batch as bytes that can be checked.

Arrow's stream format has no checksum: zeros that a power cut leaves, and nearly every flipped bit, are read back as
data. So each batch carries a CRC-32 of itself in its own metadata, where any Arrow reader passes over it.
"""

from __future__ import annotations

import functools
import importlib
import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, Self

from choreo_service.packets import Step
from choreo_service.schemas import arrow_schema
from choreo_service.session.tables import record_batch

# stream -> the tables of the finished take it becomes. Inputs and outputs stand apart: each is whole without the other.
LIVE_STREAMS: Final = {
    "packets": ("packets",),
    "steps": ("frames", "controls"),
    "latents": ("latents",),
    "sent": ("sent",),
    "events": ("events",),
}
END: Final = b"\xff\xff\xff\xff\0\0\0\0"  # what closes a stream


class Label(NamedTuple):
    """What a batch says of itself."""

    number: int  # of the batch within its stream, from 0, over all segments
    first: int  # row number of its first row within its stream
    rows: int
    packets: int  # rows the packet stream had when this batch was made: steps are whole only together with them

    def text(self) -> str:
        return " ".join(map(str, self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """ValueError when it is none."""
        return cls(*map(int, text.split(" ")))


def live_batch(stream: str, items: Sequence[Any]) -> Any:
    """Packets, steps, latents, SentRows or Events as one batch of `live_schema`."""
    import pyarrow as pa

    parts = [record_batch(kind, _items(kind, items)) for kind in LIVE_STREAMS[stream]]
    columns = {name: part.column(name) for part in parts for name in part.schema.names}
    plain = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in columns.values()]
    return pa.record_batch(plain, schema=live_schema(stream))


@functools.cache
def live_schema(stream: str) -> Any:
    """The pyarrow.Schema of a stream: the columns of its tables, with names as plain text, so that no batch needs
    another one to be understood."""
    import pyarrow as pa

    fields = {field.name: field for kind in LIVE_STREAMS[stream] for field in arrow_schema(kind)}
    plain = [f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in fields.values()]
    return pa.schema(plain)


def table_batch(kind: str, batch: Any) -> Any:
    """The part of a live batch that belongs to one of its tables, in that table's schema."""
    import pyarrow as pa

    schema = arrow_schema(kind)
    columns = [
        batch.column(f.name).dictionary_encode() if pa.types.is_dictionary(f.type) else batch.column(f.name)
        for f in schema
    ]
    return pa.record_batch(columns, schema=schema)


@functools.cache
def head(stream: str) -> bytes:
    """The schema message every segment of a stream begins with."""
    return bytes(live_schema(stream).serialize())


def warm_up() -> None:
    """Load what Arrow would otherwise import for the first batches, 70 ms in which a take waits."""
    for module in ("numpy.ma", "pyarrow.compute"):
        importlib.import_module(module)
    for stream in LIVE_STREAMS:
        head(stream)


def encode(stream: str, batch: Any, label: Label) -> bytes:
    """The bytes of one batch as they follow `head` in a segment."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, live_schema(stream)) as writer:
        writer.write_batch(batch, custom_metadata={"label": label.text(), "crc32": _crc32(batch, label)})
    return bytes(sink.getvalue())[len(head(stream)) : -len(END)]


def decode(stream: str, data: memoryview) -> Iterator[tuple[int, Label, Any]]:
    """(length so far, label, batch) of the batches `data` begins with, up to the first that is torn or damaged."""
    import pyarrow as pa

    source = pa.BufferReader(pa.py_buffer(head(stream) + bytes(data)))
    try:
        reader = pa.ipc.open_stream(source)
        while True:
            batch, metadata = reader.read_next_batch_with_custom_metadata()
            batch.validate(full=True)  # before anything relies on its offsets
            label = Label.parse(metadata[b"label"].decode())
            if label.rows != batch.num_rows or metadata[b"crc32"].decode() != _crc32(batch, label):
                return
            yield source.tell() - len(head(stream)), label, batch
    except (StopIteration, OSError, ValueError, KeyError, TypeError, pa.ArrowException):
        return


def _items(kind: str, items: Sequence[Any]) -> Sequence[Any]:
    """Frames are parts of steps."""
    return [step.frame for step in items] if kind == "frames" and isinstance(items[0], Step) else items


def _crc32(batch: Any, label: Label) -> str:
    return f"{zlib.crc32(batch.serialize(), zlib.crc32(label.text().encode())):08x}"
