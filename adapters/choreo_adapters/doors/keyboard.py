"""Commands from the terminal that choreo runs in, by the keys of the page: for who plays over ssh or without a browser.

Off unless configured: `-o doors.keys.type=keyboard`. The terminal is given back as it was found.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from choreo_service.clock import NS, Clock
from choreo_service.errors import ITS_NAME, AdapterConfigError, AdapterLost
from choreo_service.packets import CONTROL_NAMES
from choreo_service.protocols import Submit

KEYS: Final[Mapping[str, str]] = {
    "\x1b": "panic",  # Esc
    "u": "resume",
    "f": "freeze",
    "r": "record",
    "m": "marker",
    "s": "resend",
    "t": "tap",
    "c": "recalibrate",
}
CONTROL_KEYS: Final[Mapping[str, str]] = {"m": "mute", "h": "hold", "l": "map"}  # after a digit that chose a control
_CHOSEN_S: Final = 8.0
_ARROWS: Final = ("\x1b[", "\x1bO")  # keys that send more than one character


class KeyboardConfig(BaseModel):
    """Which terminal is listened to."""

    model_config = ConfigDict(extra="forbid")

    terminal: str = Field(default="", description="a device such as /dev/tty1; empty: the one choreo was started in")


class Keyboard:
    """Reads single keys. States: closed, open."""

    Config: ClassVar[type[BaseModel]] = KeyboardConfig

    def __init__(self, config: KeyboardConfig, submit: Submit, clock: Clock) -> None:
        self._config, self._submit, self._clock = config, submit, clock
        self._chosen, self._chosen_ns = -1, 0
        self._state, self._answer = "closed", ""

    async def run(self) -> None:
        """Listen until cancelled; AdapterLost where there is no terminal, or when it is closed."""
        gone = asyncio.Event()
        loop = asyncio.get_running_loop()
        with _opened(self._config.terminal) as fd, _single_keys(fd):
            loop.add_reader(fd, self._read, fd, gone)
            self._state = "open"
            try:
                await gone.wait()
            finally:
                self._state = "closed"
                loop.remove_reader(fd)
        raise AdapterLost("keyboard: the terminal was closed", fix="")

    def health(self) -> Mapping[str, Any]:
        """`detail` is the answer to the last key."""
        return {"state": self._state, "target": "Esc F R M S T U C, 1-5 then M H L", "detail": self._answer}

    def press(self, key: str) -> None:
        """One key as the terminal sends it."""
        if len(key) == 1 and key.isdigit() and 1 <= int(key) <= len(CONTROL_NAMES):
            self._chosen, self._chosen_ns = int(key) - 1, self._clock.now_ns()
            return
        key = key.lower()
        if key in CONTROL_KEYS and self._chosen >= 0 and self._clock.now_ns() - self._chosen_ns <= _CHOSEN_S * NS:
            self._chosen_ns = self._clock.now_ns()
            self._ask(CONTROL_KEYS[key], {"control": CONTROL_NAMES[self._chosen]})
        elif key in KEYS:
            self._ask(KEYS[key], {})

    def _ask(self, verb: str, args: Mapping[str, Any]) -> None:
        answer = self._submit(verb, args)
        self._answer = f"{verb} {'done' if answer.ok else f'refused: {answer.reason}'}"

    def _read(self, fd: int, gone: asyncio.Event) -> None:
        try:
            text = os.read(fd, 64).decode("utf-8", "ignore")
        except OSError:
            text = ""
        if not text:
            gone.set()
        elif not text.startswith(_ARROWS):
            for key in text:
                self.press(key)


@contextmanager
def _opened(terminal: str) -> Iterator[int]:
    """The descriptor to read from; only one that was opened here is closed."""
    if not terminal:
        if not sys.stdin.isatty():
            raise AdapterLost(
                "keyboard: choreo was not started in a terminal",
                fix=f"name one, as the command tty prints it: -o doors.{ITS_NAME}.terminal=/dev/pts/0",
            )
        yield sys.stdin.fileno()
        return
    try:
        fd = os.open(terminal, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError as error:
        raise AdapterLost(f"keyboard: {terminal}: {error.strerror}", fix="name a terminal device") from error
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def _single_keys(fd: int) -> Iterator[None]:
    """Keys at once and without echo; Ctrl-C stays what it is."""
    try:
        import termios
        import tty
    except ImportError:
        raise AdapterConfigError("keyboard: not on this system", fix="use the page's keys") from None
    try:
        before = termios.tcgetattr(fd)
    except termios.error as error:
        raise AdapterLost(f"keyboard: no terminal: {error}", fix="name a terminal device") from error
    try:
        tty.setcbreak(fd, termios.TCSANOW)
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSANOW, before)
