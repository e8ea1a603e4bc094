"""What can go wrong in a simulated show, drawn from its seed: each show turns a random part on (swarm testing)."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

SENSOR_FAULTS: Final = (
    "drop",  # single samples are lost
    "gap",  # hundreds of milliseconds without any
    "outage",  # seconds without any
    "reorder",  # samples arrive in another order than they were taken
    "burst",  # what was held back comes at once
    "nan",
    "huge",
    "wrong width",
    "unknown stream",
    "unknown performer",
    "clock jump",  # the device's own clock steps
    "flood",
    "crash",
    "silent death",  # neither data nor an exception
)
BRIDGE_FAULTS: Final = (
    "lose",
    "raise",
    "refuse to start",
    "new receiver",  # behind a bridge that stays: it is sent everything once more
)
MACHINE_FAULTS: Final = ("stall", "busy")  # the loop blocked for long, and every tick for a little
DISK_FAULTS: Final = (
    "full",
    "slow",  # syncs take long
    "stuck",  # writes do
    "refuses",
)
CRASHES: Final = ("power cut", "kill")
POISON: Final = (math.nan, math.inf, -math.inf, 1e30, -1e308, 5e-324)


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of one show. `rng` draws everything that happens during it."""

    seed: int
    seconds: float
    performers: int
    bound: int  # of the ingress, samples per source
    sensor: frozenset[str]
    bridge: frozenset[str]
    machine: frozenset[str]
    commands: bool
    rate: float  # how often each fault strikes, per second
    exit_ease_s: float
    disk: frozenset[str]
    crash: str  # what happens at `crash_s`; the show is looked at as it was then, and played on
    crash_s: float
    recording: bool  # from the first tick on; else only when the operator asks for it
    queue_s: float  # of the recorder
    rng: random.Random = field(compare=False)

    @classmethod
    def of(cls, seed: int, seconds: float) -> Plan:
        rng = random.Random(seed)
        return cls(
            seed=seed,
            seconds=seconds,
            performers=rng.choice((1, 1, 1, 2, 3)),
            bound=rng.choice((4, 32, 512)),
            sensor=_some(rng, SENSOR_FAULTS),
            bridge=_some(rng, BRIDGE_FAULTS),
            machine=_some(rng, MACHINE_FAULTS),
            commands=rng.random() < 0.5,
            rate=rng.choice((0.2, 1.0, 4.0)),
            exit_ease_s=rng.choice((0.0, 0.1, 0.5)),
            disk=_some(rng, DISK_FAULTS),
            crash=rng.choice(CRASHES),
            crash_s=rng.uniform(0.05, seconds),
            recording=rng.random() < 0.8,
            queue_s=rng.choice((1.0, 3.0, 300.0)),
            rng=rng,
        )

    def __str__(self) -> str:
        faults = sorted(self.sensor | self.bridge | self.machine) + [f"disk {fault}" for fault in sorted(self.disk)]
        named = ", ".join([*faults, f"{self.crash} at {self.crash_s:.2f} s"])
        return f"seed {self.seed}: {self.performers} performers, {self.seconds:g} s, faults: {named}"


def _some(rng: random.Random, faults: Sequence[str]) -> frozenset[str]:
    share = rng.choice((0.0, 0.3, 0.7))
    return frozenset(fault for fault in faults if rng.random() < share)
