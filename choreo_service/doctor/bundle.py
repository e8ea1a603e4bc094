"""The support bundle: what somebody far away needs to understand a show that went wrong, and nothing about persons.

Never takes: they hold bodies and heartbeats.
"""

from __future__ import annotations

import getpass
import re
import socket
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from choreo_service.doctor.report import Report
from choreo_service.errors import ChoreoError
from choreo_service.logs.kept import kept_logs

_SECRET: Final = re.compile(
    r"(?i)(\b(?:[\w.]*[_.])?(?:token|pin|password|secret)\b[\"']?\s*[=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s,}]+)"
)
_HARDWARE: Final = re.compile(r"\b(?:[0-9A-Fa-f]{2}[:_-]){5}[0-9A-Fa-f]{2}\b")
_IPV4: Final = re.compile(r"(?<![\d.])(?!127\.|0\.0\.0\.0)(?:\d{1,3}\.){3}\d{1,3}\b(?!\.\d)")
_IPV6: Final = re.compile(r"(?i)\b(?:fe80|fd[0-9a-f]{2}|2[0-9a-f]{3}):[0-9a-f:]+")
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
            for name, instead in names
            if len(name) > 2
        ]
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        for pattern, instead in self._names:
            text = pattern.sub(instead, text)
        text = _SECRET.sub(r"\1(removed)", text)
        for pattern, kind in ((_HARDWARE, "device"), (_IPV4, "address"), (_IPV6, "address")):
            text = pattern.sub(lambda found, kind=kind: self._number(found[0], kind), text)  # type: ignore[misc]
        return text

    def _number(self, address: str, kind: str) -> str:
        return self._known.setdefault(address, f"{kind}-{len(self._known) + 1}")


def write_bundle(path: Path, files: Mapping[str, str]) -> None:
    """A zip with all `files`, redacted alike. ChoreoError where it can't be written; never replaces a file."""
    redacted = Redactor(_persons())
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
    """What names this user and machine. The longest first, as the home folder holds the user's name."""
    return [(str(Path.home()), "~"), (socket.gethostname(), "this-machine"), (getpass.getuser(), "user")]
