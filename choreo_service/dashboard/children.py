"""Child processes of the page.

They are started in a thread. uvloop's own `create_subprocess_exec` forks on the loop, and a fork copies the page tables
of the whole service: with torch and 150 MB of data 90 to 240 ms, in which no tick is played. `subprocess` doesn't copy
them (vfork), and stops its thread only.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from io import BufferedReader
from typing import IO, Final

from choreo_service.priority import give_way

Child = subprocess.Popen[bytes]

_NICE: Final = 15


@asynccontextmanager
async def running(command: Sequence[str], *, gives_way: bool = True) -> AsyncIterator[Child]:
    """A child whose words come by two pipes; at the end of the block, however it comes, it has ended. OSError where it
    can't be started. `gives_way`: it has lower priority than other programs, not only than the show."""
    starting = asyncio.get_running_loop().run_in_executor(None, _start_mute, command, gives_way)
    try:
        yield await asyncio.shield(starting)
    finally:
        await end(await starting)  # also where the start was not waited for


def start_asked(command: Sequence[str]) -> Child:
    """A child that is asked by one pipe and answers by another. Not on the loop."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603
    give_way(_NICE, child.pid)
    return child


def _start_mute(command: Sequence[str], gives_way: bool) -> Child:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    give_way(_NICE if gives_way else 0, child.pid)
    return child


def chunks(pipe: IO[bytes] | None) -> Iterator[bytes]:
    """What a child writes, as it comes, to its end. Waits: not on the loop."""
    if isinstance(pipe, BufferedReader):
        while chunk := pipe.read1(1 << 16):
            yield chunk


async def end(child: Child) -> None:
    """Kill it, unless it has ended. Idempotent."""
    await asyncio.to_thread(_end, child)


def _end(child: Child) -> None:
    if child.poll() is None:
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with suppress(OSError):  # a question that was never read
                pipe.close()
