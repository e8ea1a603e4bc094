"""`choreo record` of a synthetic dancer, without receivers, to be killed, starved and cut off."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from choreo_service.clock import NS
from choreo_service.session import Session, recorded_ticks
from rig.ports import free_tcp_port
from rig.process import Process

PERIOD_NS: Final = 20_000_000
HEALTH_S: Final = 20.0


class RecordingProcess(Process):
    """Keeps its take `show` in `takes`; its configuration stands in `folder`. `recorder` are keys of that section."""

    def __init__(self, folder: Path, takes: Path, **recorder: Any) -> None:
        self.takes = takes
        self._port = free_tcp_port()
        settings = {
            "sensors": {"phone": None, "dancer": {"type": "synthetic"}},
            "bridges": {"bars": None, "synth": None, "midi": None, "sink": {"type": "null"}},
            "recorder": {"folder": str(takes), **recorder},
            "dashboard": {"port": self._port},
        }
        (folder / "record.yaml").write_text(json.dumps(settings))
        command = ("record", "--name", "show", "-c", str(folder / "record.yaml"))
        super().__init__((sys.executable, "-m", "choreo_service", *command))

    def is_ready(self) -> bool:
        return any(path.stat().st_size > 5000 for path in self.takes.glob(".*/steps-*"))

    def health(self) -> Mapping[str, Any]:
        """What the recorder says of itself now, as the page shows it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/api/state", timeout=HEALTH_S) as answer:
            told: Mapping[str, Any] = json.load(answer)["recording"]
            return told


def lost_s(take: Session, end_ns: int) -> float:
    """Age, at `end_ns` of the monotonic clock, of the first tick the take lacks."""
    return max(0, end_ns - list(recorded_ticks(take))[-1][2] - PERIOD_NS) / NS
