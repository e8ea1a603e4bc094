"""What Ctrl-C, SIGTERM and SIGHUP do to a show."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Final

from choreo_service.service.show import Service
from choreo_service.standby.seat import Seat

_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_HANG_UP: Final = getattr(signal, "SIGHUP", None)  # Windows has none


def on_signals(
    service: Service, ending: Callable[[], None], reload: Callable[[], None] | None, seat: Seat | None
) -> None:
    """First signal: the orderly end, of which `ending` tells. Second: now. Without `reload` a hang-up is one too.

    In a seat they come from its watcher, and signals only count when that is gone.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    asked = False

    def end() -> None:
        nonlocal asked
        if asked and task is not None:
            task.cancel()
        elif not asked:
            ending()
        asked = True
        service.stop()

    handlers: dict[signal.Signals, Callable[[], None]] = dict.fromkeys(_ENDING_SIGNALS, end)
    if _HANG_UP is not None:
        handlers[_HANG_UP] = reload or end
    if seat is not None:
        seat.obey({"end": end, "reload": reload or end})
        handlers = {number: partial(_when_alone, seat, handler) for number, handler in handlers.items()}
    for number, handler in handlers.items():
        try:
            loop.add_signal_handler(number, handler)
        except NotImplementedError:  # Windows: the runner turns Ctrl-C into a cancellation, which panics the bridges
            return


def _when_alone(seat: Seat, handler: Callable[[], None]) -> None:
    if seat.alone:
        handler()


def at_a_terminal() -> bool:
    """Whether a hang-up means that somebody's terminal is gone; a service manager's children and nohup's have none."""
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))
