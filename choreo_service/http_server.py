"""Every HTTP server of ours begins here: what is no HTTP gets its 400, is counted by cause and said once.

aiohttp parses before any handler is asked, token and `Host` included, and writes a traceback of each request it can't
read: whoever reaches the port could fill the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Final

from aiohttp import ClientConnectionResetError, web
from aiohttp import http_exceptions as faults

from choreo_service.logs import get_logger

KEEP_ALIVE_S: Final = 30.0  # of a connection that asks for nothing
_TLS: Final = "TLS, not HTTP"
_BY_KIND: Final[tuple[tuple[type[Exception], str], ...]] = (  # the first that fits
    (faults.LineTooLong, "line too long"),
    (faults.BadHttpMethod, "not HTTP"),
    (faults.BadStatusLine, "bad request line"),
    (faults.InvalidURLError, "bad address"),
    (faults.TransferEncodingError, "bad chunk"),
    (faults.PayloadEncodingError, "bad body"),
)
_BY_WORDS: Final = (  # aiohttp's two parsers have no kinds for these, but the same words
    ("Missing 'Host'", "no Host header"),
    ("chunk", "bad chunk"),
    ("Content-Length", "bad Content-Length"),
    ("Too many headers", "too many headers"),
)
_HINTS: Final = {_TLS: "the address begins with http://, not https://"}


def make_runner(app: web.Application, *, door: str, malformed: Counter[str], close_s: float) -> web.AppRunner:
    """A runner of `app`. Requests that can't be read are counted in `malformed`, by cause; `door` is its name in the
    log, `close_s` how long a visitor may take to say goodbye."""
    logger = logging.Logger(door, logging.DEBUG)  # of this server alone; TLS is told to it as debug
    logger.addHandler(_Complaints(door, malformed))
    return web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=close_s,
        keepalive_timeout=KEEP_ALIVE_S,
        logger=logger,
    )


class _Complaints(logging.Handler):
    """What aiohttp would write to its log: the visitor's faults are counted, ours are logged with their traceback."""

    def __init__(self, door: str, malformed: Counter[str]) -> None:
        super().__init__()
        self._door, self._malformed = door, malformed

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, web.RequestPayloadError | faults.HttpProcessingError):
            self._refuse(_cause(error), record)
        elif isinstance(error, ClientConnectionResetError):
            pass  # gone before its answer: nobody's fault, and too cheap for a line each
        elif record.levelno >= logging.WARNING:
            # Not on the loop: a traceback reads the sources it quotes. Nor may a log that fails cost the answer.
            asyncio.get_running_loop().run_in_executor(None, self._tell_fault, record)

    def _tell_fault(self, record: logging.LogRecord) -> None:
        get_logger().error("http.fault", door=self._door, cause=record.getMessage(), exc_info=record.exc_info)

    def _refuse(self, cause: str, record: logging.LogRecord) -> None:
        """Of the request itself nothing is said: its bytes are a stranger's."""
        self._malformed[cause] += 1
        if self._malformed[cause] == 1:
            peer = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
            hint = {"hint": _HINTS[cause]} if cause in _HINTS else {}
            get_logger().warning("http.refused", door=self._door, cause=cause, peer=peer, **hint)


def _cause(error: BaseException) -> str:
    """One of a few constants: they are labels of a metric, so never a stranger's words."""
    if isinstance(error, web.RequestPayloadError):
        return _cause(error.__cause__) if error.__cause__ is not None else "bad body"
    said = str(getattr(error, "message", ""))
    for kind, cause in _BY_KIND:
        if isinstance(error, kind):
            return _TLS if "HTTPS traffic" in said and cause == "not HTTP" else cause
    return next((cause for words, cause in _BY_WORDS if words in said), "bad header")
