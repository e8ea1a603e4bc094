"""The first screen: address, port, code, steps."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final

from choreo_service.errors import ConfigError


def welcome(name: str, sensor: Any, addresses: Sequence[str], port: int, app: str | None) -> str:
    """What to type into the phone. `sensor` is the adapter's class, `name` what the user calls it."""
    host = addresses[0] if addresses else "127.0.0.1"
    lines = []
    for guide in _chosen(sensor.guides(host, port), app):
        lines.append(f"{guide.app} ({guide.layout})")
        lines += [f"  - {step}" for step in guide.steps]
    lines += ["", f"send OSC by UDP to   host {host}   port {port}"]
    if len(addresses) > 1:
        lines.append(f"in another network of this machine: {', '.join(addresses[1:])}")
    if not addresses:
        lines.append("no network here: join the phone's Wi-Fi, or share the phone's own")
    lines += [
        code(sensor.pairing_link(host, port)),
        "CoMote scans this; any other camera shows the address",
        "phone and computer in the same Wi-Fi, no guest network; keep the app in front and the screen on",
        f"to play it afterwards: choreo run -o sensors.{name}.host={host}",
    ]
    return "\n".join(lines)


def code(text: str) -> str:
    """A QR code in half blocks, light on dark whatever the terminal's colours."""
    import segno

    out = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(out, border=2, compact=True)
    rows = out.getvalue().rstrip("\n").split("\n")
    return "\n".join(f"{_WHITE_ON_BLACK}{row}{_PLAIN}" for row in rows) if sys.stdout.isatty() else "\n".join(rows)


_WHITE_ON_BLACK: Final = "\x1b[97;40m"
_PLAIN: Final = "\x1b[0m"


def _chosen(guides: Sequence[Any], app: str | None) -> Sequence[Any]:
    if app is None:
        return guides
    known = [guide.layout for guide in guides]
    if app not in known:
        close = get_close_matches(app, known, n=1)
        raise ConfigError(
            f"no steps for an app {app!r:.60}; there are: {', '.join(known)}",
            fix=f"--app {close[0]}" if close else "leave --app out to see them all",
        )
    return [guide for guide in guides if guide.layout == app]
