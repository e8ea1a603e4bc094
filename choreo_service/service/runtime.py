"""Running a service as a process: loop, signals, garbage collector, opening lines and closing summary."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from choreo_service import __version__, logs
from choreo_service.clock import MonotonicClock
from choreo_service.config import Loaded
from choreo_service.core import Core
from choreo_service.errors import ChoreoError
from choreo_service.inherited import let_go_unclaimed
from choreo_service.notify import Notifier
from choreo_service.places import state_folder
from choreo_service.recorder import Recorder
from choreo_service.service import garbage
from choreo_service.service.build import build_core, build_service
from choreo_service.service.finishing import finish_left_over, finish_now, require_room
from choreo_service.service.peers import health_of
from choreo_service.service.reload import Load, Reload
from choreo_service.service.rewrite import Rewrite
from choreo_service.service.show import Service
from choreo_service.service.succession import take_over
from choreo_service.standby.seat import Seat

Banner = Callable[[str], None]

EXIT_AT_ONCE: Final = 130  # what shells report for SIGINT
_WARM_UP_TICKS: Final = 50
_REPORT_AFTER_S: Final = 1.5  # by then sockets are bound and MIDI ports found or not
_TIDY_AFTER_S: Final = 5.0  # the next spare is warm by then, and a take-over is not disturbed
_NEVER_LIVE: Final = (
    "take      no take: the sensors were never all live; what is wrong: choreo doctor; without waiting: choreo record"
)
_INDENT: Final = " " * 15
_ENDING_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_HANG_UP: Final = getattr(signal, "SIGHUP", None)  # Windows has none


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """That a take is to be recorded, and how."""

    name: str = ""  # empty: date and time
    tags: Sequence[str] = ()
    auto: bool = False  # from the moment on at which every required source is live


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
    signal ends at once: the controls jump to their safe values and the exit code is EXIT_AT_ONCE.
    """
    if record is not None and (warning := require_room(loaded)):
        _say(banner, warning)
    first = seat is None or seat.first
    kept = state_folder(os.environ)
    log = logs.configure(loaded.settings.log.level, loaded.settings.log.format, keep=kept, anew=first)
    if first:
        _finish_left_over(loaded, banner)
    service, warm = build_service(loaded, MonotonicClock()), build_core(loaded)
    recorder = service.recorder
    recorder.run_thread()
    code, played = 0, True
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            played = runner.run(_run(service, warm, loaded, seconds, banner, record, load, seat))
    except asyncio.CancelledError:
        code = EXIT_AT_ONCE
        _say(banner, "stopped at once; the controls were sent to their safe values")
    except BaseExceptionGroup as group:
        raise first_user_error(group) from group
    finally:
        waited = recorder.health()["state"] == "waiting"
        written = recorder.close()
        log.close()
    if not played:
        return 0
    _say(banner, service.telemetry.text())
    _finish(recorder, written, code, banner)
    if waited:
        _say(banner, _NEVER_LIVE)
    return code


async def _run(
    service: Service,
    warm: Core,
    loaded: Loaded,
    seconds: float | None,
    banner: Banner,
    record: RecordPlan | None,
    load: Load | None,
    seat: Seat | None,
) -> bool:
    """False where this engine stood by and was never needed."""
    loop = asyncio.get_running_loop()

    def tell(text: str) -> None:  # in a thread: a terminal that is stopped must not stop the tick
        loop.run_in_executor(None, _say, banner, text)

    notifier = Notifier(os.environ)
    service.listeners.append(lambda tick, packets, step: notifier.alive(tick.due_ns))
    service.on_ending.append(notifier.stopping)

    def ending() -> None:
        tell(f"\neasing to neutral ({loaded.settings.output.exit_ease_s:g} s); again stops at once")

    reload = None if load is None else Reload(service, loaded, load)
    if reload is not None and service.dashboard is not None:
        service.dashboard.rewrite = Rewrite(service, reload)
    _on_signals(service, ending, None if reload is None or _at_a_terminal() else reload.ask, seat)
    if seat is None or seat.first:
        _say(banner, _opening(loaded, service.core.mapper))
    _warm_up(warm)
    garbage.take_over()
    turn = None
    if seat is not None:
        turn = await seat.turn()
        if turn is None:
            return False
        take_over(service, seat, turn)
        if reload is not None:
            reload.on_reread.append(seat.reread)
        if turn.takeovers:  # what the one before us recorded becomes a take meanwhile
            loop.call_later(_TIDY_AFTER_S, loop.run_in_executor, None, finish_left_over, loaded.recordings)
            loop.call_later(_TIDY_AFTER_S, let_go_unclaimed)
    if record is not None and (turn is None or turn.state is None):
        begin = service.recorder.start_when_ready if record.auto else service.recorder.start
        begin(record.name, record.tags)
        if missing := service.recorder.health().get("missing") if record.auto else ():
            tell(_waits_for(missing, loaded))
    timer = loop.call_later(_REPORT_AFTER_S, lambda: tell("\n".join([*service.watch.report(), *_ways_in(service)])))
    try:
        async with asyncio.TaskGroup() as group:
            collector = group.create_task(
                garbage.collect_between_ticks(
                    service.clock, service.core.period_ns, lambda: service.telemetry.last_due_ns
                )
            )
            beside = [collector] if reload is None else [collector, group.create_task(reload.run())]
            notifier.ready()
            await service.run(seconds)
            for task in beside:
                task.cancel()
    finally:
        timer.cancel()
        garbage.give_back()
        notifier.close()
    return True


def _waits_for(missing: Sequence[str], loaded: Loaded) -> str:
    kinds = {name: f" ({sensor.entry.name})" for name, sensor in loaded.sensors.items()}
    sensors = ", ".join(name + kinds.get(name, " (not in the configuration)") for name in missing)
    return f"take      waits for {sensors}, and begins by itself; at once: R on the page"


def _finish_left_over(loaded: Loaded, banner: Banner) -> None:
    if left := finish_left_over(loaded.recordings):
        _say(banner, f"{left} that had been cut off: made into takes meanwhile")


def _finish(recorder: Recorder, written: bool, code: int, banner: Banner) -> None:
    """Make takes of what was recorded; who wants to be gone at once finds them finished by the next start."""
    if not written:
        _say(banner, "take      the disk doesn't answer; what it took is kept: choreo takes recover")
    for folder in recorder.handed_on:
        if folder.exists():
            _say(banner, f"take      {folder} is being made into a take, or waits for room: choreo takes")
    for folder in recorder.unfinished:
        if code == EXIT_AT_ONCE:
            _say(banner, "take      recorded, not finished; the next start does that, or: choreo takes recover")
        else:
            _say(banner, finish_now(folder))


def _ways_in(service: Service) -> list[str]:
    """Where commands are heard, and what to open in a browser; last, because that is what a newcomer does next."""
    doors = {name: health_of(door) for name, door in service.doors.items()}
    lines = [f"{'ask':5} {n:8} {h['target']}" for n, h in doors.items() if h.get("target")]
    addresses = service.dashboard.addresses() if service.dashboard else []
    return [*lines, *(f"{'open':5} {'page':8} {address}" for address in addresses)]


def _say(banner: Banner, text: str) -> None:
    """A terminal or pipe that has gone away is no reason to stop playing."""
    if sys.stdout.isatty():
        columns = shutil.get_terminal_size().columns
        fit = textwrap.TextWrapper(columns, subsequent_indent=_INDENT, break_long_words=False, drop_whitespace=True)
        text = "\n".join(line if len(line) <= columns else fit.fill(line) for line in text.split("\n"))
    with suppress(OSError, ValueError):
        banner(text)


def _opening(loaded: Loaded, mapper: str) -> str:
    """`mapper` is the name of the models, "" when the rules play."""
    engine = loaded.settings.engine
    performers = "1 performer" if engine.performers == 1 else f"{engine.performers} performers"
    asked = engine.mapper == "rules"
    plays = f"models {mapper} play" if mapper else "rules play"
    reason = "" if mapper or asked else f" (no trained models in {loaded.checkpoints})"
    lines = [
        f"choreo {__version__}: {performers}, a tick every {engine.period_ms:g} ms; Ctrl-C ends",
        f"{plays}{reason}",
    ]
    if not loaded.sensors:
        lines.append("nothing to listen to: add a sensor to your configuration, or try choreo demo")
    if not loaded.bridges:
        lines.append("nothing to play: add a bridge to your configuration, or try choreo demo")
    return "\n".join(lines)


def _warm_up(core: Core) -> None:
    """Touch every code path once on a core that nobody hears."""
    for k in range(1, _WARM_UP_TICKS + 1):
        core.step(k, 1, k * core.period_ns, ())


def _at_a_terminal() -> bool:
    """Whether a hang-up means that somebody's terminal is gone; a service manager's children and nohup's have none."""
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def _on_signals(
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
