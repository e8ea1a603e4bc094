"""`choreo run` as a user starts it, looked at from outside: its output, its metrics, what it holds."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from bench.child import free_port

START_S: Final = 30.0
FIRST: Final = ("chrt", "--fifo", "20")
_METRIC: Final = re.compile(r"^(choreo_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Holdings:
    """What a process has at a moment."""

    resident: int  # bytes
    descriptors: int
    threads: int


class Program:
    """A running `choreo run`."""

    def __init__(self, child: subprocess.Popen[bytes], phone_port: int, page_port: int) -> None:
        self._child, self._process = child, psutil.Process(child.pid)
        self.phone_port, self._page_port = phone_port, page_port

    def metrics(self) -> Mapping[str, float]:
        """Metric with its labels -> value. OSError while it doesn't answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._page_port}/metrics", timeout=10.0) as answer:
            return {name: float(value) for name, value in _METRIC.findall(answer.read().decode())}

    def holdings(self) -> Holdings:
        with self._process.oneshot():
            return Holdings(self._process.memory_info().rss, self._process.num_fds(), self._process.num_threads())

    def await_start(self) -> None:
        """SystemExit when it has ended, or doesn't answer in START_S."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                self.metrics()
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.2)
            else:
                return
        raise SystemExit(f"choreo run didn't begin to play (exit code {self._child.poll()})")


@contextmanager
def running(output_port: int, *, first: bool = False) -> Iterator[Program]:
    """The service with a phone at an OSC port, a bundle a tick to `output_port` and a page; everything is recorded.

    `first` gives it real-time priority, as `choreo service systemd` does.
    """
    phone_port, page_port = free_port(), free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "soak.yaml"
        file.write_text(_configuration(phone_port, output_port, page_port), encoding="utf-8")
        argv = [
            *(FIRST if first else ()),
            sys.executable,
            "-m",
            "choreo_service",
            "record",
            "-c",
            str(file),
            "-o",
            f"recorder.folder={folder}",
        ]
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, env={**os.environ, "XDG_STATE_HOME": folder})
        program = Program(child, phone_port, page_port)
        try:
            program.await_start()
            yield program
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait()


def _configuration(phone: int, output: int, page: int) -> str:
    settings: Mapping[str, Any] = {
        "sensors": f"{{phone: {{type: osc_motion, layout: choreo, port: {phone}}}}}",
        "bridges": f"{{bars: null, midi: null, synth: {{type: osc_out, layout: bundle, port: {output}}}}}",
        "doors": "{osc: null}",
        "output": "{change_threshold: 0}",  # so that a bundle leaves in every tick
        "dashboard": f"{{port: {page}}}",
        "log": "{level: error}",
    }
    return "".join(f"{key}: {value}\n" for key, value in settings.items())
