"""The service's side of the reading process: started at the first question, asked one thing at a time."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from choreo_service.dashboard.takes.child import FRAME

ANSWER_S: Final = 20.0
MAX_ANSWER: Final = 16 << 20


class Unreadable(Exception):
    """Why there is no answer, in words for the page."""


class Shelf:
    """The takes of one folder. `close` when nobody asks any more."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._turn = asyncio.Lock()
        self._child: asyncio.subprocess.Process | None = None

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
        if child is not None and child.returncode is None:
            child.kill()
            await child.wait()

    async def _ask(self, request: dict[str, Any]) -> bytes:
        async with self._turn:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._answer(request)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                await self.close()  # the next question starts another one
                raise Unreadable(f"the reader of takes ended: {type(error).__name__}") from error

    async def _answer(self, request: dict[str, Any]) -> bytes:
        if self._child is None or self._child.returncode is not None:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "choreo_service.dashboard.takes.child",
                str(self._root),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        writer, reader = self._child.stdin, self._child.stdout
        if writer is None or reader is None:
            raise OSError("no pipes")
        writer.write(json.dumps(request).encode() + b"\n")
        await writer.drain()
        refused, length = FRAME.unpack(await reader.readexactly(FRAME.size))
        if length > MAX_ANSWER:
            raise OSError("answer too long")
        body = await reader.readexactly(length)
        if refused:
            raise Unreadable(body.decode("utf-8", "replace"))
        return body
