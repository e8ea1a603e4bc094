"""`choreo run --standby` while its engines are killed and hang: the show goes on and no datagram is lost."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from osc_datagrams import message
from rig.process import Process, wait_until

from bench.standby import HANGS
from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.recorder import recover, unfinished
from choreo_service.session import open_session

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds engines in /proc")]

PATIENCE_S: Final = 60.0
UNIT: Final = 1 / 256  # m/s^2 per datagram: each carries its number, exactly


class Show(Process):
    """A recorded show with a phone in, OSC out and a spare engine."""

    def __init__(self, folder: Path) -> None:
        self.takes = folder / "recordings"
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind(("127.0.0.1", 0))
        self.ear.settimeout(PATIENCE_S)
        self.phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {
            "sensors": {"phone": {"type": "osc_motion", "layout": "choreo", "port": self.port}},
            "bridges": {"bars": None, "midi": None, "synth": {"type": "osc_out", "port": self.ear.getsockname()[1]}},
            "doors": {"osc": None},
            "dashboard": {"port": 0},
            "output": {"refresh_s": 0.02, "exit_ease_s": 0.1},
            "recorder": {"folder": str(self.takes)},
        }
        (folder / "standby.yaml").write_text(json.dumps(settings))
        (folder / "sitecustomize.py").write_text(HANGS)
        argv = [sys.executable, "-m", "choreo_service", "record", "--standby", "--name", "show"]
        environ = {**os.environ, "PYTHONPATH": str(folder), "XDG_STATE_HOME": str(folder)}
        super().__init__([*argv, "-c", str(folder / "standby.yaml")], environ)
        self.sent = 0

    def is_ready(self) -> bool:
        return any(event["event"] == "standby.warm" for event in self.events())

    def events(self) -> list[dict[str, Any]]:
        lines = (line for line in self.output().splitlines() if line.startswith("{"))
        return [json.loads(line) for line in lines]

    def said(self, event: str) -> list[dict[str, Any]]:
        return [one for one in self.events() if one["event"] == event]

    def active(self) -> int:
        """The process that plays: the engine that was started first."""
        return min(self.engines())[1]

    def disturb(self, number: signal.Signals) -> None:
        """Fell the engine that plays as soon as another one is warm, and wait until that one plays."""
        takeovers = len(self.said("standby.took_over"))
        wait_until(lambda: len(self.said("standby.warm")) > takeovers, "a spare", PATIENCE_S)
        os.kill(self.active(), number)
        wait_until(lambda: len(self.said("standby.took_over")) > takeovers, "a take-over", PATIENCE_S)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """The phone sends a hundred datagrams a second meanwhile."""
        over = threading.Event()

        def send() -> None:
            while not over.wait(0.01):
                datagram = message("/choreo/motion/accel", "fff", self.sent * UNIT, 0.0, 9.8)
                self.phone.sendto(datagram, ("127.0.0.1", self.port))
                self.sent += 1

        sender = threading.Thread(target=send)
        sender.start()
        try:
            yield
        finally:
            over.set()
            sender.join()

    def hear(self, count: int) -> list[float]:
        """The next values of density on the wire."""
        values: list[float] = []
        while len(values) < count:
            data = self.ear.recv(512)
            if data.startswith(b"/choreo/density\0"):
                values.append(struct.unpack(">f", data[-4:])[0])
        return values

    def finished_takes(self) -> list[Path]:
        """In the order they were played. The last engine's helper may be at work on some."""

        def none_left() -> bool:
            list(recover(unfinished(self.takes)))
            return not unfinished(self.takes)

        wait_until(none_left, "takes of all recordings", PATIENCE_S)
        return sorted(self.takes.iterdir(), key=lambda take: str(open_session(take).meta["created"]))

    def close(self) -> None:
        self.stop()
        self.ear.close()
        self.phone.close()

    def engines(self) -> list[tuple[int, int]]:
        """(start time, process id) of the watcher's children."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.pid:
                found.append((int(fields[19]), int(stat.parent.name)))
        return found


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Show]:
    one = Show(tmp_path)
    try:
        one.start(PATIENCE_S)
        yield one
    finally:
        one.close()


def numbers(take: Path) -> list[int]:
    """Of the datagrams a take holds, in order."""
    return [round(p.values[0] / UNIT) for p in open_session(take).packets() if p.stream == "acceleration"]


def test_killed_and_hung_engines_are_followed_without_losing_a_datagram(show: Show) -> None:
    blows = [signal.SIGKILL, signal.SIGUSR1]
    with show.moving():
        for blow in blows:
            show.disturb(blow)
            assert all(0.0 <= value <= 1.0 for value in show.hear(100))
    time.sleep(0.5)  # what was sent last has been played
    os.killpg(show.pid, signal.SIGINT)  # Ctrl-C reaches engines and watcher alike, and is one wish
    wait_until(lambda: not show.alive, "the end", PATIENCE_S)
    assert show.stop() == 0
    causes = [str(event["cause"]) for event in show.said("standby.took_over")]
    told = iter(causes)
    assert all(expected in told for expected in ("killed by SIGKILL", "hung")), causes
    print("gaps, ms:", [event["gap_ms"] for event in show.said("standby.took_over")])
    assert f" {show.sent} accepted" in show.output()  # by all engines together, as the last one sums up
    takes = show.finished_takes()
    assert [take.name for take in takes] == ["show", *(f"show_{n}" for n in range(2, len(causes) + 2))]
    kept = list(filter(None, map(numbers, takes)))
    for one in kept:
        assert one == list(range(one[0], one[-1] + 1))  # no gap, none twice
    assert all(later[0] > earlier[-1] for earlier, later in itertools.pairwise(kept))
    assert kept[-1][-1] == show.sent - 1
    print("datagrams that only the music had:", show.sent - sum(map(len, kept)))
    assert exit_code_of(choreo, ["replay", str(takes[-1])]) == 0


def test_an_engine_whose_watcher_is_gone_plays_on_until_it_is_told_to_end(show: Show) -> None:
    engines = [psutil.Process(pid) for _, pid in sorted(show.engines())]
    show.kill()
    wait_until(lambda: not engines[1].is_running(), "the spare's end", PATIENCE_S)
    show.ear.setblocking(False)
    with suppress(BlockingIOError):
        while show.ear.recv(512):  # older than the watcher's death
            pass
    show.ear.settimeout(PATIENCE_S)
    assert show.hear(50)
    engines[0].terminate()
    wait_until(lambda: not engines[0].is_running(), "the end", PATIENCE_S)
    (take,) = show.finished_takes()
    assert open_session(take).meta["ended"] == "the show ended"
