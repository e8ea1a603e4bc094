"""The controls as bars in the terminal: what plays, without any receiver.

The event loop only hands finished frames to a small queue; a thread writes them, because a terminal that is stopped
(Ctrl-S) or a pipe nobody reads blocks its writer for as long as it likes. Frames that find the queue full are dropped
and counted.
"""

from __future__ import annotations

import asyncio
import io
import os
import queue
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final, TextIO

from pydantic import BaseModel, ConfigDict, Field

from choreo_adapters.bridges import wire_values
from choreo_adapters.unasked import TellsUnasked
from choreo_service.clock import NS, Clock
from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Sent

QUEUED_FRAMES: Final = 2
JOIN_S: Final = 0.5  # how long a close waits for a terminal that doesn't take its output
JOIN_LOOKS: Final = 50
WIDEST_BAR: Final = 40
EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
REST: Final = "·"


class ConsoleConfig(BaseModel):
    """How often the terminal is drawn, and how often a line is printed where there is no terminal."""

    model_config = ConfigDict(extra="forbid")

    redraw_hz: float = Field(default=10.0, gt=0, le=10)
    every_s: float = Field(default=5.0, gt=0)
    """Seconds between plain lines when the output is a file or a pipe."""


class ConsoleBars(TellsUnasked):
    """Five bars per performer at the bottom of the terminal.

    States: closed, bars (a terminal), lines (a file or pipe), stalled.
    """

    Config: ClassVar[type[BaseModel]] = ConsoleConfig

    def __init__(self, config: ConsoleConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._config = config
        self._controls = controls
        self._clock = clock
        self._state = "closed"
        self._values: dict[int, dict[str, float]] = {}
        self._held: dict[int, bool] = {}
        self._changed = False
        self._drawn = 0
        self._dropped = 0

    async def run(self) -> None:
        stream = sys.stdout
        live = stream.isatty() and os.environ.get("TERM") != "dumb"
        pen = _Pen(stream)
        self._state = "bars" if live else "lines"
        period_ns = int(NS / self._config.redraw_hz if live else NS * self._config.every_s)
        footer = _Footer()
        try:
            while True:
                await self._clock.sleep_until(self._clock.now_ns() + period_ns)
                if not self._changed:
                    continue
                if live:
                    columns, rows = shutil.get_terminal_size()
                    text = footer.draw(list(self._bars(columns, pen.blocks)), rows)
                else:
                    text = self._line() + "\n"
                self._account(pen.write(text), "bars" if live else "lines")
        finally:
            self._state = "closed"
            await pen.close(footer.clear())

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        sent = tuple((wire.name, value) for wire, value in wire_values(control, names, self._controls))
        self._values.setdefault(control.performer, {}).update(sent)
        self._held[control.performer] = control.held
        self._changed = True
        return sent

    def panic(self) -> None:
        safe = tuple((wire.name, wire.safe) for wire in self._controls.values())
        for performer, values in self._values.items():
            values.update(safe)
            self._tell(performer, safe)
        self._changed = True

    def health(self) -> Mapping[str, Any]:
        return {"state": self._state, "drawn": self._drawn, "dropped": self._dropped}

    def _account(self, accepted: bool, state: str) -> None:
        if accepted:
            self._changed = False
            self._drawn += 1
            self._state = state
        else:
            self._dropped += 1
            self._state = "stalled"

    def _bars(self, columns: int, blocks: bool) -> Iterator[str]:
        """One line per control, none wider than the terminal; its last column stays free, as writing there may wrap."""
        name_width = max(map(len, self._controls), default=0)
        room = min(WIDEST_BAR, columns - 1 - name_width - 14)
        for performer, values in sorted(self._values.items()):
            held = " (held)" if self._held[performer] else ""
            if len(self._values) > 1 or held:
                yield f" performer {performer}{held}"[: columns - 1]
            for wire in self._controls.values():
                value = values.get(wire.name)
                position = 0.0 if value is None else wire.position(value)
                shown = "-" if value is None else f"{value:.2f}"
                bar = f"{_bar(position, room, blocks)}  " if room >= 4 else ""
                yield f" {wire.name:<{name_width}}  {bar}{shown:>8}"[: columns - 1]

    def _line(self) -> str:
        parts = []
        for performer, values in sorted(self._values.items()):
            controls = " ".join(f"{name}={value:.2f}" for name, value in values.items())
            held = " held" if self._held[performer] else ""
            parts.append((f"[{performer}] " if len(self._values) > 1 else "") + controls + held)
        return "controls " + " | ".join(parts)


class _Footer:
    """Terminal codes that keep lines at the bottom while everything else, log lines included, scrolls above them."""

    def __init__(self) -> None:
        self._place = (0, 0)  # terminal rows, footer lines

    def draw(self, lines: Sequence[str], rows: int) -> str:
        """Show `lines`; on a terminal too short for them and some text, as many as leave it half."""
        lines = lines[: rows // 2]
        first = rows - len(lines) + 1
        codes = ""
        if self._place != (rows, len(lines)):
            codes = self.clear()
            self._place = (rows, len(lines))
            # Scroll first, so that the cursor stands above the footer; setting the region (r) moves it, hence 7 and 8.
            codes += "\n" * len(lines) + f"\x1b[{len(lines)}A\x1b7\x1b[1;{first - 1}r\x1b8"
        drawn = "".join(f"\x1b[{first + i};1H\x1b[2K{line}" for i, line in enumerate(lines))
        return f"{codes}\x1b7{drawn}\x1b8"

    def clear(self) -> str:
        """Give the whole terminal back."""
        rows, count = self._place
        self._place = (0, 0)
        return f"\x1b7\x1b[r\x1b[{rows - count + 1};1H\x1b[0J\x1b8" if rows else ""


class _Pen:
    """Writes text to a stream from a thread of its own; `write` never blocks."""

    def __init__(self, stream: TextIO) -> None:
        self.blocks = _can_show(stream, EIGHTHS + REST)
        self._put = _writer(stream)
        self._frames: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="choreo-console", daemon=True)
        self._thread.start()

    def write(self, text: str) -> bool:
        """True when the text will be written; False when the terminal is still busy with the frames before."""
        if self._frames.qsize() >= QUEUED_FRAMES:
            return False
        self._frames.put_nowait(text)
        return True

    async def close(self, last: str) -> None:
        """Write `last`, however full the queue is, and let the thread finish, within JOIN_S.

        One stuck in a stopped terminal is left to die with the process. The thread is looked at, not joined in
        another thread: virtual time can't wait for a thread.
        """
        self._frames.put_nowait(last)
        self._frames.put_nowait(None)
        for _ in range(JOIN_LOOKS):
            if not self._thread.is_alive():
                return
            await asyncio.sleep(JOIN_S / JOIN_LOOKS)

    def _run(self) -> None:
        while (text := self._frames.get()) is not None:
            try:
                self._put(text)
            except (OSError, ValueError):  # the terminal is gone or the stream closed: nobody looks any more
                continue


def _bar(position: float, room: int, blocks: bool) -> str:
    """`position` 0..1 as a bar `room` characters wide, in eighths of a character where block signs can be shown."""
    if not blocks:
        full = round(position * room)
        return "#" * full + "." * (room - full)
    full, eighths = divmod(round(position * room * 8), 8)
    part = EIGHTHS[eighths] if eighths else ""
    return EIGHTHS[8] * full + part + REST * (room - full - len(part))


def _can_show(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _writer(stream: TextIO) -> Callable[[str], None]:
    """Writes to the file descriptor where there is one: a thread stuck with the stream's lock at exit aborts Python."""
    try:
        fd = stream.fileno()
    except (OSError, io.UnsupportedOperation):
        fd = -1
    encoding = stream.encoding or "ascii"

    def write(text: str) -> None:
        if fd < 0:
            stream.write(text)
            stream.flush()
            return
        data = text.encode(encoding, "replace")
        while data:
            data = data[os.write(fd, data) :]

    return write
