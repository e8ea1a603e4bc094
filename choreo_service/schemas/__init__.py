"""The seven tables a take is kept in, and the check that a file really is one of them."""

from choreo_service.schemas.bounds import BATCH_ROWS, MAX_ROWS, MAX_TABLE_BYTES
from choreo_service.schemas.files import (
    batches,
    open_table,
    read_table,
    validate,
)
from choreo_service.schemas.tables import (
    ADDED_LATER,
    KIND_KEY,
    KINDS,
    VERSION_KEY,
    age_column,
    arrow_schema,
    filled_column,
    present_column,
    raw_column,
    state_column,
)

__all__ = [
    "ADDED_LATER",
    "BATCH_ROWS",
    "KINDS",
    "KIND_KEY",
    "MAX_ROWS",
    "MAX_TABLE_BYTES",
    "VERSION_KEY",
    "age_column",
    "arrow_schema",
    "batches",
    "filled_column",
    "open_table",
    "present_column",
    "raw_column",
    "read_table",
    "state_column",
    "validate",
]
