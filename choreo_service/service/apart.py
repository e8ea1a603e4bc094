"""Work for a running show in a process of its own.

Reading a configuration and its checkpoints is a third of a second of Python. In a thread it would share the interpreter
with the tick, and on a busy machine the system stops that thread while it holds it: measured, a reload then cost two to
three ticks, with real-time priority every other reload one. What comes back is read in a millisecond.
"""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

from choreo_service.errors import ChoreoError

T = TypeVar("T")

_LONGEST_S: Final = 60.0
# It gives way to the show before it imports anything else: that alone is most of its work.
_PROGRAM: Final = """
from choreo_service.priority import give_way
give_way(10)
from choreo_service.service.apart_child import main
main()
"""


async def at_once() -> None:
    """Whenever it is."""


async def in_a_process(work: Callable[[], T], when: Callable[[], Awaitable[None]] = at_once) -> T:
    """What `work` gives; it and its answer are pickled on their way. Its ChoreoErrors are raised here, as is one with
    the name of whatever else it raised. Cancelling kills the process.

    The process is started, and its answer read and returned, `when` that is over: the one keeps the interpreter while
    the system makes a process, which takes a busy machine tens of milliseconds, the other for two.
    """
    await when()
    child = _Child(work)
    try:
        said = await asyncio.to_thread(child.answer)
    except asyncio.CancelledError:
        child.kill()
        raise
    await when()
    answer, problem, fix = pickle.loads(said)  # noqa: S301 - of our own child
    if problem:
        raise ChoreoError(problem, fix=fix)
    return answer  # type: ignore[no-any-return]


class _Child:
    """`answer` belongs to a thread, `kill` to the loop."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._process: subprocess.Popen[bytes] | None = None
        self._unwanted = False

    def answer(self) -> bytes:
        argv, pipe = [sys.executable, "-P", "-c", _PROGRAM], subprocess.PIPE
        request = pickle.dumps(self._work, pickle.HIGHEST_PROTOCOL)
        # Its own session: Ctrl-C is for the show, and what it takes of a busy machine is not taken from the show's
        # share, where Linux shares out by sessions (sched(7), autogroup).
        process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)  # noqa: S603
        self._process = process
        if self._unwanted:  # since before it was known
            process.kill()
        try:
            out, said = process.communicate(request, timeout=_LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise ChoreoError(f"nothing was read within {_LONGEST_S:g} s", fix="try again") from None
        if process.returncode:
            last = (said.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise ChoreoError(f"the process that reads for the show failed: {last}", fix="choreo config check")
        return out

    def kill(self) -> None:
        self._unwanted = True
        if self._process is not None:
            self._process.kill()
