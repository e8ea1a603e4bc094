"""Tables as Arrow has them, right but for what a test wants wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from choreo_service.schemas import arrow_schema


def packets(rows: int, **columns: Any) -> pa.Table:
    """Rows of packets.parquet that are right but for `columns`."""
    right: dict[str, Any] = {
        "stream": ["heart_rate"] * rows,
        "performer": np.zeros(rows, np.int8),
        "seq": np.arange(rows),
        "t_ns": np.arange(rows),
        "rx_ns": np.arange(rows),
        "source_ns": np.arange(rows),
        "source_id": ["strap"] * rows,
        "values": [[60.0]] * rows,
    }
    schema = arrow_schema("packets")
    arrays = []
    for field in schema:
        found = {**right, **columns}[field.name]
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        array = found if isinstance(found, pa.Array) else pa.array(found, plain)
        arrays.append(array.dictionary_encode() if pa.types.is_dictionary(field.type) else array)
    return pa.table(arrays, schema=schema)
