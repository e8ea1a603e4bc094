"""What there is around a service under measurement: a phone that moves, programs that take the processor from it."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.probe import RATE_HZ, sample
from choreo_service.clock import monotonic_ns

STEP_HZ: Final = 1.9
BREATH_S: Final = 7.0


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """So many processes that compute and do nothing else."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in running:
            hog.kill()
            hog.wait()


@contextmanager
def moving_phone(port: int) -> Iterator[list[int]]:
    """A phone that dances without a pause, 100 samples a second on an absolute grid; grows a list of when each left."""
    sent_ns: list[int] = []
    ended = threading.Event()
    thread = threading.Thread(target=_dance, args=(port, ended, sent_ns), daemon=True)
    thread.start()
    try:
        yield sent_ns
    finally:
        ended.set()
        thread.join()


def _dance(port: int, ended: threading.Event, sent_ns: list[int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.connect(("127.0.0.1", port))
        began, i = time.monotonic(), 0
        while not ended.is_set():
            t_s = i / RATE_HZ
            swing = 4.0 * math.sin(2 * math.pi * STEP_HZ * t_s) * (1.0 + 0.5 * math.sin(t_s / BREATH_S))
            out.send(sample((swing, -swing, 9.8 + swing)))
            sent_ns.append(monotonic_ns())
            i += 1
            time.sleep(max(0.0, began + i / RATE_HZ - time.monotonic()))
