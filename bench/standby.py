"""What a fallen engine costs under `choreo run --standby`: the silence of OSC out, and datagrams that nobody took.

Engines are killed (`kill -9`), stopped (SIGSTOP) and hung (a thread that sleeps in C with the interpreter's lock) at
random moments while a phone sends a hundred datagrams a second and another process than the engine hears what goes
out. Silence is the longest time between two datagrams out around the fall; in rest it is one tick, 20 ms.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import random
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import psutil

from bench.child import free_port
from bench.probe import sample

FALLS: Final = (("kill -9", signal.SIGKILL), ("stopped (SIGSTOP)", signal.SIGSTOP), ("hung in C", signal.SIGUSR1))
AIMS_MS: Final = {"kill -9": 100.0, "stopped (SIGSTOP)": 350.0, "hung in C": 350.0}
AROUND_S: Final = (0.1, 1.5)  # before and after a fall, what is listened to
APART_S: Final = 3.6  # with what is listened to longer than an engine must play to count as healthy
WARM_S: Final = 60.0
SO_TIMESTAMPNS: Final = 35  # <asm-generic/socket.h>; the kernel's time, as our own ear may be kept waiting too
REALTIME: Final = ("chrt", "--reset-on-fork", "--fifo", "20")
COST_S: Final = 5.0
# Loaded by every engine: SIGUSR1 makes a thread sleep in C without letting go of the interpreter's lock.
HANGS: Final = """
import ctypes, signal, threading

def hang():
    signal.sigwait({signal.SIGUSR1})
    ctypes.PyDLL(None).sleep(600)

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
threading.Thread(target=hang, daemon=True).start()
"""


def standby(kills: int, hangs: int, *, fifo: bool) -> None:
    """Print p50, p95 and max of the silence for `kills` kills and `hangs` of each kind of hang, and what was lost.

    `fifo`: with real-time priority as the systemd unit gives it: to the watcher, and to the engine whose turn it is."""
    with tempfile.TemporaryDirectory() as folder:
        show = _Show(Path(folder), fifo=fifo)
        try:
            costs = show.costs()
            found = {
                name: [show.silence_ms(n) for _ in range(kills if n == signal.SIGKILL else hangs)] for name, n in FALLS
            }
            sent, accepted = show.end()
        finally:
            show.close()
    print("\nStandby, ms: the longest silence of OSC out around the fall of the engine that plays")
    print(f"{'':24}{'falls':>6}{'p50':>8}{'p95':>8}{'max':>8}{'aim':>8}")
    for name, silences in found.items():
        if not (ordered := sorted(silences)):
            continue
        at = [ordered[math.ceil(q * len(ordered)) - 1] for q in (0.5, 0.95)]
        print(f"{name:24}{len(ordered):6d}{at[0]:8.1f}{at[1]:8.1f}{ordered[-1]:8.1f}{AIMS_MS[name]:8.0f}")
        print(f"{'':24}{' '.join(f'{silence:.0f}' for silence in ordered)}")
    for name, (cpu, megabytes) in costs.items():
        print(f"{name:24}{cpu:6.1f} % of a core, {megabytes:5.0f} MB")
    print(f"datagrams sent {sent}, accepted by the engines together {accepted}, lost {sent - accepted}")


class _Show:
    """The service with its spare, a phone that sends and an ear that hears, until `close`."""

    def __init__(self, folder: Path, *, fifo: bool) -> None:
        self._over = threading.Event()
        self._heard: list[float] = []
        self._sent = 0
        self._rng = random.Random(1)
        ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(0.2)
        ear.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        port = free_port()
        (folder / "sitecustomize.py").write_text(HANGS)
        (folder / "standby.yaml").write_text(json.dumps(_settings(port, ear.getsockname()[1], folder)))
        self._log = (folder / "log").open("w+")
        argv = [*(REALTIME if fifo else ()), sys.executable, "-m", "choreo_service", "run", "--standby", "--record"]
        self._child = subprocess.Popen(
            [*argv, "-c", str(folder / "standby.yaml")],
            env={**os.environ, "PYTHONPATH": str(folder), "XDG_STATE_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._threads = [
            threading.Thread(target=self._hear, args=(ear,)),
            threading.Thread(target=self._send, args=(port,)),
        ]
        self._threads[0].start()
        self._await("a spare", 1)
        self._threads[1].start()

    def costs(self) -> dict[str, tuple[float, float]]:
        """Process -> (% of a core over some seconds, MB resident)."""
        watcher = psutil.Process(self._child.pid)
        processes = [watcher, *self._engines()]
        for process in processes:
            process.cpu_percent()
        time.sleep(COST_S)
        found = [(process.cpu_percent(), process.memory_info().rss / 1e6) for process in processes]
        return dict(zip(("watcher", "engine that plays", "spare"), found, strict=True))

    def _engines(self) -> list[psutil.Process]:
        """The one that plays first."""
        return sorted(psutil.Process(self._child.pid).children(), key=lambda process: process.create_time())

    def silence_ms(self, fall: signal.Signals) -> float:
        """Fell the engine that plays, at a random moment; the longest silence around it."""
        falls = self._events("standby.took_over")
        self._await("a spare", falls + 1)
        time.sleep(APART_S + self._rng.random())
        engine = self._engines()[0]
        at = time.time()
        engine.send_signal(fall)
        time.sleep(AROUND_S[1])
        near = [t for t in list(self._heard) if at - AROUND_S[0] <= t <= at + AROUND_S[1]]
        return max((b - a for a, b in itertools.pairwise(near)), default=AROUND_S[1]) * 1e3

    def end(self) -> tuple[int, int]:
        """(datagrams sent, datagrams accepted) after an orderly end."""
        self._over.set()
        self._threads[1].join()
        time.sleep(0.5)  # the last ones are played
        self._child.terminate()
        self._child.wait(30)
        told = re.findall(r"(\d+) accepted", self._text())
        return self._sent, int(told[-1]) if told else 0

    def close(self) -> None:
        self._over.set()
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        for thread in self._threads:
            thread.join()
        self._log.close()

    def _text(self) -> str:
        return Path(self._log.name).read_text("utf-8")

    def _events(self, event: str) -> int:
        return self._text().count(f'"event": "{event}"')

    def _await(self, what: str, count: int) -> None:
        end = time.monotonic() + WARM_S
        while self._events("standby.warm") < count:
            if self._child.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{what}: not within {WARM_S:g} s\n{self._text()}")
            time.sleep(0.05)

    def _hear(self, ear: socket.socket) -> None:
        with ear:
            while not self._over.is_set():
                try:
                    _, ancillary, _, _ = ear.recvmsg(512, 64)
                except TimeoutError:
                    continue
                self._heard.append(_arrived_s(ancillary))

    def _send(self, port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.connect(("127.0.0.1", port))
            began = time.monotonic()
            while not self._over.is_set():
                swing = 6.0 * (self._sent % 50 < 25)
                phone.send(sample((swing, -swing, 9.8 + swing)))
                self._sent += 1
                time.sleep(max(0.0, began + self._sent / 100 - time.monotonic()))


def _settings(phone: int, ear: int, folder: Path) -> dict[str, object]:
    return {
        "sensors": {"phone": {"type": "osc_motion", "layout": "choreo", "port": phone}},
        "bridges": {"bars": None, "synth": {"type": "osc_out", "port": ear}, "midi": None},
        "doors": {"osc": None},
        "dashboard": {"port": 0},
        "output": {"refresh_s": 0.02, "exit_ease_s": 0.1},
        "recorder": {"folder": str(folder / "recordings")},
    }


def _arrived_s(ancillary: Sequence[tuple[int, int, bytes]]) -> float:
    """When the kernel got the datagram, by the wall clock."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("@ll", data[:16])
            return float(seconds + nanoseconds / 1e9)
    raise SystemExit("no kernel time stamps here: this measurement needs Linux")
