"""The support bundle: what somebody far away needs to understand a show that went wrong, and nothing about persons.

Never takes: they hold bodies and heartbeats.
"""

from __future__ import annotations

import getpass
import re
import socket
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from choreo_service.config import Loaded
from choreo_service.doctor.report import Report
from choreo_service.errors import ChoreoError
from choreo_service.logs.kept import kept_logs

_SECRET: Final = re.compile(
    r"(?i)(\b(?:[\w.]*[_.])?(?:token|pin|password|secret)\b[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,}]+)"
)
_HARDWARE: Final = re.compile(r"\b(?:[0-9A-Fa-f]{2}[:_-]){5}[0-9A-Fa-f]{2}\b")
# What macOS has for a Bluetooth address; the UUIDs of Bluetooth's own services are everybody's.
_UUID: Final = re.compile(
    r"(?i)\b[0-9a-f]{8}-(?!0000-1000-8000-00805f9b34fb)[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
)
_SERIAL: Final = re.compile(r"(?<=\bPolar )\w+(?: \w+)? [0-9A-F]{8}\b")  # a strap has it in its name
_IPV4: Final = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}\b(?!\.\d)")
_IPV6: Final = re.compile(r"(?i)\b(?:fe80|fd[0-9a-f]{2}|2[0-9a-f]{3}):[0-9a-f:]+")
_KINDS: Final = (
    (_HARDWARE, "device"),
    (_UUID, "device"),
    (_SERIAL, "device"),
    (_IPV4, "address"),
    (_IPV6, "address"),
)
_NOBODYS: Final = frozenset({"choreo", "root", "localhost"})  # names of users and machines that name no person
_LOG_BYTES: Final = 2_000_000  # the end of each log


def contents(report: Report, settings: Sequence[tuple[str, str]], state: Path) -> dict[str, str]:
    """File name -> text, with nothing taken out yet.

    `settings` are the lines of `choreo config show` with their origins, `state` the folder of kept logs.
    """
    files = {
        "doctor.json": report.to_json(),
        "doctor.txt": report.text(),
        "config.txt": "\n".join(f"{text}  # {origin}" for text, origin in settings),
    }
    for path in [*kept_logs(state), state / "crash.log"]:
        if path.is_file():
            files[path.name] = path.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace")
    return files


class Redactor:
    """Takes out secrets, addresses and given names. Equal addresses stay equal, in all texts it is given, so that a
    story with two phones can still be followed."""

    def __init__(self, names: Iterable[tuple[str, str]]) -> None:
        """`names`: (what is found, what is put in its place)."""
        self._names = [
            (re.compile(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])"), instead)
            for name, instead in sorted(names, key=lambda pair: -len(pair[0]))  # a folder holds its owner's name
            if len(name) > 2 and name not in _NOBODYS
        ]
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        for pattern, instead in self._names:
            text = pattern.sub(instead, text)
        text = _SECRET.sub(r"\1(removed)", text)
        for pattern, kind in _KINDS:
            text = pattern.sub(lambda found, kind=kind: self._number(found[0], kind), text)  # type: ignore[misc]
        return text

    def _number(self, address: str, kind: str) -> str:
        return self._known.setdefault(address, f"{kind}-{len(self._known) + 1}")


def given_names(loaded: Loaded) -> Iterator[tuple[str, str]]:
    """What the user has named, as for `Redactor`: the workspace, and the performers by their calibrated bodies."""
    yield str(loaded.base_dir.absolute()), "(workspace)"
    calibrated = sorted(path.stem for path in (loaded.base_dir / "profiles").glob("*.yaml"))
    for n, name in enumerate(dict.fromkeys([*loaded.settings.engine.bodies, *calibrated]), start=1):
        yield name, f"body-{n}"


def write_bundle(path: Path, files: Mapping[str, str], names: Iterable[tuple[str, str]] = ()) -> None:
    """A zip with all `files`, redacted alike: `names` and those of this user and machine. ChoreoError where it can't be
    written; never replaces a file."""
    redacted = Redactor([*names, *_persons()])
    try:
        with zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED) as bundle:
            for name, content in files.items():
                bundle.writestr(name, redacted(content))
    except FileExistsError:
        raise ChoreoError(
            f"{path} is there already", fix="give another name: choreo support-bundle other.zip"
        ) from None
    except OSError as error:
        raise ChoreoError(
            f"{path} can't be written ({error.strerror})", fix="choreo support-bundle ~/choreo-support.zip"
        ) from None


def _persons() -> list[tuple[str, str]]:
    """What names this user and machine."""
    machine = socket.gethostname()
    names = [(str(Path.home()), "~"), (machine, "this-machine"), (machine.partition(".")[0], "this-machine")]
    with suppress(KeyError, OSError):  # a container may run for a user that has no name in it
        names.append((getpass.getuser(), "user"))
    return names
