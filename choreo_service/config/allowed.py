"""What a key accepts, in words. One reading of the JSON Schema serves error messages and the reference page alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from choreo_service.config.layers import PathKey

Schema = Mapping[str, Any]


def at(schema: Schema, path: PathKey) -> Schema:
    """The schema of one key path; empty where the schema doesn't know the path."""
    node = resolve(schema, schema)
    for key in path:
        node = resolve(schema, _child(node, key))
    return node


def resolve(root: Schema, node: Schema) -> Schema:
    """Follow `$ref`, keeping what stands beside it, and look through `X or null`."""
    while "$ref" in node:
        target = root.get("$defs", {}).get(str(node["$ref"]).rsplit("/", 1)[-1], {})
        node = {**target, **{k: v for k, v in node.items() if k != "$ref"}}
    real = [option for option in node.get("anyOf", ()) if option.get("type") != "null"]
    if len(real) == 1:
        return resolve(root, {**real[0], **{k: v for k, v in node.items() if k != "anyOf"}})
    return node


def describe(root: Schema, node: Schema, *, brief: bool = False) -> str:
    """`a number from 5 to 50`, `one of auto, rules`, ..."""
    node = resolve(root, node)
    if "enum" in node:
        return f"one of {', '.join(map(str, node['enum']))}"
    if "const" in node:
        return str(node["const"])
    if "anyOf" in node:
        return " or ".join(describe(root, option) for option in node["anyOf"])
    match node.get("type"):
        case "number" | "integer" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _range(node)
        case "boolean":
            return "true or false"
        case "string":
            return f"text matching {node['pattern']}" if "pattern" in node else "a text"
        case "array":
            return _list(root, node)
        case "object":
            return _block(node) if not brief else "a block of keys"
        case "null":
            return "null"
    return "any value"


def keys(node: Schema) -> list[str]:
    """The keys a block knows."""
    return list(node.get("properties", ()))


def _child(node: Schema, key: str | int) -> Schema:
    if isinstance(key, int):
        fixed = node.get("prefixItems", [])
        child: Any = fixed[key] if key < len(fixed) else node.get("items", {})
    else:
        child = (
            node.get("properties", {}).get(key) or node.get("additionalProperties") or _only(node, "patternProperties")
        )
    return child if isinstance(child, Mapping) else {}


def _only(node: Schema, key: str) -> Any:
    values = list(node.get(key, {}).values())
    return values[0] if len(values) == 1 else {}


def _range(node: Schema) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None and high is not None:
        return f" from {low:g} to {high:g}" if abs(high) < 1e6 else f" from {low:g} to {high}"
    parts = [
        f"{words} {node[key]:g}"
        for key, words in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in node
    ]
    return f" {', '.join(parts)}" if parts else ""


def _block(node: Schema) -> str:
    own = " and the adapter's own" if node.get("additionalProperties") is True else ""
    return f"the keys {', '.join(keys(node))}{own}" if keys(node) else "a block of keys"


def _list(root: Schema, node: Schema) -> str:
    if fixed := node.get("prefixItems"):
        return f"[{', '.join(describe(root, item) for item in fixed)}]"
    return f"a list, each {describe(root, node.get('items', {}))}"
