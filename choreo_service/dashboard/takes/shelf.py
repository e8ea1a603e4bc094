"""The service's side of the reading process: started at the first question, asked one thing at a time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from choreo_service.dashboard.children import Child, end, start_asked
from choreo_service.dashboard.takes.child import FRAME

ANSWER_S: Final = 60.0  # it gives way to everything: beside three programs that computed on two cores, 20 s ran out
MAX_ANSWER: Final = 16 << 20


class Unreadable(Exception):
    """Why there is no answer, in words for the page."""


class Shelf:
    """The takes of one folder. `close` when nobody asks any more."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = asyncio.Lock()
        self._child: asyncio.Future[Child] | None = None

    async def list(self) -> bytes:
        """JSON: every take, the newest first."""
        return await self._ask({"op": "list"})

    async def tag(self, name: str, tags: Sequence[str]) -> bytes:
        """Give a take other tags: JSON, those it has now. Unreadable says why it has not."""
        return await self._ask({"op": "tag", "name": name, "tags": list(tags)})

    async def open(self, name: str, *, performer: int, begin_s: float, end_s: float, points: int) -> bytes:
        """An excerpt (`reader.Curves`); Unreadable says why there is none."""
        return await self._ask(
            {"op": "open", "name": name, "performer": performer, "begin_s": begin_s, "end_s": end_s, "points": points}
        )

    async def close(self) -> None:
        """End the process. Idempotent."""
        child, self._child = self._child, None
        if child is not None:
            with suppress(OSError):  # it could not be started
                await end(await child)

    async def _ask(self, request: dict[str, Any]) -> bytes:
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_S):
                    refused, body = await asyncio.to_thread(_exchange, await self._reader(), request)
            except asyncio.CancelledError:
                await self.close()  # its answer would be taken for that to the next question
                raise
            except TimeoutError as error:
                await self.close()  # the next question starts another one
                raise Unreadable(f"this machine is too busy to read takes: no answer in {ANSWER_S:g} s") from error
            except (OSError, EOFError) as error:
                await self.close()
                raise Unreadable(f"the reader of takes ended: {type(error).__name__}") from error
        if refused:
            raise Unreadable(body.decode("utf-8", "replace"))
        return body

    async def _reader(self) -> Child:
        """The process; started where there is none, or none any more."""
        if self._child is not None and self._child.done() and self._child.result().poll() is not None:
            await self.close()
        if self._child is None:
            command = (sys.executable, "-P", "-m", "choreo_service.dashboard.takes.child", str(self._root))
            self._child = asyncio.get_running_loop().run_in_executor(None, start_asked, command)
        return await asyncio.shield(self._child)


def _exchange(child: Child, request: dict[str, Any]) -> tuple[bool, bytes]:
    """One question and its answer: (refused, body). Waits, in a thread. EOFError where the child ends before it."""
    if child.stdin is None or child.stdout is None:
        raise OSError("no pipes")
    child.stdin.write(json.dumps(request).encode() + b"\n")
    child.stdin.flush()
    refused, length = FRAME.unpack(_exactly(child.stdout, FRAME.size))
    if length > MAX_ANSWER:
        raise OSError("answer too long")
    return bool(refused), _exactly(child.stdout, length)


def _exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if len(data) < count:
        raise EOFError
    return data
