"""Runs an adapter for a moment and looks at what it left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from choreo_service.clock import work_ns
from choreo_service.errors import AdapterConfigError, AdapterLost

CANCEL_S: Final = 1.0  # an adapter that needs longer to stop keeps a show from ending
LOSS_S: Final = 10.0  # in which a lost device must be noticed
RECONNECTS: Final = 20  # what one connection leaves would be twenty; a pool that fills up would not
STALL_S: Final = 0.5  # far above any machine's jitter: a loop that stands this long was blocked, not late
BEAT_S: Final = 0.01

Act = Callable[[Any], Awaitable[None]]


class ConformanceError(AssertionError):
    """An adapter breaks one of the promises of the plug-in API."""


def require(kept: bool, broken: str) -> None:
    """ConformanceError(`broken`) unless `kept`."""
    if not kept:
        raise ConformanceError(broken)


async def perform(adapter: Any, act: Act) -> None:
    """Run `adapter` while `act` happens, then cancel it. Use with run_loop().

    An adapter without its device may raise AdapterLost; anything else it raises, a late stop and a blocked loop break a
    promise. No TaskGroup here: it would wait for ever for an adapter that doesn't stop.
    """
    loop = asyncio.get_running_loop()
    beat, running = loop.create_task(_heartbeat()), loop.create_task(_guarded(adapter))
    try:
        await act(adapter)
    finally:
        running.cancel()
        beat.cancel()
        await _ended([running, beat], CANCEL_S)
    require(running.done(), f"run() didn't end within {CANCEL_S} s after it was cancelled")
    for task in (running, beat):
        if not task.cancelled():
            task.result()


async def perform_loss(adapter: Any, act: Act, lose: Act) -> None:
    """Run `adapter`, let `act` happen, take its device away with `lose`: run() raises AdapterLost by itself."""
    running = asyncio.get_running_loop().create_task(adapter.run())
    try:
        await act(adapter)
        require(not running.done(), "run() ended while its device was there")
        await lose(adapter)
        await _ended([running], LOSS_S)
        require(running.done(), f"run() went on for {LOSS_S:g} s after its device was lost; the supervisor can't know")
        lost = running.exception()
        require(isinstance(lost, AdapterLost), f"run() of a lost device must raise AdapterLost, it raised {lost!r}")
    finally:
        running.cancel()
        await _ended([running], CANCEL_S)


def reconnect(adapter: Any, act: Act) -> None:
    """Run and stop `adapter` RECONNECTS times, as over a bad radio: no descriptor and no process more at the end."""

    async def times(count: int) -> None:
        for _ in range(count):
            await perform(adapter, act)

    with asyncio.Runner() as runner:
        runner.run(times(3))  # imports, pools and caches open things once
        gc.collect()
        before = _kept()
        runner.run(times(RECONNECTS))
        gc.collect()
        after = _kept()
    more = sorted(after - before)
    require(
        len(after) <= len(before),
        f"{len(after) - len(before)} more open after {RECONNECTS} connections, as {', '.join(more[:1])}",
    )


def run_loop(main: Coroutine[Any, Any, None]) -> None:
    """Like asyncio.run, but it doesn't wait for a task that ignores its cancellation."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


def check_config(cls: Any, config: Mapping[str, Any]) -> None:
    """The configuration survives being written and read, and a misspelt key is refused."""
    require(issubclass(cls.Config, BaseModel), "Config is a pydantic model")
    parsed = cls.Config.model_validate(config)
    again = cls.Config.model_validate_json(parsed.model_dump_json())
    require(again == parsed, f"the configuration changes when it is written and read: {parsed!r} became {again!r}")
    with suppress(ValidationError):
        cls.Config.model_validate({**config, "no_such_key": 1})
        raise ConformanceError("Config accepts a key it doesn't know; give it ConfigDict(extra='forbid')")


def leftovers(play: Callable[[], None]) -> Sequence[str]:
    """Descriptors, children and threads `play` leaves open. It is played once before, as imports open things too."""
    play()
    gc.collect()
    before = _holdings()
    play()
    gc.collect()
    return sorted(_holdings() - before)


async def _ended(tasks: Sequence[asyncio.Task[Any]], seconds: float) -> None:
    """Wait for all tasks, `seconds` at most, by the loop's own beats: a busy machine is given longer."""
    for _ in range(round(seconds / BEAT_S)):
        _, late = await asyncio.wait(tasks, timeout=BEAT_S)
        if not late:
            return


async def _guarded(adapter: Any) -> None:
    try:
        await adapter.run()
    except (AdapterLost, AdapterConfigError):
        return
    except Exception as error:
        raise ConformanceError(
            f"run() raised {type(error).__name__}: {error}; "
            "a lost device is AdapterLost, a setting that can't work AdapterConfigError"
        ) from error


async def _heartbeat() -> None:
    while True:
        before_ns = work_ns()
        await asyncio.sleep(BEAT_S)
        stood_s = (work_ns() - before_ns) / 1e9 - BEAT_S
        require(stood_s < STALL_S, f"the event loop stood still for {stood_s:.2f} s; blocking calls belong in a thread")


def _kept() -> set[str]:
    """Descriptors and children. Threads of the loop's own pool come and go."""
    return {held for held in _holdings() if not held.startswith("thread ")}


def _holdings() -> set[str]:
    """Descriptors and children where the system has /proc, threads everywhere."""
    held = {f"thread {thread.name}" for thread in threading.enumerate()}
    for fd in _names("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of this listing itself
            held.add(f"descriptor {fd}: {Path(f'/proc/self/fd/{fd}').readlink()}")
    for pid in filter(str.isdigit, _names("/proc")):
        with suppress(OSError):  # a process that ended meanwhile
            about = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()
            if about[1] == str(os.getpid()):
                held.add(f"child process {pid}")
    return held


def _names(folder: str) -> Sequence[str]:
    try:
        return [path.name for path in Path(folder).iterdir()]
    except OSError:
        return ()
