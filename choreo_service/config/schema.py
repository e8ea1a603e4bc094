"""JSON Schemas for editors, made from the models: `configs/schema.json` and `configs/control_map.schema.json`.

A file is one layer, so no key is required in it; a block of `sensors`, `bridges` or `doors` offers the keys of the
adapter its `type` names.
"""

from __future__ import annotations

import ast
import functools
import inspect
import json
import textwrap
import threading
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel

from choreo_service import registry
from choreo_service.config.control_map import ControlMap, ControlSpec, default_spec
from choreo_service.config.scenes import SceneFile
from choreo_service.config.settings import AdapterBlock, BridgeBlock, Settings

OWN_DISTRIBUTION: Final = "choreo-service"
_PARSING: Final = (
    threading.Lock()
)  # two threads that parse at a time confuse CPython 3.11: SystemError, recursion depth
_DIALECT: Final = "http://json-schema.org/draft-07/schema#"  # what the YAML language server understands best


def schema_files() -> dict[str, str]:
    """Text of each schema file by name. Built-in adapters only: the files don't depend on what else is installed."""
    return {
        "schema.json": _text(settings_schema(built_in("sensor"), built_in("bridge"), built_in("door"))),
        "control_map.schema.json": _text(control_map_schema()),
        "scene.schema.json": _text({"$schema": _DIALECT, **SceneFile.model_json_schema()}),
    }


def built_in(kind: registry.Kind) -> dict[str, Mapping[str, Any]]:
    """JSON Schema of the `Config` of each adapter that comes with choreo, by type name."""
    return {
        name: described(entry.load().Config)
        for name, entry in registry.entries(kind).items()
        if entry.distribution == OWN_DISTRIBUTION
    }


def described(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON Schema, with the docstring below a field as its description where it has no other."""
    schema = model.model_json_schema()
    below = _field_docstrings(model)
    for name, field in schema.get("properties", {}).items():
        if name in below:
            field.setdefault("description", below[name])
    return schema


def settings_schema(
    sensors: Mapping[str, Mapping[str, Any]],
    bridges: Mapping[str, Mapping[str, Any]],
    doors: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The schema of one layer of settings, given the adapters' own schemas by type name."""
    schema = Settings.model_json_schema()
    for section, adapters, base in (
        ("sensors", sensors, AdapterBlock),
        ("bridges", bridges, BridgeBlock),
        ("doors", doors, AdapterBlock),
    ):
        schema["$defs"].pop(base.__name__, None)
        common = _common(base)
        blocks = {f"{section}.{name}": _block(name, _inlined(own, own), common) for name, own in adapters.items()}
        schema["$defs"] |= blocks
        schema["properties"][section] |= {
            "additionalProperties": False,
            "patternProperties": {"^[a-z][a-z0-9_]*$": _one_of(list(adapters), section, common)},
        }
        schema["properties"][section].pop("propertyNames", None)
    return {"$schema": _DIALECT, **_layer(schema)}


def control_map_schema() -> dict[str, Any]:
    """The schema of a control map: all five controls, each with only the keys that differ from its defaults."""
    schema = ControlMap.model_json_schema()
    schema["$defs"]["ControlSpec"].pop("required")
    for name, field in schema["properties"].items():
        schema["properties"][name] = {**field, "default": default_spec(name)}
    return {"$schema": _DIALECT, **schema}


def control_spec_schema() -> dict[str, Any]:
    """The schema of one control, for the reference page."""
    return ControlSpec.model_json_schema()


def _common(base: type[AdapterBlock]) -> dict[str, Any]:
    """The keys every block of a section may have beside its `type`."""
    return {key: field for key, field in base.model_json_schema()["properties"].items() if key != "type"}


def _one_of(names: list[str], section: str, common: Mapping[str, Any]) -> dict[str, Any]:
    """A block of any adapter. A third party's `type` is allowed and its keys stay unchecked here."""
    kind = AdapterBlock.model_json_schema()["properties"]["type"]
    typed = {"properties": {"type": {**kind, "anyOf": [{"enum": names}, {"type": "string"}]}, **common}}
    chosen = [
        {
            "if": {"properties": {"type": {"const": name}}, "required": ["type"]},
            "then": {"$ref": f"#/$defs/{section}.{name}"},
        }
        for name in names
    ]
    return {"type": ["object", "null"], **typed, "allOf": chosen}


def _block(name: str, own: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    both = {"type": {"const": name}, **common}
    return {
        "type": "object",
        "description": own.get("description", ""),
        "properties": both | dict(own.get("properties", {})),
        "additionalProperties": False,
    }


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Texts that stand below the fields in the sources of the model and of the models it builds on."""
    lineage = [base for base in reversed(model.__mro__) if issubclass(base, BaseModel) and base is not BaseModel]
    return {name: text for base in lineage for name, text in _own_docstrings(base).items()}


@functools.cache
def _own_docstrings(model: type[BaseModel]) -> Mapping[str, str]:
    """Texts that stand below annotated names in the class's source; none where there is no source."""
    try:
        with _PARSING:
            tree = ast.parse(textwrap.dedent(inspect.getsource(model))).body[0]
    except (OSError, TypeError, SyntaxError):
        return {}
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    found = {}
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found


def _inlined(root: Mapping[str, Any], node: Any) -> Any:
    """An adapter's schema without references, so that it can stand inside another one."""
    if isinstance(node, list):
        return [_inlined(root, item) for item in node]
    if not isinstance(node, Mapping):
        return node
    if "$ref" in node:
        target = root["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]]
        return _inlined(root, {**target, **{k: v for k, v in node.items() if k != "$ref"}})
    return {k: _inlined(root, v) for k, v in node.items() if k != "$defs"}


def _layer(schema: dict[str, Any]) -> dict[str, Any]:
    """Nothing is required, and a section may stand empty with all its lines commented out."""
    schema.pop("required", None)
    for section in schema["properties"].values():
        if section.get("type") == "object":
            section["type"] = ["object", "null"]
    return schema


def _text(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
