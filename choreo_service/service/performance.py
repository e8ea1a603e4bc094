"""One engine's life on the event loop: it gets warm, waits for its turn where another one plays, plays, eases out."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from choreo_service.config import Loaded
from choreo_service.core import Core
from choreo_service.inherited import let_go_unclaimed
from choreo_service.notify import Notifier
from choreo_service.priority import come_at_once
from choreo_service.service import garbage
from choreo_service.service.finishing import finish_left_over
from choreo_service.service.reload import Load, Reload
from choreo_service.service.rewrite import Rewrite
from choreo_service.service.show import Service
from choreo_service.service.signals import at_a_terminal, on_signals
from choreo_service.service.spoken import Banner, opening, say, waits_for, ways_in
from choreo_service.service.succession import take_over
from choreo_service.standby.seat import Seat

_WARM_UP_TICKS: Final = 50
_REPORT_AFTER_S: Final = 1.5  # by then sockets are bound and MIDI ports found or not
_TIDY_AFTER_S: Final = 5.0  # the next spare is warm by then, and a take-over is not disturbed


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """That a take is to be recorded, and how."""

    name: str = ""  # empty: date and time
    tags: Sequence[str] = ()
    auto: bool = False  # from the moment on at which every required source is live


class Performance:
    """`load` reads the configuration again, `seat` is the place of one engine of two. Belongs to the loop that runs."""

    def __init__(
        self,
        service: Service,
        loaded: Loaded,
        banner: Banner,
        *,
        record: RecordPlan | None,
        load: Load | None,
        seat: Seat | None,
    ) -> None:
        self._service, self._loaded, self._banner = service, loaded, banner
        self._record, self._seat = record, seat
        self._reload = None if load is None else Reload(service, loaded, load)
        if self._reload is not None and service.dashboard is not None:
            service.dashboard.rewrite = Rewrite(service, self._reload)

    async def run(self, warm: Core, seconds: float | None) -> bool:
        """Play for `seconds`, or until asked to end; `warm` is a core that nobody hears. False where this engine stood
        by and was never needed."""
        notifier = Notifier(os.environ)
        self._service.listeners.append(lambda tick, packets, step: notifier.alive(tick.due_ns))
        self._service.on_ending.append(notifier.stopping)
        self._hear_signals()
        if self._seat is None or self._seat.first:
            say(self._banner, opening(self._loaded, self._service.core.mapper))
        _warm_up(warm)
        garbage.take_over()
        try:
            if not await self._has_its_turn():
                return False
            with self._reported_later():
                await self._play(notifier, seconds)
            return True
        finally:
            garbage.give_back()
            notifier.close()

    def _hear_signals(self) -> None:
        ease_s = self._loaded.settings.output.exit_ease_s
        reload = None if self._reload is None or at_a_terminal() else self._reload.ask
        ending = f"\neasing to neutral ({ease_s:g} s); again stops at once"
        on_signals(self._service, lambda: self._tell(ending), reload, self._seat)

    async def _has_its_turn(self) -> bool:
        """Wait for it, and go on where the one before fell; a new show begins its take."""
        turn = None
        if self._seat is not None:
            turn = await self._seat.turn(self._service.core.fingerprint)
            if turn is None:
                return False
            come_at_once()
            take_over(self._service, self._seat, turn)
            if self._reload is not None:
                self._reload.on_reread.append(self._seat.reread)
            if turn.takeovers:
                self._tidy_up_later()
        if turn is None or turn.state is None:
            self._begin_take()
        return True

    def _tidy_up_later(self) -> None:
        """What the one before us recorded becomes a take meanwhile."""
        loop = asyncio.get_running_loop()
        loop.call_later(_TIDY_AFTER_S, loop.run_in_executor, None, finish_left_over, self._loaded.recordings)
        loop.call_later(_TIDY_AFTER_S, let_go_unclaimed)

    def _begin_take(self) -> None:
        if self._record is None:
            return
        recorder = self._service.recorder
        begin = recorder.start_when_ready if self._record.auto else recorder.start
        begin(self._record.name, self._record.tags)
        if missing := recorder.health().get("missing") if self._record.auto else ():
            self._tell(waits_for(missing, self._loaded))

    async def _play(self, notifier: Notifier, seconds: float | None) -> None:
        service = self._service
        async with asyncio.TaskGroup() as group:
            collect = garbage.collect_between_ticks(
                service.clock, service.core.period_ns, lambda: service.telemetry.last_due_ns
            )
            beside = [group.create_task(collect)]
            if self._reload is not None:
                beside.append(group.create_task(self._reload.run()))
            notifier.ready()
            await service.run(seconds)
            for task in beside:
                task.cancel()

    @contextmanager
    def _reported_later(self) -> Iterator[None]:
        """Say how it began, unless it is over by then."""

        def report() -> None:
            self._tell("\n".join([*self._service.watch.report(), *ways_in(self._service)]))

        timer = asyncio.get_running_loop().call_later(_REPORT_AFTER_S, report)
        try:
            yield
        finally:
            timer.cancel()

    def _tell(self, text: str) -> None:
        """In a thread: a terminal that is stopped must not stop the tick."""
        asyncio.get_running_loop().run_in_executor(None, say, self._banner, text)


def _warm_up(core: Core) -> None:
    """Touch every code path once on a core that nobody hears."""
    for k in range(1, _WARM_UP_TICKS + 1):
        core.step(k, 1, k * core.period_ns, ())
