"""Layers of plain dictionaries, and where each value in them came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from choreo_service.config.mistakes import Mistakes
from choreo_service.errors import ConfigError

PathKey = tuple[str | int, ...]

SHOWN_CHARS: Final = 40  # of a file's text in a message: enough to find the place, too little to give a secret away


@dataclass(frozen=True, slots=True)
class Origin:
    """The place a value came from, as the user can find it."""

    source: str  # path of a file, name of a variable, or the option
    line: int | None = None  # from 1, in files
    column: int | None = None  # from 1, in files
    raw: str | None = None  # the text before it was read as a number or boolean, where one was typed

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Layer:
    """One source: its values, and the origin of each key path in them."""

    data: Mapping[str, Any]
    origins: Mapping[PathKey, Origin]


def merge(layers: Sequence[Layer]) -> Layer:
    """Later layers win, key by key; lists are replaced whole. A block that names another `type` starts afresh."""
    data: dict[str, Any] = {}
    origins: dict[PathKey, Origin] = {}
    for layer in layers:
        _merge_into(data, layer.data, (), origins)
        origins.update(layer.origins)
    return Layer(data, origins)


def options_layer(options: Sequence[str], parse: Callable[[str], Any]) -> Layer:
    """`a.b=value` texts as one layer. ConfigError tells every one that has no `=` or an empty key."""
    data: dict[str, Any] = {}
    origins: dict[PathKey, Origin] = {}
    mistakes = Mistakes()
    for option in options:
        key, equals, text = option.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        if not equals or not all(path):
            problem = f"option -o {option!r:.80}: expected key=value"
            mistakes.note(ConfigError(problem, fix="write for example -o engine.period_ms=25"))
            continue
        put(data, path, parse(text))
        origins[path] = Origin(f"-o {key}", raw=text)
    mistakes.tell("the options")
    return Layer(data, origins)


def put(data: dict[str, Any], path: Sequence[str], value: Any) -> None:
    """Set `value` at a key path, making the mappings on the way; a non-mapping in the way is replaced."""
    for key in path[:-1]:
        below = data.get(key)
        if not isinstance(below, dict):
            below = data[key] = {}
        data = below
    data[path[-1]] = value


def leaves(data: Mapping[str, Any], path: PathKey = ()) -> Iterator[tuple[PathKey, Any]]:
    """Every value that is no mapping (or an empty one), with its key path, in order."""
    for key, value in data.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def shortened(text: str) -> str:
    """At most SHOWN_CHARS of a text, for messages."""
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."


def origin_of(origins: Mapping[PathKey, Origin], path: PathKey) -> Origin | None:
    """The origin of `path`, else of something in it, else of the nearest block around it; None if unknown."""
    inside = (known for known in origins if path and known[: len(path)] == path)
    around = (path[:n] for n in range(len(path) - 1, 0, -1) if path[:n] in origins)
    best = path if path in origins else next(inside, None) or next(around, None)
    return None if best is None else origins[best]


def _merge_into(lower: dict[str, Any], upper: Mapping[str, Any], path: PathKey, origins: dict[PathKey, Origin]) -> None:
    for key, value in upper.items():
        below, here = lower.get(key), (*path, key)
        if value is None and isinstance(below, dict) and not path:
            continue  # a section with all its lines commented out says nothing
        if not isinstance(value, Mapping):
            _forget(origins, here)
            lower[key] = value
            continue
        if not isinstance(below, dict) or _other_type(below, value):
            _forget(origins, here)
            lower[key] = below = {}
        _merge_into(below, value, here, origins)


def _other_type(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> bool:
    return "type" in lower and "type" in upper and lower["type"] != upper["type"]


def _forget(origins: dict[PathKey, Origin], path: PathKey) -> None:
    for known in [p for p in origins if p[: len(path)] == path]:
        del origins[known]
