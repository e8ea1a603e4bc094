"""Strudel patches with the user's own port, channel and controller numbers in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from choreo_service.config import Loaded
from choreo_service.config.control_map import FIRST_CC
from choreo_service.errors import ChoreoError
from choreo_service.packets import CONTROL_NAMES

PATCHES: Final = ("core", "drums", "bass", "pads", "fx")
FOLDER: Final = Path("adapters") / "strudel"  # in a checkout and in what the wheel installs
SOCKET_PORT: Final = 8790

_MIDIN: Final = "const cc = await midin('choreo')\n"
_NUMBER: Final = re.compile(r"\bcc\((\d+)\)|(?<=dataBytes\[0\] === )\d+")


@dataclass(frozen=True, slots=True)
class Receiver:
    """How Strudel reaches this configuration: by MIDI port, or over WebSocket where `address` is given."""

    port: str
    notes_port: str
    address: str  # host:port, or ""
    missing: tuple[str, ...]  # options the service has to be started with, as the configuration lacks them


def receiver_of(loaded: Loaded, *, websocket: bool = False, accents: bool = False) -> Receiver:
    """From the bridges in effect: midi_cc first, then midi_ws; the built-in names where neither is there."""
    bridges = {bridge.entry.name: bridge.config.model_dump() for bridge in loaded.bridges.values()}
    cc, notes, ws = (bridges.get(name, {}) for name in ("midi_cc", "midi_notes", "midi_ws"))
    by_socket = websocket or bool(ws and not cc)
    missing = []
    if by_socket and not ws:
        missing.append("-o bridges.midi.type=midi_ws")
    if accents and not by_socket and not notes:
        missing.append("-o bridges.notes.enabled=true")
    return Receiver(
        port=cc.get("port") or cc.get("client_name") or "choreo",
        notes_port=notes.get("port") or notes.get("client_name") or "choreo notes",
        address=f"{ws.get('host', '127.0.0.1')}:{ws.get('port', SOCKET_PORT)}" if by_socket else "",
        missing=tuple(missing),
    )


def patch_text(
    home: Path, name: str, loaded: Loaded, receiver: Receiver, *, accents: bool = False, instant: bool = False
) -> str:
    """What to paste into Strudel; ChoreoError for a patch that isn't there, or an instant path without MIDI."""
    if name not in PATCHES:
        raise ChoreoError(
            f"no Strudel patch {name!r:.40}; there are: {', '.join(PATCHES)}", fix="choreo init strudel core"
        )
    if instant and receiver.address:
        raise ChoreoError(
            "the instant path listens to a MIDI port, and this is the WebSocket", fix="leave --instant out"
        )
    text = _read(home, f"{name}/patch.js")
    if receiver.address:
        text = text.replace(_MIDIN, _read(home, "snippets/websocket.js"))
    extra = ["accents-websocket" if receiver.address else "accents"] if accents else []
    extra += ["instant"] if instant else []
    text = "\n".join([text, *(_read(home, f"snippets/{snippet}.js") for snippet in extra)])
    return _addressed(_numbered(text, loaded), receiver)


def _read(home: Path, name: str) -> str:
    return (home / FOLDER / name).read_text("utf-8")


def _numbered(text: str, loaded: Loaded) -> str:
    """Controller numbers, and channels where they aren't the first, as the control map has them."""
    ours = {FIRST_CC + i: loaded.control_map[name] for i, name in enumerate(CONTROL_NAMES)}

    def number(match: re.Match[str]) -> str:
        spec = ours[int(match[1] or match[0])]
        if match[1] is None:
            return str(spec.cc)
        return f"cc({spec.cc})" if spec.channel == 1 else f"cc({spec.cc}, {spec.channel})"

    return _NUMBER.sub(number, text)


def _addressed(text: str, receiver: Receiver) -> str:
    names: Sequence[tuple[str, str]] = (
        ("'choreo notes'", _quoted(receiver.notes_port)),
        ("'choreo'", _quoted(receiver.port)),
        (f"127.0.0.1:{SOCKET_PORT}", receiver.address),
    )
    for ours, yours in names:
        text = text.replace(ours, yours)
    return text


def _quoted(name: str) -> str:
    """Single quotes: what stands in double ones is a pattern to Strudel."""
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
