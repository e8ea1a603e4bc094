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

META_FILE: Final = "meta.json"
MAX_META_BYTES: Final = 4 << 20
MAX_TAG: Final = 40
MAX_TAGS: Final = 20
_TAG: Final = re.compile(rf"\w[\w.+-]{{0,{MAX_TAG - 1}}}")

# key -> allowed types. Further keys are kept as they are.
META_KEYS: Final[Mapping[str, tuple[type, ...]]] = {
    "schema_version": (int,),
    "name": (str,),
    "created": (str,),  # date and time of the recording, ISO 8601
    "source": (str,),  # who made it: "live", "import:e4 S21", ...
    "period_ns": (int, type(None)),  # None: never played, so no tick
    "start_ns": (int, type(None)),  # tick k was due at start_ns + k * period_ns; without ticks the first packet's t_ns
    "performers": (int,),
    "ticks": (int,),
    "coverage": (dict,),  # modality -> {"samples": n, "fraction": 0..1 of the time it was there}
    "notes": (str, list),
}


def read_meta(path: Path) -> dict[str, Any]:
    """The checked content of a meta.json; SessionError says what is wrong with it."""
    try:
        if path.stat().st_size > MAX_META_BYTES:
            raise _wrong(path, f"expected at most {MAX_META_BYTES} bytes, found {path.stat().st_size}")
        meta = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _wrong(path, f"expected JSON, found: {error}") from error
    if not isinstance(meta, dict):
        raise _wrong(path, f"expected a JSON object, found {type(meta).__name__}")
    if faults := _faults(meta):
        raise _wrong(path, "; ".join(faults))
    return meta


def write_meta(path: Path, meta: Mapping[str, Any]) -> None:
    """Write a header; SessionError when it isn't one, so that no take is written that can't be opened again."""
    path.write_text(_text(path, meta), "utf-8")


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
        RealDisk().put(path, text.encode())
    except OSError as error:
        raise SessionError(f"can't write {path}: {error.strerror}", fix="make the folder writable") from error
    return wanted


def _text(path: Path, meta: Mapping[str, Any]) -> str:
    try:
        text = json.dumps(meta, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise _wrong(path, f"expected plain JSON values, found: {error}") from error
    if faults := _faults(meta):
        raise _wrong(path, "; ".join(faults))
    return text + "\n"


def _faults(meta: Mapping[str, Any]) -> list[str]:
    version = meta.get("schema_version")
    if version != SCHEMA_VERSION:
        return [f"schema_version: expected {SCHEMA_VERSION}, found {version!r}"]
    faults = []
    for key, types in META_KEYS.items():
        if key not in meta:
            faults.append(f"{key}: expected, but not there")
        elif not isinstance(meta[key], types) or isinstance(meta[key], bool):
            names = " or ".join("null" if t is type(None) else t.__name__ for t in types)
            faults.append(f"{key}: expected {names}, found {meta[key]!r:.60}")
    return faults


def _wrong(path: Path, fault: str) -> SessionError:
    return SessionError(
        f"{path.parent.name}/{path.name} is no header of a take: {fault}",
        fix="use an intact copy of the take, or import its source again: choreo-lab import SOURCE",
    )
