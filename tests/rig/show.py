"""A show under observation: simulated dancers play, the test hears the OSC and compares what MIDI receivers hold."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rig.choreo import Choreo
from rig.jack_server import JackServer
from rig.osc_ear import OscEar
from rig.process import PeerError, wait_until
from rig.service_log import log_events

CLIENT: Final = "choreo"
VOLUME_CC: Final = 7
CONTROL_MAP: Final[Mapping[str, Mapping[str, float]]] = {
    "tempo_scale": {"min": 0.88, "max": 1.12, "cc": 20},
    "density": {"min": 0, "max": 1, "cc": VOLUME_CC},  # so that what a synthesiser holds can be heard
    "tension": {"min": 0, "max": 1, "cc": 22},
    "brightness": {"min": 0, "max": 1, "cc": 23},
    "fx_send": {"min": 0, "max": 1, "cc": 24},
}
NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A few seconds of a show, as its OSC receiver and its log saw them."""

    seconds: float
    gaps_s: NDArray[np.float64]  # between neighbouring messages
    skipped: int  # ticks


@dataclass(frozen=True, slots=True)
class Show:
    """A running service and what the first dancer's controls are over OSC."""

    choreo: Choreo
    ear: OscEar

    def expected_cc(self) -> dict[int, float]:
        """Controller -> 0..127 as OSC says at this moment; NaN before its first message."""
        return {
            int(wire["cc"]): (self.ear.latest(f"/choreo/{name}") - wire["min"]) / (wire["max"] - wire["min"]) * 127
            for name, wire in CONTROL_MAP.items()
        }

    def seconds_until_right(self, held: Callable[[], Mapping[int, int]], timeout_s: float = 6.0) -> float:
        """How long until all five controllers a receiver holds are within one step of OSC; NEVER when not in time."""

        def is_right() -> bool:
            cc = held()
            return all(abs(cc.get(number, -127) - value) <= 1.0 for number, value in self.expected_cc().items())

        begun = time.monotonic()
        try:
            wait_until(is_right, "five right controllers", timeout_s)
        except PeerError:
            return NEVER
        return time.monotonic() - begun

    def stretch(self, seconds: float) -> Stretch:
        """Watch the next `seconds`."""
        skipped, begun = self._skipped(), time.monotonic()
        time.sleep(seconds)
        arrivals = self.ear.arrivals()
        return Stretch(seconds, np.diff(arrivals[arrivals >= begun]), self._skipped() - skipped)

    def _skipped(self) -> int:
        """Since the start, by the newest summary in the log."""
        wait_until(lambda: bool(log_events(self.choreo, event="cadence")), "a summary in the log")
        return int(log_events(self.choreo, event="cadence")[-1]["skipped"])


@contextmanager
def show(
    folder: Path, server: JackServer | None, bridges: Mapping[str, Mapping[str, Any]], *, dancers: int = 1
) -> Iterator[Show]:
    """Run the service with `bridges` (name -> settings) beside an OSC output; without dancers the controls rest.

    With a JACK server it is there once its port CLIENT is.
    """
    (folder / "map.yaml").write_text(json.dumps(CONTROL_MAP), encoding="utf-8")
    with OscEar() as ear:
        settings = {
            "engine": {"performers": max(1, dancers)},
            "control_map": str(folder / "map.yaml"),
            "sensors": {"phone": None, "dancer": {"type": "synthetic", "performers": dancers} if dancers else None},
            "bridges": {"bars": None, "midi": None, "synth": {"type": "osc_out", "port": ear.port}, **bridges},
            "output": {"exit_ease_s": 0.2},
            "telemetry": {"summary_s": 0.5},
        }
        with Choreo(folder, settings, server=server, midi_client=CLIENT if server else None) as choreo:
            yield Show(choreo, ear)
