"""Arrow schemas of the seven tables, built from the tables of `packets`: no second list of names stands here.

pyarrow costs some 50 MB and is imported inside the functions: only a daemon that reads or writes a take pays for it.
"""

from __future__ import annotations

import functools
from typing import Any, Final

from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, LATENT_DIM, MODALITIES, SCHEMA_VERSION

KINDS: Final = ("packets", "frames", "controls", "latents", "sent", "events", "accents")
VERSION_KEY: Final = "choreo.schema_version"
KIND_KEY: Final = "choreo.kind"


@functools.cache
def arrow_schema(kind: str) -> Any:
    """The pyarrow.Schema of `kind` (one of KINDS), with its version and kind in the key-value metadata."""
    import pyarrow as pa

    fields = {
        "packets": _packets,
        "frames": _frames,
        "controls": _controls,
        "latents": _latents,
        "sent": _sent,
        "events": _events,
        "accents": _accents,
    }
    return pa.schema(fields[kind](pa), metadata={VERSION_KEY: str(SCHEMA_VERSION), KIND_KEY: kind})


def present_column(modality: str) -> str:
    return f"present_{modality}"


def state_column(modality: str) -> str:
    return f"state_{modality}"


def age_column(modality: str) -> str:
    return f"age_{modality}_s"


def filled_column(modality: str) -> str:
    return f"filled_{modality}"


def raw_column(control: str) -> str:
    return f"raw_{control}"


# What the first takes did not keep; a file without them is read all the same.
ADDED_LATER: Final = frozenset(
    (*(raw_column(name) for name in CONTROL_NAMES), "mapper", *(state_column(name) for name in MODALITIES))
)


def _packets(pa: Any) -> list[Any]:
    return [
        _text(pa, "stream", nullable=False),
        pa.field("performer", pa.int8(), nullable=False),
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("t_ns", pa.int64(), nullable=False),
        pa.field("rx_ns", pa.int64(), nullable=False),
        pa.field("source_ns", pa.int64(), nullable=True),
        _text(pa, "source_id", nullable=False),
        pa.field("values", pa.list_(pa.float64()), nullable=False),
    ]


def _frames(pa: Any) -> list[Any]:
    return [
        *_tick(pa, dk=True),
        *(pa.field(name, pa.float32(), nullable=False) for name in FEATURE_COLUMNS),
        *(pa.field(present_column(m), pa.bool_(), nullable=False) for m in MODALITIES),
        *(pa.field(age_column(m), pa.float32(), nullable=False) for m in MODALITIES),
        *(pa.field(state_column(m), pa.uint8()) for m in MODALITIES),
    ]


def _controls(pa: Any) -> list[Any]:
    controls = (pa.field(name, pa.float32(), nullable=False) for name in CONTROL_NAMES)
    raw = (pa.field(raw_column(name), pa.float32()) for name in CONTROL_NAMES)
    return [*_tick(pa, dk=True), *controls, pa.field("held", pa.bool_(), nullable=False), *raw, _text(pa, "mapper")]


def _latents(pa: Any) -> list[Any]:
    vector = pa.list_(pa.float32(), LATENT_DIM)
    return [
        *_tick(pa, dk=False),
        pa.field("z", vector, nullable=False),
        pa.field("z_norm", vector, nullable=False),
        pa.field("coherence", pa.float32(), nullable=False),
        *(pa.field(filled_column(m), pa.bool_(), nullable=False) for m in MODALITIES),
    ]


def _sent(pa: Any) -> list[Any]:
    names = (_text(pa, name, nullable=False) for name in ("bridge", "control"))
    return [*_tick(pa, dk=False), *names, pa.field("value", pa.float64(), nullable=False)]


def _events(pa: Any) -> list[Any]:
    texts = (pa.field(name, pa.string(), nullable=False) for name in ("text", "data"))
    return [pa.field("t_ns", pa.int64(), nullable=False), _text(pa, "kind", nullable=False), *texts]


def _text(pa: Any, name: str, *, nullable: bool = True) -> Any:
    """A name that is repeated row by row."""
    return pa.field(name, pa.dictionary(pa.int32(), pa.string()), nullable=nullable)


def _accents(pa: Any) -> list[Any]:
    types = {"performer": pa.int8(), "seq": pa.int64(), "t_ns": pa.int64(), "rx_ns": pa.int64()}
    whole = [pa.field(name, kind, nullable=False) for name, kind in types.items()]
    return [*whole, pa.field("strength", pa.float64(), nullable=False)]


def _tick(pa: Any, *, dk: bool) -> list[Any]:
    """The columns that say which tick and which performer a row belongs to."""
    types = {"k": pa.int64(), "dk": pa.int32(), "t_ns": pa.int64(), "performer": pa.int8()}
    return [pa.field(name, kind, nullable=False) for name, kind in types.items() if dk or name != "dk"]
