"""A recorder's syncing thread in virtual time: what a slow disk does while the show and the writer go on."""

from __future__ import annotations

import threading
from collections.abc import Callable

from choreo_service.clock import Clock
from choreo_service.testing.disk import SimulatedDisk


class SlowSyncs:
    """Calls `sync` in a real thread, in which each sync of a file takes as long as `takes_ns` says.

    The thread runs while virtual time stands still and waits while it moves, so that equal seeds give equal shows.
    """

    def __init__(
        self, clock: Clock, disk: SimulatedDisk, sync: Callable[[], None], takes_ns: Callable[[], int]
    ) -> None:
        self._clock, self._sync, self._takes_ns = clock, sync, takes_ns
        self._thread: threading.Thread | None = None
        self._turn, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._syncing = self._ending = False
        self.bugs: list[Exception] = []
        disk.on_sync = self._wait

    async def round(self) -> None:
        """One round; when the show ends in the middle of it, the rest takes no time."""
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        try:
            while self._in_a_sync():
                await self._clock.sleep_until(self._clock.now_ns() + self._takes_ns())
                self._turn.release()
        finally:
            self._ending = True
            self._turn.release()
            self._thread.join()
            self._turn, self._back, self._ending = threading.Semaphore(0), threading.Semaphore(0), False

    def _in_a_sync(self) -> bool:
        self._back.acquire()
        syncing, self._syncing = self._syncing, False
        return syncing

    def _run(self) -> None:
        try:
            self._sync()
        except Exception as error:
            self.bugs.append(error)
        finally:
            self._back.release()

    def _wait(self) -> None:
        if threading.current_thread() is self._thread and not self._ending:
            self._syncing = True
            self._back.release()
            self._turn.acquire()
