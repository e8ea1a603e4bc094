"""Running a service as a process: its loop, and one engine's life on it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from choreo_service import logs
from choreo_service.clock import MonotonicClock
from choreo_service.config import Loaded
from choreo_service.errors import EXIT_INTERRUPTED, ChoreoError
from choreo_service.places import state_folder
from choreo_service.priority import come_at_once
from choreo_service.recorder import Recorder
from choreo_service.service.build import build_service
from choreo_service.service.finishing import finish_left_over, finish_now, require_room
from choreo_service.service.performance import Performance, RecordPlan
from choreo_service.service.playing import build_core
from choreo_service.service.reload import Load
from choreo_service.service.spoken import NEVER_LIVE, Banner, say
from choreo_service.standby.seat import Seat


def run_service(
    loaded: Loaded,
    *,
    seconds: float | None,
    banner: Banner,
    record: RecordPlan | None = None,
    load: Load | None = None,
    seat: Seat | None = None,
) -> int:
    """Run until Ctrl-C, SIGTERM, `seconds`, or the end of all sensors; returns the exit code.

    SIGHUP reads the configuration again by `load`. Where there is none, or a terminal that may have been closed, it
    ends the show, so that the synths are left at neutral.
    `banner` gets the opening and closing lines for people. Raises ChoreoError when something can't start. A second
    signal ends at once: the controls jump to their safe values and the exit code is EXIT_INTERRUPTED.
    """
    if record is not None and (warning := require_room(loaded)):
        say(banner, warning)
    first = seat is None or seat.first
    if seat is None:  # else when it is its turn: loading must not keep the engine that plays waiting
        come_at_once()
    kept = state_folder(os.environ)
    log = logs.configure(loaded.settings.log.level, loaded.settings.log.format, keep=kept, anew=first)
    if first and (left := finish_left_over(loaded.recordings)):
        say(banner, f"{left} that had been cut off: made into takes meanwhile")
    service, warm = build_service(loaded, MonotonicClock()), build_core(loaded)
    recorder = service.recorder
    recorder.run_threads()
    code, played = 0, True
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            performance = Performance(service, loaded, banner, record=record, load=load, seat=seat)
            played = runner.run(performance.run(warm, seconds))
    except asyncio.CancelledError:
        code = EXIT_INTERRUPTED
        say(banner, "stopped at once; the controls were sent to their safe values")
    except BaseExceptionGroup as group:
        raise first_user_error(group) from group
    finally:
        waited = recorder.health()["state"] == "waiting"
        written = recorder.close()
        log.close()
    if not played:
        return 0
    say(banner, service.telemetry.text())
    _finish(recorder, written, code, banner)
    if waited:
        say(banner, NEVER_LIVE)
    return code


def _finish(recorder: Recorder, written: bool, code: int, banner: Banner) -> None:
    """Make takes of what was recorded; who wants to be gone at once finds them finished by the next start."""
    if not written:
        say(banner, "take      the disk doesn't answer; what it took is kept: choreo takes recover")
    for folder in recorder.handed_on:
        if folder.exists():
            say(banner, f"take      {folder} is being made into a take, or waits for room: choreo takes")
    for folder in recorder.unfinished:
        if code == EXIT_INTERRUPTED:
            say(banner, "take      recorded, not finished; the next start does that, or: choreo takes recover")
        else:
            say(banner, finish_now(folder))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory


def first_user_error(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error a person can act on, if there is one in the group, else the first."""
    for error in group.exceptions:
        found = first_user_error(error) if isinstance(error, BaseExceptionGroup) else error
        if isinstance(found, ChoreoError):
            return found
    first = group.exceptions[0]
    return first_user_error(first) if isinstance(first, BaseExceptionGroup) else first
