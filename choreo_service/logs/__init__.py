"""Logging: events with facts, state changes and not states. Console on a terminal, JSON lines otherwise."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, TextIO

import structlog

from choreo_service.logs import kept
from choreo_service.logs.limit import RateLimit
from choreo_service.logs.writer import QueuedWriter

__all__ = ["Log", "QueuedWriter", "configure", "get_logger", "set_level"]


class Log:
    """What is being written to; close it last."""

    def __init__(self, shown: QueuedWriter, file: TextIO | None) -> None:
        self.shown = shown
        self.kept = None if file is None else QueuedWriter(file, kept.LIMIT_BYTES)
        self._file = file

    def close(self) -> None:
        """Write what is queued, for at most a second each."""
        self.shown.close()
        if self.kept is not None and self._file is not None:
            self.kept.close()
            if not self.kept.alive:  # else the disk hangs, and closing would too
                self._file.close()


def configure(
    level: str = "info", fmt: str = "auto", stream: TextIO | None = None, keep: Path | None = None, *, anew: bool = True
) -> Log:
    """Set structlog up for this process; `fmt` is auto, console or json.

    `keep` is the folder where the logs of the last shows are kept besides; a folder that can't be written keeps none.
    Not `anew`: the newest of them goes on, as the show does.
    """
    stream = stream or sys.stderr
    log = Log(QueuedWriter(stream), (kept.begin if anew else kept.go_on)(keep) if keep else None)
    console = fmt == "console" or (fmt == "auto" and stream.isatty())
    final: list[Any]
    if console:
        # plain: where rich is installed it would show local variables too, secrets among them
        plain = structlog.dev.plain_traceback
        final = [structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=24, exception_formatter=plain)]
    else:
        final = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            RateLimit(),
            *([_Keep(log.kept)] if log.kept else []),
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
            *final,
        ],
        wrapper_class=_filter(level),
        logger_factory=structlog.WriteLoggerFactory(file=log.shown),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    return log


def set_level(level: str) -> None:
    """Log nothing less severe from now on; everything else stays as `configure` set it."""
    structlog.configure(wrapper_class=_filter(level))


def get_logger() -> Any:
    """The logger; call it where it is used, so that `configure` always applies."""
    return structlog.get_logger()


def _filter(level: str) -> Any:
    return structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()])


class _Keep:
    """A processor that writes each event to the kept log and hands it on unchanged."""

    def __init__(self, writer: QueuedWriter) -> None:
        self._writer = writer
        self._steps = (
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        )

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line: Any = dict(event)
        for step in self._steps:
            line = step(logger, method, line)
        self._writer.write(f"{line}\n")
        return event
