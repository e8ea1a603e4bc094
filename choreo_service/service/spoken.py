"""What a process that plays says to people: the opening and the closing lines."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from choreo_service import __version__
from choreo_service.config import Loaded
from choreo_service.service.peers import health_of
from choreo_service.service.show import Service

Banner = Callable[[str], None]

NEVER_LIVE: Final = (
    "take      no take: the sensors were never all live; what is wrong: choreo doctor; without waiting: choreo record"
)
_INDENT: Final = " " * 15


def say(banner: Banner, text: str) -> None:
    """A terminal or pipe that has gone away is no reason to stop playing."""
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        fit = textwrap.TextWrapper(columns, subsequent_indent=_INDENT, break_long_words=False, drop_whitespace=True)
        text = "\n".join(line if len(line) <= columns else fit.fill(line) for line in text.split("\n"))
    with suppress(OSError, ValueError):
        banner(text)


def opening(loaded: Loaded, mapper: str) -> str:
    """`mapper` is the name of the models, "" when the rules play."""
    engine = loaded.settings.engine
    performers = "1 performer" if engine.performers == 1 else f"{engine.performers} performers"
    asked = engine.mapper == "rules"
    plays = f"models {mapper} play" if mapper else "rules play"
    reason = "" if mapper or asked else f" (no trained models in {loaded.checkpoints})"
    lines = [
        f"choreo {__version__}: {performers}, a tick every {engine.period_ms:g} ms; Ctrl-C ends",
        f"{plays}{reason}",
    ]
    if not loaded.sensors:
        lines.append("nothing to listen to: add a sensor to your configuration, or try choreo demo")
    if not loaded.bridges:
        lines.append("nothing to play: add a bridge to your configuration, or try choreo demo")
    return "\n".join(lines)


def ways_in(service: Service) -> list[str]:
    """Where commands are heard, and what to open in a browser; last, because that is what a newcomer does next."""
    doors = {name: health_of(door) for name, door in service.doors.items()}
    lines = [f"{'ask':5} {n:8} {h['target']}" for n, h in doors.items() if h.get("target")]
    addresses = service.dashboard.addresses() if service.dashboard else []
    return [*lines, *(f"{'open':5} {'page':8} {address}" for address in addresses)]


def waits_for(missing: Sequence[str], loaded: Loaded) -> str:
    unknown = not_configured(missing, loaded)
    kinds = {n: "not in the configuration" if n in unknown else loaded.sensors[n].entry.name for n in missing}
    sensors = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
    return f"take      waits for {sensors}, and begins by itself; at once: R on the page"


def not_configured(names: Sequence[str], loaded: Loaded) -> list[str]:
    """Those of `names` that no sensor of this configuration has: a take would wait for them in vain."""
    return [name for name in names if name not in loaded.sensors]
