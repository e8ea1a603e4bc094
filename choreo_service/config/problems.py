"""From pydantic's errors to what a user needs: place, key, what was found, what is allowed, what to type next."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from choreo_service.config import allowed
from choreo_service.config.layers import SHOWN_CHARS, Layer, Origin, PathKey, origin_of, put, shortened
from choreo_service.config.mistakes import MOST, Mistakes, together
from choreo_service.errors import ConfigError

M = TypeVar("M", bound=BaseModel)
_TEXT_TYPES: Final = ("string_type", "path_type")


def validated(model: type[M], layer: Layer, *, prefix: PathKey = (), source: str = "the configuration") -> M:
    """`layer.data` as `model`; the paths in `layer.origins` begin with `prefix`. ConfigError tells all problems, each
    with its origin, or with `source`, the name of the whole, where there is none.

    Variables and options are typed as text: where the model wants a text and `12` became a number, the text counts.
    """
    try:
        return model.model_validate(layer.data)
    except ValidationError as error:
        if (retyped := _as_typed(layer, prefix, error)) is not None:
            return validated(model, retyped, prefix=prefix, source=source)
        raise _config_error(model, layer, prefix, error, source) from None


def salvaged(model: type[M], layer: Layer, mistakes: Mistakes) -> M | None:
    """Like `validated`, but what is wrong is noted in `mistakes` and left out, so that what hangs on the rest can be
    judged too; None where no rest can stand."""
    try:
        return validated(model, layer)
    except ConfigError as error:
        mistakes.note(error)
        wrong = [mistake.path for mistake in error.each]
    data = _copied(layer.data)
    for path in wrong:
        _remove(data, path)
    try:
        return validated(model, Layer(data, layer.origins))
    except ConfigError:
        return None


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


def _remove(data: dict[Any, Any], path: PathKey) -> None:
    """Take out what stands at a path: of a list the whole list, and of something missing the block it belongs in."""
    for key, below in pairwise(path):
        inside = data.get(key)
        if not isinstance(inside, dict) or below not in inside:
            data.pop(key, None)
            return
        data = inside
    if path:
        data.pop(path[-1], None)


def _config_error(
    model: type[BaseModel], layer: Layer, prefix: PathKey, error: ValidationError, source: str
) -> ConfigError:
    schema = model.model_json_schema()
    errors = _causes(error.errors(include_url=False, include_input=False), schema)
    told = sorted(errors[:MOST], key=lambda e: _place(origin_of(layer.origins, (*prefix, *e["loc"]))))
    return together([_problem(e, schema, layer, prefix, source) for e in told], source)


def _place(origin: Origin | None) -> tuple[str, int, int]:
    """For the order in which people mend a file."""
    return ("", 0, 0) if origin is None else (origin.source, origin.line or 0, origin.column or 0)


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


def _problem(error: Any, schema: allowed.Schema, layer: Layer, prefix: PathKey, source: str) -> ConfigError:
    path = tuple(key for key in error["loc"] if key != "[key]")
    full = (*prefix, *path)
    origin = origin_of(layer.origins, full)
    key = _dotted(full)
    head = _head(str(origin or source), key)
    match error["type"]:
        case "extra_forbidden":
            text, fix = _unknown_key(head, path, schema, _found(layer.data, path))
        case "missing":
            what = allowed.describe(schema, allowed.at(schema, path), brief=True)
            text, fix = f"{head}: missing; expected {what}", f"add {path[-1]}: {_under(full[:-1])}"
        case "value_error":
            text, fix = f"{head}: {error['ctx']['error']}", "change one of these values"
        case _:
            what = _allowed(error, schema, path)
            text, fix = f"{head}: found {_found(layer.data, path)}; allowed: {what}", _edit(origin, key, source)
    return ConfigError(text, fix=fix, path=full)


def _head(origin: str, key: str) -> str:
    """An option names its key already, the problems of a whole file have none, and what is no file has no name."""
    return origin if not key or origin == f"-o {key}" else f"{origin}: {key}" if origin else key


def _allowed(error: Any, schema: allowed.Schema, path: PathKey) -> str:
    if "[key]" in error["loc"]:
        return "names in lower case: a letter, then letters, digits or _"
    node = allowed.at(schema, path)
    return allowed.describe(schema, node) if node else str(error["msg"]).lower()


def _unknown_key(head: str, path: PathKey, schema: allowed.Schema, found: str) -> tuple[str, str]:
    known = allowed.keys(allowed.at(schema, path[:-1]))
    key, meant = _dotted(path[-1:]), _meant(path, schema)
    hint = f"; did you mean {meant!r}?" if meant else "."
    fix = f"rename {key} to {meant}" if meant else f"remove {key}, or use one of the keys above"
    return f"{head}: unknown key (found {found}){hint} Known here: {', '.join(known)}", fix


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
        return f"set {key} in {source}" if source else ""
    return f"edit line {origin.line} of {origin.source}" if origin.line else f"change {origin.source}"


_short = reprlib.Repr()
_short.maxstring = _short.maxother = SHOWN_CHARS
_short.maxlevel = 2
