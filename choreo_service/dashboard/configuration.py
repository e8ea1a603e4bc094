"""The configuration in effect, key by key, and what a change to it would be, after the same checks as at the start.
Writing it into a file is `service.rewrite`'s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final

import yaml
from pydantic import BaseModel

from choreo_service.config import Loaded, Settings, allowed
from choreo_service.config.layers import Layer, PathKey, put, shortened
from choreo_service.config.problems import validated
from choreo_service.config.schema import described
from choreo_service.errors import ConfigError

Problem = Mapping[str, str]  # `key`, `problem` and `fix`, in words for people

_SECTIONS: Final = ("sensors", "bridges", "doors")
SECRET: Final = frozenset({"dashboard.token", "dashboard.pin"})
HIDDEN: Final = "(set)"
_EDITABLE: Final = ("number", "integer", "boolean", "string")
_MAX_CHANGES: Final = 100


class Configuration:
    """What one show was started with. `rows` is every key: what it is, what it may be, what it means, whence it came.

    Built before the show: schemas and their texts are read from source files.
    """

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self._blocks = {
            (section, name): adapter for section in _SECTIONS for name, adapter in getattr(loaded, section).items()
        }
        self.rows = self._all_rows()

    @property
    def name(self) -> str:
        """Of the show, for people who see several: its workspace's folder and its profile."""
        home, profile = self._loaded.base_dir.name, self._loaded.profile
        return f"{home} ({profile})" if profile else home

    @property
    def home(self) -> str:
        """The workspace."""
        return str(self._loaded.base_dir)

    def propose(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Every one of the `problems`, with its `key` and `fix`, and where there are none the `yaml` for a file and the
        `options` of a command."""
        problems, nested = list(self._problems(changes)), dict[str, Any]()
        for key, value in changes.items():
            put(nested, tuple(key.split(".")), value)
        return {
            "problems": problems,
            "yaml": "" if problems or not changes else yaml.safe_dump(nested, sort_keys=False, allow_unicode=True),
            "options": [] if problems else [f"-o {key}={_shell(value)}" for key, value in changes.items()],
        }

    def _all_rows(self) -> list[dict[str, Any]]:
        schema = Settings.model_json_schema()
        plain = {**schema, "properties": {k: v for k, v in schema["properties"].items() if k not in _SECTIONS}}
        rows = list(self._rows(schema, plain, self._loaded.settings.model_dump(mode="json"), ()))
        for path, adapter in self._blocks.items():
            own = described(adapter.cls.Config)
            rows += self._rows(own, own, adapter.config.model_dump(mode="json"), path)
        return rows

    def _problems(self, changes: Mapping[str, Any]) -> Iterator[Problem]:
        if len(changes) > _MAX_CHANGES:
            yield _problem("", f"at most {_MAX_CHANGES} changes at once", "write the first ones, then the others")
            return
        known = [row["key"] for row in self.rows]
        for key in changes:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                yield _problem(key, f"no such key: {shortened(key)}", f"write {close[0]}" if close else "leave it out")
        there = {key: value for key, value in changes.items() if key in known}
        yield from _wrong(Settings, self._loaded.settings, _of(there, ()))
        for path, adapter in self._blocks.items():
            yield from _wrong(adapter.cls.Config, adapter.config, _of(there, path), path)

    def _rows(
        self, root: Mapping[str, Any], node: Mapping[str, Any], values: Mapping[str, Any], path: PathKey
    ) -> Iterator[dict[str, Any]]:
        for name, field in node.get("properties", {}).items():
            here, value, what = (*path, name), values.get(name), allowed.resolve(root, field)
            if what.get("properties") and isinstance(value, Mapping):
                yield from self._rows(root, what, value, here)
                continue
            key = ".".join(map(str, here))
            yield {
                "key": key,
                "value": (HIDDEN if value else "") if key in SECRET else value,
                "accepts": allowed.describe(root, field),
                "about": what.get("description", ""),
                "origin": str(self._loaded.origins.get(here, "built-in")),
                "kind": "choice" if "enum" in what else what["type"] if what.get("type") in _EDITABLE else "other",
                "choices": what.get("enum", []),
            }


def _of(changes: Mapping[str, Any], path: PathKey) -> dict[str, Any]:
    """The changes below `path`, nested; of the plain settings where it is empty."""
    nested: dict[str, Any] = {}
    for key, value in changes.items():
        parts = tuple(key.split("."))
        if (path and parts[: len(path)] == path) or (not path and parts[0] not in _SECTIONS):
            put(nested, parts[len(path) :], value)
    return nested


def _wrong(model: type[BaseModel], now: BaseModel, changes: Mapping[str, Any], path: PathKey = ()) -> Iterator[Problem]:
    if not changes:
        return
    data = _merged(now.model_dump(), changes)
    try:
        validated(model, Layer(data, {}), prefix=path, source="")
    except ConfigError as error:
        for mistake in error.each:
            yield _problem(".".join(map(str, mistake.path)), mistake.problem, mistake.fix)


def _problem(key: str, problem: str, fix: str) -> Problem:
    return {"key": key, "problem": problem, "fix": fix}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(below)
    for key, value in above.items():
        old = out.get(key)
        out[key] = _merged(old, value) if isinstance(value, Mapping) and isinstance(old, Mapping) else value
    return out


def _shell(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True).removesuffix("\n").removesuffix("\n...")
    return f"'{text}'" if set(text) & set(" '\"[]{}$&;|<>*?") else text
