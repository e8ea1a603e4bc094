"""Runs of bench.host with a phone and one OSC bundle a tick: what its ticks tell, tick by tick."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bench.child import Host, free_port
from choreo_service.clock import monotonic_ns

PERIOD_MS: Final = 20.0
SETTINGS: Final = {
    "sensors": {"phone": {"type": "osc_motion", "layout": "choreo"}},
    "bridges": {"bars": None, "midi": None, "synth": {"type": "osc_out", "layout": "bundle"}},
    "doors": {"osc": None},
    "output": {"change_threshold": 0},  # so that a bundle leaves in every tick
    "dashboard": {"enabled": False},
    "log": {"level": "error"},
}
SETTLE_S: Final = 4.0  # past the start and the first samples


def start(output_port: int, options: Mapping[str, Any] | None = None, **how: Any) -> tuple[Host, int]:
    """A service that plays, and the port it hears the phone on; `how` is what `Host` accepts."""
    port = free_port()
    host = Host(SETTINGS, {"sensors.phone.port": port, "bridges.synth.port": output_port, **(options or {})}, **how)
    host.await_port(port)
    return host, port


@dataclass(frozen=True)
class Ticks:
    """Of each tick, ns of CLOCK_MONOTONIC: when due, when begun, when the newest sample it knew was received."""

    due: NDArray[np.int64]
    begun: NDArray[np.int64]
    newest: NDArray[np.int64]

    @classmethod
    def between(cls, begin_ns: int, end_ns: int, result: Mapping[str, Any]) -> Ticks:
        """Those due in a stretch of time, from what `Host.end` gave. ValueError if there are none."""
        table = np.array(result["ticks"], dtype=np.int64).reshape(-1, 3)
        table = table[(table[:, 0] >= begin_ns) & (table[:, 1] <= end_ns)]
        if not len(table):
            raise ValueError("no tick was played in the time that was measured")
        return cls(*table.T)

    @property
    def late_ms(self) -> NDArray[np.float64]:
        return (self.begun - self.due) / 1e6

    @property
    def age_ms(self) -> NDArray[np.float64]:
        """How old the newest sample was when the tick began."""
        return (self.begun - self.newest) / 1e6

    @property
    def skipped(self) -> int:
        """Slots between the first and the last tick that weren't played."""
        slots: int = round((self.due[-1] - self.due[0]) / 1e6 / PERIOD_MS) + 1
        return slots - len(self.due)

    @property
    def drift_ms(self) -> float:
        """How far the furthest due time lies from the grid of the first."""
        off = (self.due - self.due[0]) % round(PERIOD_MS * 1e6)
        return float(np.minimum(off, round(PERIOD_MS * 1e6) - off).max()) / 1e6


def settled_ns() -> int:
    """Wait until the start is over; the time then."""
    time.sleep(SETTLE_S)
    return monotonic_ns()
