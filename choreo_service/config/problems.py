"""From pydantic's errors to what a user needs: place, key, what was found, what is allowed, what to type next."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from choreo_service.config import allowed
from choreo_service.config.layers import SHOWN_CHARS, Layer, Origin, PathKey, origin_of, put, shortened
from choreo_service.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
MAX_SHOWN: Final = 8
_TEXT_TYPES: Final = ("string_type", "path_type")


def validated(model: type[M], layer: Layer, *, prefix: PathKey = (), source: str = "the configuration") -> M:
    """`layer.data` as `model`; the paths in `layer.origins` begin with `prefix`. ConfigError tells all problems.

    Variables and options are typed as text: where the model wants a text and `12` became a number, the text counts.
    """
    try:
        return model.model_validate(layer.data)
    except ValidationError as error:
        if (retyped := _as_typed(layer, prefix, error)) is not None:
            return validated(model, retyped, prefix=prefix, source=source)
        raise _config_error(model, layer, prefix, error, source) from None


@dataclass(frozen=True, slots=True)
class _Problem:
    text: str
    fix: str


def _as_typed(layer: Layer, prefix: PathKey, error: ValidationError) -> Layer | None:
    """The layer with wrongly guessed texts put back; None where there are none."""
    wanted = [tuple(e["loc"]) for e in error.errors(include_url=False) if e["type"] in _TEXT_TYPES]
    texts = {path: origin.raw for path in wanted if (origin := layer.origins.get((*prefix, *path))) and origin.raw}
    if not texts:
        return None
    data = _copied(layer.data)
    for path, text in texts.items():
        put(data, [str(key) for key in path], text)
    return Layer(
        data, {k: v for k, v in layer.origins.items() if k[len(prefix) :] not in texts} | _read(layer, prefix, texts)
    )


def _read(layer: Layer, prefix: PathKey, texts: Mapping[PathKey, str | None]) -> dict[PathKey, Origin]:
    """The same origins without their raw text, so that each is tried once."""
    return {(*prefix, *path): Origin(layer.origins[(*prefix, *path)].source) for path in texts}


def _copied(data: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _copied(v) if isinstance(v, Mapping) else v for k, v in data.items()}


def _config_error(
    model: type[BaseModel], layer: Layer, prefix: PathKey, error: ValidationError, source: str
) -> ConfigError:
    schema = model.model_json_schema()
    errors = _causes(error.errors(include_url=False, include_input=False), schema)
    problems = [_problem(e, schema, layer, prefix, source) for e in errors[:MAX_SHOWN]]
    if len(errors) == 1:
        return ConfigError(problems[0].text, fix=problems[0].fix)
    lines = "".join(f"\n  {p.text}" for p in problems)
    more = f"\n  and {len(errors) - MAX_SHOWN} more" if len(errors) > MAX_SHOWN else ""
    return ConfigError(f"{len(errors)} problems in {source}:{lines}{more}", fix=problems[0].fix)


def _causes(errors: Sequence[Any], schema: allowed.Schema) -> list[Any]:
    """Without what only follows from another error: a key that is missing because it was mistyped, and a default that
    could not be worked out from a value that is wrong itself."""
    unknown = [tuple(e["loc"]) for e in errors if e["type"] == "extra_forbidden"]
    meant = {(*path[:-1], _meant(path, schema)) for path in unknown}
    return [
        e
        for e in errors
        if e["type"] != "default_factory_not_called" and not (e["type"] == "missing" and tuple(e["loc"]) in meant)
    ]


def _problem(error: Any, schema: allowed.Schema, layer: Layer, prefix: PathKey, source: str) -> _Problem:
    path = tuple(key for key in error["loc"] if key != "[key]")
    origin = origin_of(layer.origins, (*prefix, *path))
    key = _dotted((*prefix, *path))
    head = _head(str(origin or source), key)
    match error["type"]:
        case "extra_forbidden":
            return _unknown_key(head, path, schema, _found(layer.data, path))
        case "missing":
            what = allowed.describe(schema, allowed.at(schema, path), brief=True)
            return _Problem(
                f"{head}: missing; expected {what}",
                f"add {path[-1]}: {_under((*prefix, *path)[:-1])}",
            )
        case "value_error":
            return _Problem(f"{head}: {error['ctx']['error']}", "change one of these values")
    what = _allowed(error, schema, path)
    return _Problem(f"{head}: found {_found(layer.data, path)}; allowed: {what}", _edit(origin, key, source))


def _head(origin: str, key: str) -> str:
    """An option names its key already, and the problems of a whole file have none."""
    return origin if not key or origin == f"-o {key}" else f"{origin}: {key}"


def _allowed(error: Any, schema: allowed.Schema, path: PathKey) -> str:
    if "[key]" in error["loc"]:
        return "names in lower case: a letter, then letters, digits or _"
    node = allowed.at(schema, path)
    return allowed.describe(schema, node) if node else str(error["msg"]).lower()


def _unknown_key(head: str, path: PathKey, schema: allowed.Schema, found: str) -> _Problem:
    known = allowed.keys(allowed.at(schema, path[:-1]))
    key, meant = _dotted(path[-1:]), _meant(path, schema)
    hint = f"; did you mean {meant!r}?" if meant else "."
    fix = f"rename {key} to {meant}" if meant else f"remove {key}, or use one of the keys above"
    return _Problem(f"{head}: unknown key (found {found}){hint} Known here: {', '.join(known)}", fix)


def _meant(path: PathKey, schema: allowed.Schema) -> str | None:
    """The known key an unknown one resembles."""
    known = allowed.keys(allowed.at(schema, path[:-1]))
    return next(iter(get_close_matches(str(path[-1]), known, n=1)), None)


def _dotted(path: PathKey) -> str:
    """A key path as people write it, each key short: the file may be something else, with secrets in it."""
    return ".".join(shortened(str(part)) for part in path)


def _under(block: PathKey) -> str:
    return f"under {_dotted(block)}" if block else "at the top level"


def _found(data: Any, path: Sequence[str | int]) -> str:
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return "nothing"
    return "null" if data is None else _short.repr(data)


def _edit(origin: Origin | None, key: str, source: str) -> str:
    if origin is None:
        return f"set {key} in {source}"
    return f"edit line {origin.line} of {origin.source}" if origin.line else f"change {origin.source}"


_short = reprlib.Repr()
_short.maxstring = _short.maxother = SHOWN_CHARS
_short.maxlevel = 2
