"""Programs at the other end of an LSL stream: one that sends, one that prints what it hears. Each is a process.

python tests/lsl_programs.py send NAME      100 Hz: a counter, 2, 60, and a NaN in every tenth sample's last channel
python tests/lsl_programs.py hear NAME      a line of JSON for the description, then one per sample
"""

from __future__ import annotations

import importlib
import json
import sys
import time
import uuid
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest
from rig.process import Process, wait_until
from rig.programs import peers_required

from choreo_adapters.lsl import HERE_ONLY

RATE_HZ: Final = 100.0
LABELS: Final = ("count", "two", "pulse", "gaps")
SENT: Final = {"heart_rate": [2], "acceleration": [0, 1, 1], "context": ["gaps"]}  # channels of the sending program

needs_lsl = pytest.mark.skipif(
    find_spec("pylsl") is None and not peers_required(), reason="pylsl not installed: pip install 'choreo-service[lsl]'"
)


def unique_name() -> str:
    """A stream name nobody else on this machine uses: LSL is one space for all."""
    return f"choreo-test-{uuid.uuid4().hex[:12]}"


class Sender(Process):
    """Sends the stream `name` until it is ended."""

    def __init__(self, name: str) -> None:
        super().__init__([sys.executable, str(Path(__file__)), "send", name])

    def is_ready(self) -> bool:
        return "ready" in self.output()


class Hearer(Process):
    """Prints what the stream `name` says, once there is one."""

    def __init__(self, name: str) -> None:
        super().__init__([sys.executable, str(Path(__file__)), "hear", name])

    def description(self) -> Mapping[str, Any]:
        """Waits for it."""
        return dict(json.loads(self._lines(1)[0]))

    def samples(self, count: int) -> list[list[float]]:
        """The first `count`; waits for them."""
        return [json.loads(line) for line in self._lines(count + 1)[1 : count + 1]]

    def _lines(self, count: int) -> list[str]:
        wait_until(lambda: self.output().count("\n") >= count, f"{count} lines of the hearer")
        return self.output().splitlines()


def _send(lsl: Any, name: str) -> None:
    info = lsl.StreamInfo(name, "Test", len(LABELS), RATE_HZ, lsl.cf_float32, name)
    info.set_channel_labels(list(LABELS))
    outlet = lsl.StreamOutlet(info)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for count in range(1 << 30):
        outlet.push_sample([float(count), 2.0, 60.0, float("nan") if count % 10 == 9 else 0.5])
        time.sleep(1 / RATE_HZ)


def _hear(lsl: Any, name: str) -> None:
    finder = lsl.ContinuousResolver(prop="name", value=name)
    while not (infos := finder.results()):
        time.sleep(0.01)
    inlet = lsl.StreamInlet(infos[0], recover=False)
    inlet.open_stream(5.0)
    info = inlet.info(5.0)
    facts = {
        "type": info.type(),
        "rate_hz": info.nominal_srate(),
        "source_id": info.source_id(),
        "labels": info.get_channel_labels(),
        "units": info.get_channel_units(),
    }
    print(json.dumps(facts), flush=True)
    while True:
        sample, _ = inlet.pull_sample(1.0)
        if sample is not None:
            print(json.dumps(sample), flush=True)


if __name__ == "__main__":
    pylsl = importlib.import_module("pylsl")
    pylsl.set_config_content(HERE_ONLY)
    {"send": _send, "hear": _hear}[sys.argv[1]](pylsl, sys.argv[2])
