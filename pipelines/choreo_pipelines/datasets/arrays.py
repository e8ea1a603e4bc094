"""Arrays on disk that are used where they lie: one uncompressed Arrow IPC file, memory-mapped, never loaded.

The system reads the pages that are looked at and drops them again when memory is short, so a corpus may be larger than
the memory, and all workers of a data loader share one copy.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from choreo_service.errors import SessionError

DTYPES: Final = tuple(np.dtype(kind) for kind in (np.float32, np.uint8, np.int64))

Arrays = Mapping[str, NDArray[Any]]


class MappedArrays(Mapping[str, NDArray[Any]]):
    """Name -> read-only array, in the order they were written. Pickled as its path and mapped again on arrival."""

    def __init__(self, path: Path, arrays: Arrays, metadata: Mapping[str, str], seal: str) -> None:
        self.path, self.metadata = path, metadata
        self._arrays, self._seal = arrays, seal

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return map_arrays, (self.path,)

    def verify(self) -> None:
        """SessionError when any bit of names, shapes, metadata or values has changed. Reads the whole file once."""
        if (found := _seal(self._arrays, self.metadata)) != self._seal:
            raise _damaged(self.path, f"checksum {found} instead of {self._seal}")


def write_arrays(path: Path, arrays: Arrays, metadata: Mapping[str, str]) -> None:
    """Write arrays [T] or [T, d] of one length T, each of one of DTYPES, at `path`, which they replace at once.

    A reader sees the old file or the new one, never half of one. ValueError for other arrays, SessionError when the
    folder can't be written.
    """
    plain = {name: _checked(name, array) for name, array in arrays.items()}
    if len({len(array) for array in plain.values()}) != 1:
        found = {name: len(array) for name, array in plain.items()}
        raise ValueError(f"arrays: expected at least one and all of one length, found {found}")
    header = {_METADATA: json.dumps(dict(metadata)), _SEAL: _seal(plain, metadata)}
    fields = [pa.field(name, _arrow_type(array), nullable=False) for name, array in plain.items()]
    schema = pa.schema(fields, metadata=header)
    batch = pa.record_batch([_column(array) for array in plain.values()], schema=schema)
    with _replacing(path) as draft, pa.OSFile(str(draft), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
        file.write_batch(batch)


def map_arrays(path: Path) -> MappedArrays:
    """The arrays at `path` without reading them; SessionError when the file is missing, damaged or something else.

    What is checked is the frame the values stand in; `verify()` checks the values too. Writing to a view raises.
    """
    path = Path(path).resolve()
    try:
        # Views keep the mapping, not the file: closed here, a thousand sessions need no thousand descriptors.
        with pa.memory_map(str(path)) as source:
            file = pa.ipc.open_file(source)
            if file.num_record_batches != 1:
                raise _damaged(path, f"{file.num_record_batches} record batches")
            batch = file.get_batch(0)
        batch.validate()  # that no buffer is shorter than its array: a view would reach beyond the file
        header = {key.decode(): value.decode() for key, value in (batch.schema.metadata or {}).items()}
        views = {name: _view(column) for name, column in zip(batch.schema.names, batch.columns, strict=True)}
        return MappedArrays(path, views, json.loads(header[_METADATA]), header[_SEAL])
    except FileNotFoundError as error:
        raise SessionError(f"no arrays at {path}: there is no such file", fix=_FIX) from error
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise _damaged(path, (str(error).strip() or type(error).__name__).splitlines()[0]) from error


_METADATA: Final = "choreo.metadata"
_SEAL: Final = "choreo.seal"
_FIX: Final = "delete the file and run the same command again: it is made anew"


def _checked(name: str, array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype not in DTYPES or array.ndim not in (1, 2) or array.shape[1:] == (0,):
        kinds = ", ".join(kind.name for kind in DTYPES)
        raise ValueError(f"{name}: expected [T] or [T, d] of {kinds}, found {list(array.shape)} of {array.dtype}")
    return np.ascontiguousarray(array)


def _arrow_type(array: NDArray[Any]) -> Any:
    kind = pa.from_numpy_dtype(array.dtype)
    return kind if array.ndim == 1 else pa.list_(pa.field("item", kind, nullable=False), array.shape[1])


def _column(array: NDArray[Any]) -> Any:
    if array.ndim == 1:
        return pa.array(array)
    return pa.FixedSizeListArray.from_arrays(pa.array(array.ravel()), type=_arrow_type(array))


def _view(column: Any) -> NDArray[Any]:
    """ValueError where a view would have to be a copy."""
    if not pa.types.is_fixed_size_list(column.type):
        return _flat(column)
    return _flat(column.flatten()).reshape(len(column), column.type.list_size)


def _flat(column: Any) -> NDArray[Any]:
    flat: NDArray[Any] = column.to_numpy(zero_copy_only=True)
    return flat


def _seal(arrays: Arrays, metadata: Mapping[str, str]) -> str:
    """CRC-32 of everything a reader gets. Arrow's format itself has no checksum."""
    shapes = [[name, array.dtype.name, array.shape] for name, array in arrays.items()]
    crc = zlib.crc32(json.dumps([shapes, sorted(metadata.items())]).encode())
    for array in arrays.values():
        crc = zlib.crc32(array.data, crc)
    return f"{crc:08x}"


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its name at the end; nothing is left behind when that fails."""
    draft: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
        os.close(handle)
        draft = Path(name)
        yield draft
        draft.replace(path)
    except OSError as error:
        fix = f"free space on the disk, or make {path.parent} writable"
        raise SessionError(f"can't write {path}: {error.strerror or error}", fix=fix) from error
    finally:
        if draft is not None:
            draft.unlink(missing_ok=True)


def _damaged(path: Path, found: str) -> SessionError:
    return SessionError(f"{path} is damaged: expected an Arrow file of arrays, found: {found}", fix=_FIX)
