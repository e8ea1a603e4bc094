"""Starting and ending `bench.host`, the service under measurement, from outside."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil


class Host:
    """bench.host in a process of its own, playing `settings` with the `options` a user would give by -o."""

    def __init__(
        self,
        settings: Mapping[str, Any],
        options: Mapping[str, Any],
        *,
        fifo: bool = False,
        pressure: Mapping[str, int] | None = None,
        log: int | None = None,
    ) -> None:
        """`fifo` asks for real-time priority, so that what else the machine does isn't measured; `pressure` is what
        bench.pressure makes it do besides, `log` the descriptor it logs to (ours by default)."""
        self._folder = tempfile.TemporaryDirectory()
        file = Path(self._folder.name) / "bench.yaml"
        file.write_text(json.dumps(settings), encoding="utf-8")
        argv = [
            sys.executable,
            "-m",
            "bench.host",
            json.dumps({"file": str(file), "options": dict(options), "fifo": fifo, "pressure": dict(pressure or {})}),
        ]
        self._child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)

    @property
    def pid(self) -> int:
        return self._child.pid

    def await_port(self, port: int) -> None:
        """Until the service has taken the UDP port."""
        while self._child.poll() is None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as same:
                try:
                    same.bind(("127.0.0.1", port))
                except OSError:
                    time.sleep(1.0)  # the MIDI child starts after the sensors
                    return
            time.sleep(0.05)
        raise SystemExit("bench.host ended before it began")

    def cost(self, seconds: float) -> tuple[float, float]:
        """(% of one core, MB resident) of the service and its children over the next seconds."""
        family = self._family()
        for process in family:
            process.cpu_percent()
        time.sleep(seconds)
        return sum(p.cpu_percent() for p in family), self.resident_mb()

    def resident_mb(self) -> float:
        """MB of the service and its children now."""
        return float(sum(p.memory_info().rss for p in self._family()) / 1e6)

    def _family(self) -> list[psutil.Process]:
        parent = psutil.Process(self._child.pid)
        return [parent, *parent.children(recursive=True)]

    def end(self) -> dict[str, Any]:
        """Stop it; what it noted. SystemExit where it failed, after it has said why."""
        out, _ = self._child.communicate()
        self._folder.cleanup()
        if self._child.returncode:
            raise SystemExit("bench.host failed")
        result: dict[str, Any] = json.loads(out)
        return result


def free_port() -> int:
    """A UDP port of this machine that nobody has taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
