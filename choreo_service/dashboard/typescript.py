"""TypeScript declarations from the packets' JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_HEAD: Final = """\
// Generated from choreo_service/packets by `python -m choreo_service.dashboard.wire_types --write`. Do not edit.
// NaN and infinity travel as null. Times are nanoseconds of the machine's monotonic clock; after 104 days of uptime
// (2^53 ns) a JavaScript number rounds them to 2 ns.
"""
_NAMES: Final = {"StreamName": "STREAMS", "ModalityName": "MODALITIES", "ControlName": "CONTROLS"}


def declarations(schema: Mapping[str, Any]) -> str:
    """The text of packets.d.ts: one interface per packet, the tables as types."""
    tables = schema["x-choreo"]
    parts = [_HEAD]
    parts += [f"export type {name} = {_union(list(tables[table]))};" for name, table in _NAMES.items()]
    parts += ["", *(_interface(name, node) for name, node in schema["$defs"].items())]
    return "\n".join([*parts, _tables(tables)]) + "\n"


def _interface(name: str, node: Mapping[str, Any]) -> str:
    lines = [f"/** {node['description']} */", f"export interface {name} {{"]
    for key, field in node["properties"].items():
        about = f" // {field['description']}" if "description" in field else ""
        lines.append(f"  readonly {key}: {_type(field)};{about}")
    return "\n".join([*lines, "}", ""])


def _type(node: Mapping[str, Any]) -> str:
    if "$ref" in node:
        return str(node["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in node:
        return " | ".join(_type(option) for option in node["anyOf"])
    if "enum" in node:
        return "StreamName"
    match node["type"]:
        case list(kinds):
            return " | ".join(_type({"type": kind}) for kind in kinds)
        case "integer" | "number":
            return "number"
        case "array":
            return f"ReadonlyArray<{_type(node['items'])}>"
        case "object":
            return f"Readonly<Record<string, {_type(node['additionalProperties'])}>>"
        case kind:
            return str(kind)


def _tables(tables: Mapping[str, Any]) -> str:
    """One interface for the constants, which stand as JSON in the schema."""
    lines = ["/** The object `x-choreo` of packets.schema.json. */", "export interface Tables {"]
    for name, value in tables.items():
        if not isinstance(value, Mapping):
            lines.append(f"  readonly {name}: {_literal(value)};")
            continue
        rows = [f"    readonly {key}: {_literal(row)};" for key, row in value.items()]
        lines += [f"  readonly {name}: {{", *rows, "  };"]
    return "\n".join([*lines, "}"])


def _union(names: list[str]) -> str:
    return " | ".join(json.dumps(name) for name in names)


def _literal(value: Any) -> str:
    """The type that has exactly this JSON value."""
    if isinstance(value, Mapping):
        return "{ " + "; ".join(f"readonly {k}: {_literal(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "readonly [" + ", ".join(_literal(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)
