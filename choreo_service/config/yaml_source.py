"""Reading YAML that people wrote by hand: every value with its place, and none of YAML's traps.

Scalars follow YAML 1.2's core schema: `on`, `no` and `1:30` stay text and `1e3` is a number (PyYAML's YAML 1.1 reads
True, False, 90 and "1e3"). Anchors and aliases are refused: a few lines of them unfold to gigabytes when printed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import yaml

from choreo_service.config.layers import Layer, Origin, PathKey, shortened
from choreo_service.errors import ConfigError

MAX_BYTES: Final = 64 * 1024
MAX_DEPTH: Final = 20


def read_yaml(path: Path, text: str | None = None) -> Layer:
    """The mapping in a file and where each key stands. ConfigError: missing, unreadable, too large, no mapping.

    `text` is judged in the place of what the file holds.
    """
    shown = display_path(path)
    text = read_text(path) if text is None else text
    try:
        node = compose(text)
    except yaml.YAMLError as error:
        raise _broken(shown, error) from None
    if node is None:
        return Layer({}, {})
    if not isinstance(node, yaml.MappingNode):
        raise _no_configuration(shown, node)
    if (stranger := next((key for key, _ in node.value if not _is_plain_key(key)), None)) is not None:
        raise _no_configuration(f"{shown}:{stranger.start_mark.line + 1}", stranger)
    origins: dict[PathKey, Origin] = {}
    try:
        data = _mapping(node, (), shown, origins)
    except yaml.YAMLError as error:
        raise _broken(shown, error) from None
    return Layer(data, origins)


def parse_text(text: str) -> Any:
    """One value as a variable or an option carries it, in the same grammar. Text that isn't YAML stays text."""
    try:
        node = compose(text) if len(text) <= MAX_BYTES else None
        return text if node is None else _value(node, (), "", {})
    except yaml.YAMLError:
        return text


def display_path(path: Path) -> str:
    """The path as the user would type it: relative where it lies below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2 scalars, a depth limit, and no anchors or aliases."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # PyYAML's own class attribute, replaced to drop YAML 1.1
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise yaml.MarkedYAMLError(
                problem="anchors (&) and aliases (*) are not accepted; repeat the text", problem_mark=event.start_mark
            )
        if self.depth >= MAX_DEPTH:
            raise _too_deep(event.start_mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def fetch_flow_collection_start(self, kind: Any) -> None:
        """Where the scanner looks ahead: for a row of brackets it would take a tenth of a second to find no key."""
        if self.flow_level >= MAX_DEPTH:
            raise _too_deep(self.get_mark())
        super().fetch_flow_collection_start(kind)


def _too_deep(mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)


_INT = re.compile(r"[-+]?[0-9]{1,18}$")
_FLOAT = re.compile(
    r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:e[-+]?[0-9]{1,3})?|[0-9]+e[-+]?[0-9]{1,3}|\.inf)$|\.nan$", re.IGNORECASE
)
_BOOL = re.compile(r"(?:true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"(?:~|null|Null|NULL|)$")
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w-]{0,39}$", re.ASCII)  # what stands at the top of every file of ours
_TAG = "tag:yaml.org,2002:"
for _name, _pattern in (("null", _NULL), ("bool", _BOOL), ("int", _INT), ("float", _FLOAT)):
    _Loader.add_implicit_resolver(_TAG + _name, _pattern, None)


def read_text(path: Path) -> str:
    """What a file holds; ConfigError where it is missing, unreadable or too large."""
    shown = display_path(path)
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{shown}: expected a file, found a folder or device", fix="name a .yaml file")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{shown}: no such file", fix=_nearby(path)) from None
    except OSError as error:
        raise ConfigError(
            f"{shown}: can't be read ({os.strerror(error.errno or 0)})", fix="check its permissions"
        ) from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(
            f"{shown}: larger than {MAX_BYTES // 1024} KiB, which no configuration needs", fix="name another file"
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{shown}: not UTF-8 text", fix="save it as UTF-8") from None


def _nearby(path: Path) -> str:
    there = sorted(p.name for p in path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    return f"in that folder are: {', '.join(there[:8])}" if there else "check the path"


def compose(text: str) -> yaml.Node | None:
    """The nodes of a text with their places; yaml.YAMLError where it isn't YAML as we read it."""
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _broken(shown: str, error: yaml.YAMLError) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    place = f"{shown}:{mark.line + 1}:{mark.column + 1}" if mark else shown
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    if "'\\t'" in problem:
        return ConfigError(f"{place}: found a tab; YAML is indented with spaces", fix="put spaces in place of the tab")
    return ConfigError(f"{place}: {problem}", fix="correct that line; a text with : or # in it needs quotes")


def _no_configuration(place: str, node: yaml.Node) -> ConfigError:
    """Nothing of the file is repeated: whoever names a wrong file may have named one with secrets in it."""
    found = "a list" if isinstance(node, yaml.SequenceNode) else "other text"
    return ConfigError(
        f"{place}: expected keys like `engine:` at the top, found {found}",
        fix="name another file, or start from a copy of configs/default.yaml",
    )


def _is_plain_key(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and _PLAIN_KEY.match(node.value) is not None


def _mapping(node: yaml.MappingNode, path: PathKey, shown: str, origins: dict[PathKey, Origin]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be a word", problem_mark=key_node.start_mark)
        key = str(key_node.value)
        if key in out:
            raise yaml.MarkedYAMLError(
                problem=f"the key {shortened(key)!r} stands here twice", problem_mark=key_node.start_mark
            )
        leaf = isinstance(value_node, yaml.ScalarNode) and value_node.value
        origins[(*path, key)] = _origin(shown, value_node if leaf else key_node)
        out[key] = _value(value_node, (*path, key), shown, origins)
    return out


def _value(node: yaml.Node, path: PathKey, shown: str, origins: dict[PathKey, Origin]) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, shown, origins)
    if isinstance(node, yaml.SequenceNode):
        out = []
        for i, child in enumerate(node.value):
            origins[(*path, i)] = _origin(shown, child)
            out.append(_value(child, (*path, i), shown, origins))
        return out
    return _scalar(node)


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    match node.tag.removeprefix(_TAG):
        case "str":
            return text
        case "null":
            return None
        case "bool" if _BOOL.match(text):
            return text.lower() == "true"
        case "int" if _INT.match(text):
            return int(text)
        case "float" if _FLOAT.match(text):
            return float(text.replace(".inf", "inf").replace(".nan", "nan")) if text[-1:].isalpha() else float(text)
    problem = f"the tag {shortened(node.tag.replace(_TAG, '!!'))} is not accepted here; remove it"
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _origin(shown: str, node: yaml.Node) -> Origin:
    return Origin(shown, line=node.start_mark.line + 1, column=node.start_mark.column + 1)
