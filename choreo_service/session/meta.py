"""meta.json, the header of a take: what people and programs want to know without reading a table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from choreo_service.disk import RealDisk
from choreo_service.errors import SessionError
from choreo_service.packets import SCHEMA_VERSION
from choreo_service.session.header import faults, shown

META_FILE: Final = "meta.json"
MAX_META_BYTES: Final = 4 << 20
MAX_TAG: Final = 40
MAX_TAGS: Final = 20
_TAG: Final = re.compile(rf"\w[\w.+-]{{0,{MAX_TAG - 1}}}")
_TOLD: Final = 5  # faults in one message


def read_meta(path: Path) -> dict[str, Any]:
    """The checked content of a meta.json; SessionError says what is wrong with it."""
    try:
        if path.stat().st_size > MAX_META_BYTES:
            raise _wrong(path, f"expected at most {MAX_META_BYTES} bytes, found {path.stat().st_size}")
        meta = parse_json(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(path, f"expected JSON, found: {error}") from error
    if not isinstance(meta, dict):
        raise _wrong(path, f"expected a JSON object, found {type(meta).__name__}")
    if fault := _told(meta):
        raise _wrong(path, fault)
    return meta


def write_meta(path: Path, meta: Mapping[str, Any]) -> None:
    """Write a header; SessionError when it isn't one, so that no take is written that can't be opened again."""
    path.write_bytes(_text(path, meta))


def set_tags(path: Path, tags: Sequence[str]) -> list[str]:
    """Give the take with this meta.json other tags; those it has then, in order, none twice.

    The header is replaced whole or not at all. SessionError where a tag is none or the disk refuses.
    """
    wanted = list(dict.fromkeys(tags))
    if wrong := [tag for tag in wanted if not _TAG.fullmatch(tag)]:
        raise SessionError(
            f"{wrong[0][:60]!r} is no tag: expected one word of at most {MAX_TAG} letters, digits and ._+-",
            fix="write several tags with a space between them",
        )
    if len(wanted) > MAX_TAGS:
        raise SessionError(f"{len(wanted)} tags; a take may have {MAX_TAGS}", fix="use fewer")
    text = _text(path, {**read_meta(path), "tags": wanted})
    try:
        RealDisk().put(path, text)
    except OSError as error:
        raise SessionError(f"can't write {path}: {error.strerror}", fix="make the folder writable") from error
    return wanted


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError also for what Python reads beyond JSON: NaN, infinity, half characters."""
    meta = json.loads(text, parse_constant=_no_number)
    if "\\u" in text:
        json.dumps(meta, ensure_ascii=False).encode()
    elif not text.isascii():
        text.encode()
    return meta


def _text(path: Path, meta: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(meta, indent=2, ensure_ascii=False, allow_nan=False)
        found = parse_json(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise _wrong(path, f"expected plain JSON values, found: {error}") from error
    if fault := _told(found):
        raise _wrong(path, fault)
    return f"{text}\n".encode()


def _no_number(name: str) -> None:
    raise ValueError(f"{name}, which is no number of JSON")


def _told(meta: Mapping[str, Any]) -> str:
    """What is wrong with a header, in words; empty for nothing."""
    version = meta.get("schema_version")
    if type(version) is not int or version != SCHEMA_VERSION:
        return f"schema_version: expected {SCHEMA_VERSION}, found {shown(version)}"
    found = faults(meta)
    more = f" and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    return "; ".join(fault.text for fault in found[:_TOLD]) + more


def _wrong(path: Path, fault: str) -> SessionError:
    return SessionError(
        f"{path.parent.name}/{path.name} is no header of a take: {fault}",
        fix="use an intact copy of the take, or import its source again: choreo-lab import SOURCE",
    )
