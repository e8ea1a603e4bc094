"""A fingerprint of a table's rows that does not depend on how they are cut into batches: what was written must come
back with the same one."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Digest:
    """A running CRC-32 per column: of which values are there, of the lengths of lists, and of the values."""

    def __init__(self) -> None:
        self.rows = 0
        self._crcs: dict[tuple[str, str], int] = {}

    def add(self, batch: Any) -> None:
        """The next rows, a pyarrow.RecordBatch."""
        self.rows += batch.num_rows
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            for part, array in _arrays(column):
                crc = self._crcs.get((name, part), 0)
                self._crcs[name, part] = zlib.crc32(np.ascontiguousarray(array).data, crc)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Digest):
            return NotImplemented
        return self.rows == other.rows and self._crcs == other._crcs

    __hash__ = None  # type: ignore[assignment]  # it changes with every batch


def _arrays(column: Any) -> Iterator[tuple[str, NDArray[Any]]]:
    """The parts of a column as numbers."""
    import pyarrow as pa

    yield "valid", column.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_list(column.type):
        yield "length", column.value_lengths().to_numpy(zero_copy_only=False)
    if pa.types.is_dictionary(column.type):
        # A dictionary may be in any order, and hold names no row uses: each name stands for itself.
        names = np.array([_crc(name) for name in column.dictionary.to_pylist()] or [0], np.uint32)
        yield "value", names[column.indices.fill_null(0).to_numpy(zero_copy_only=False)]
    elif pa.types.is_string(column.type):
        yield "value", np.array([_crc(text) for text in column.to_pylist()], np.uint32)
    else:
        flat = column.flatten() if pa.types.is_nested(column.type) else column
        yield "value", (flat.fill_null(0) if flat.null_count else flat).to_numpy(zero_copy_only=False)


def _crc(text: str | None) -> int:
    return zlib.crc32((text or "").encode())
