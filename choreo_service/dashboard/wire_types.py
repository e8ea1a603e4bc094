"""packets.schema.json and packets.d.ts, generated from the dataclasses and tables of `packets`.

`python -m choreo_service.dashboard.wire_types --check` fails when the files are stale, `--write` renews them.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from choreo_service.dashboard import typescript
from choreo_service.packets import (
    CONTROL_NAMES,
    CONTROLS,
    LATENT_DIM,
    MODALITIES,
    MODALITY_NAMES,
    SCHEMA_VERSION,
    STREAMS,
    Accent,
    BoolArray,
    ControlPacket,
    FloatArray,
    Frame,
    LatentPacket,
    ModalityState,
    SensorPacket,
    StateArray,
    Step,
    TempoPacket,
)

PACKETS: Final = (SensorPacket, Frame, LatentPacket, ControlPacket, TempoPacket, Accent, Step)
FOLDER: Final = Path(__file__).parent

# Size of every array after the B performers; a field missing here fails the generator, so none can be forgotten.
COLUMNS: Final[Mapping[str, tuple[int, ...]]] = {
    **{f"Frame.{name}": (m.width,) for name, m in MODALITIES.items()},
    "Frame.state": (len(MODALITIES),),
    "Frame.age_s": (len(MODALITIES),),
    "LatentPacket.z": (LATENT_DIM,),
    "LatentPacket.z_norm": (LATENT_DIM,),
    "LatentPacket.coherence": (),
    "LatentPacket.filled": (len(MODALITIES),),
    "Step.raw": (len(CONTROLS),),
    "Step.controls": (len(CONTROLS),),
}
NAMED: Final[Mapping[str, tuple[str, ...]]] = {"SensorPacket.stream": tuple(STREAMS)}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `to_dict()` of each packet gives; the tables stand under `x-choreo`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "choreo packets",
        "description": "NaN and infinity travel as null. Times are nanoseconds of the machine's monotonic clock.",
        "oneOf": [{"$ref": f"#/$defs/{cls.__name__}"} for cls in PACKETS],
        "$defs": {cls.__name__: _object(cls) for cls in PACKETS},
        "x-choreo": tables(),
    }


def tables() -> dict[str, Any]:
    """The constants of `packets` as JSON."""
    return {
        "SCHEMA_VERSION": SCHEMA_VERSION,
        "LATENT_DIM": LATENT_DIM,
        "MODALITY_NAMES": list(MODALITY_NAMES),
        "CONTROL_NAMES": list(CONTROL_NAMES),
        "MODALITIES": {name: _row(m) for name, m in MODALITIES.items()},
        "MODALITY_STATES": {state.name: int(state) for state in ModalityState},
        "STREAMS": {name: _row(s) for name, s in STREAMS.items()},
        "CONTROLS": {name: _row(c) for name, c in CONTROLS.items()},
    }


def files() -> dict[Path, str]:
    """The generated files and their text."""
    schema = json_schema()
    return {
        FOLDER / "packets.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        FOLDER / "packets.d.ts": typescript.declarations(schema),
    }


def stale() -> list[Path]:
    """The generated files whose text on disk is not what it should be."""
    return [path for path, text in files().items() if not path.is_file() or path.read_text("utf-8") != text]


def main(arguments: list[str]) -> int:
    """`--write` or `--check`; the exit code."""
    match arguments:
        case ["--write"]:
            for path, text in files().items():
                path.write_text(text, "utf-8")
            return 0
        case ["--check"]:
            for path in stale():
                sys.stderr.write(f"{path.name} is stale; run python -m choreo_service.dashboard.wire_types --write\n")
            return 1 if stale() else 0
    sys.stderr.write("usage: python -m choreo_service.dashboard.wire_types --check|--write\n")
    return 2


def _object(cls: type[Any]) -> dict[str, Any]:
    hints, comments = get_type_hints(cls), _comments(cls)
    properties = {}
    for field in dataclasses.fields(cls):
        name = f"{cls.__name__}.{field.name}"
        about = {"description": comments[field.name]} if field.name in comments else {}
        properties[field.name] = {**_type(name, hints[field.name]), **about}
    return {
        "type": "object",
        "description": inspect.cleandoc(cls.__doc__ or "").splitlines()[0],
        "properties": properties,
        "required": list(properties),  # to_dict() writes every field
        "additionalProperties": False,
    }


def _type(name: str, hint: Any) -> dict[str, Any]:
    if name in NAMED:
        return {"type": "string", "enum": list(NAMED[name])}
    if hint in _ITEMS:
        item: dict[str, Any] = dict(_ITEMS[hint])
        for size in reversed(COLUMNS[name]):
            item = {"type": "array", "items": item, "minItems": size, "maxItems": size}
        return {"type": "array", "items": item}  # one per performer
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if dataclasses.is_dataclass(hint):
        return {"$ref": f"#/$defs/{hint.__name__}"}  # type: ignore[union-attr]
    arguments = get_args(hint)
    if type(None) in arguments:
        return {"anyOf": [_type(name, Union[tuple(a for a in arguments if a is not type(None))]), {"type": "null"}]}  # noqa: UP007
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _type(name, arguments[0])}
    if get_origin(hint) is Mapping:
        return {"type": "object", "additionalProperties": _type(name, arguments[1])}
    raise TypeError(f"{name}: no wire type for {hint}")


_ITEMS: Final[Mapping[Any, Mapping[str, Any]]] = {
    FloatArray: {"type": ["number", "null"]},
    BoolArray: {"type": "boolean"},
    StateArray: {"type": "integer", "minimum": min(ModalityState), "maximum": max(ModalityState)},
}
_PLAIN: Final[Mapping[Any, str]] = {int: "integer", float: "number", str: "string", bool: "boolean"}
_FIELD = re.compile(r"^    (\w+): [^#\n]*#\s*(.+?)\s*$", re.MULTILINE)


def _comments(cls: type[Any]) -> dict[str, str]:
    """The comment beside each field: that is where units and shapes stand."""
    return dict(_FIELD.findall(inspect.getsource(cls)))


def _row(entry: Any) -> dict[str, Any]:
    row = {f.name: getattr(entry, f.name) for f in dataclasses.fields(entry)}
    return {key: [value.start, value.stop] if isinstance(value, slice) else value for key, value in row.items()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
