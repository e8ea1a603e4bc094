"""Changing single keys of a YAML file that people wrote: everything else stays as it is, to the letter.

The places come from the parser's marks, the new text is put in there, and what comes out is read again: it holds the
old values and the changes, nothing else, or nothing is changed at all. (A round-trip dumper keeps comments too, but
lays out anew what it touches, and knows neither our YAML 1.2 scalars nor whether a value has changed.)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from choreo_service.config.layers import put
from choreo_service.config.yaml_source import compose, parse_text, read_yaml
from choreo_service.errors import ConfigError

_PLAIN: Final = re.compile(r"[A-Za-z_][\w./-]*$", re.ASCII)
_WORDS: Final = frozenset({"true", "false", "null"})  # which are no texts
_INDENT: Final = 2


def changed(text: str, changes: Mapping[str, Any], path: Path) -> str:
    """`text`, that of the file `path`, with `changes` (dotted key -> value) made.

    ConfigError where the text is no YAML of ours, or laid out in a way that can't be changed safely.
    """
    wanted, found, new = _copied(read_yaml(path, text).data), None, text
    for key, value in changes.items():
        put(wanted, key.split("."), value)
    try:
        for key, value in changes.items():
            new = _with(new, key.split("."), value)
        found = read_yaml(path, new).data
    except (ConfigError, yaml.YAMLError, ValueError):
        pass
    if found != wanted:
        raise ConfigError(
            f"{path.name} is laid out in a way that can't be changed safely here: {', '.join(changes)}",
            fix="change it by hand, with the lines below",
        )
    return new


def masked(text: str, keys: Iterable[str], mask: str) -> str:
    """`text` with the values of `keys` replaced by `mask`, for showing it."""
    found = []
    for key in keys:
        node = compose(text)
        for part in key.split("."):
            node = _child(node, part)[1] if isinstance(node, yaml.MappingNode) else None
        if isinstance(node, yaml.ScalarNode) and node.value:
            found.append((node.start_mark.index, node.end_mark.index))
    for start, end in sorted(found, reverse=True):
        text = text[:start] + mask + text[end:]
    return text


def _with(text: str, keys: Sequence[str], value: Any) -> str:
    node, depth, key_node = compose(text), 0, None
    while isinstance(node, yaml.MappingNode) and not node.flow_style and depth < len(keys):
        found, below = _child(node, keys[depth])
        if found is None:
            return _inserted(text, node, keys[depth:], value)
        key_node, node, depth = found, below, depth + 1
    if key_node is None:
        return _appended(text, keys, value)
    if depth == len(keys):
        return _replaced(text, key_node, node, _flow(value))
    if isinstance(node, yaml.MappingNode):
        inside = dict(parse_text(text[node.start_mark.index : node.end_mark.index]))
        put(inside, keys[depth:], value)
        return _replaced(text, key_node, node, _flow(inside))
    # Nothing below the key yet, as where all its lines are commented out.
    text = _replaced(text, key_node, node, "")
    indent = key_node.start_mark.column + _INDENT
    return _after_line(text, key_node.end_mark.index, _lines(keys[depth:], value, indent))


def _inserted(text: str, mapping: yaml.MappingNode, keys: Sequence[str], value: Any) -> str:
    """A new key behind the last one of a block mapping."""
    indent = mapping.value[0][0].start_mark.column
    return _after_line(text, _end(mapping), _lines(keys, value, indent))


def _appended(text: str, keys: Sequence[str], value: Any) -> str:
    """The first key of a file that holds none."""
    newline = "" if not text or text.endswith("\n") else _newline(text)
    return text + newline + _lines(keys, value, 0).replace("\n", _newline(text))


def _replaced(text: str, key: yaml.Node, value: yaml.Node | None, new: str) -> str:
    colon = text.index(":", key.end_mark.index) + 1
    if isinstance(value, yaml.ScalarNode) and value.value and value.style not in ("|", ">"):
        return text[: value.start_mark.index] + new + text[value.end_mark.index :]
    end = colon if value is None or _is_empty(value) else _end(value)
    return text[:colon] + (f" {new}" if new else "") + text[end:]


def _after_line(text: str, index: int, lines: str) -> str:
    end = text.find("\n", index)
    newline = _newline(text)
    lines = lines.replace("\n", newline)
    return text[: end + 1] + lines + text[end + 1 :] if end >= 0 else text + newline + lines


def _lines(keys: Sequence[str], value: Any, indent: int) -> str:
    heads = [f"{' ' * (indent + _INDENT * i)}{key}:" for i, key in enumerate(keys)]
    return "\n".join(heads) + f" {_flow(value)}\n"


def _flow(value: Any) -> str:
    """A value on one line, in the grammar of `yaml_source`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(below)}" for key, below in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _child(node: yaml.MappingNode, key: str) -> tuple[yaml.Node | None, yaml.Node | None]:
    return next(((k, v) for k, v in node.value if k.value == key), (None, None))


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.value and node.style is None


def _end(node: yaml.Node) -> int:
    """Where a node's text ends; the mark of a block points behind the blank lines and comments that follow it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        key, value = last if isinstance(node, yaml.MappingNode) else (last, last)
        return int(key.end_mark.index) if _is_empty(value) else _end(value)
    return int(node.end_mark.index)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _copied(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in data.items()}
