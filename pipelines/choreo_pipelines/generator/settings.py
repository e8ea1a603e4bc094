"""What a synthetic session is made with: the settings a user chooses, and the performer the seed draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from choreo_service.errors import ConfigError

VERSION: Final = 1  # rises whenever the same seed gives other numbers
HZ: Final = 50  # frames per second, the cadence of the service's default configuration
HR_MODES: Final = ("clean", "ble")
TAU_PRESETS_S: Final = (3.0, 15.0, 30.0, 60.0)  # the first is the default; measured hearts need 30-60 s

# Full effort in the units of the columns, so that these bodies stand where a phone on a real hip does.
ENERGY: Final = 3.0  # m/s^2
JERK: Final = 120.0  # m/s^3
HIP: Final = 2.0  # m/s^2

# What a column may hold, ends included. Wide enough for every gesture, narrow enough to expose a wrong unit.
BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "motion_energy": (0.0, 40.0),
    "motion_freq": (0.2, 5.0),
    "jerk": (0.0, 1500.0),
    "hip_sway": (-20.0, 20.0),
    "hip_bounce": (-40.0, 40.0),
    "symmetry": (0.0, 1.0),
    "hr": (40.0, 220.0),
    "hr_slope": (-60.0, 60.0),
    "beat_phase": (0.0, 1.0),
    "beat_idx": (0.0, 3.0),
    "context": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The choices behind a session. ConfigError when one can't be danced."""

    minutes: float = 3.0
    bpm: tuple[float, float] = (92.0, 132.0)  # each session draws its tempo from this range
    hr_mode: str = "clean"  # "clean": the heart itself; "ble": what a strap shows of it, integers once a second
    tau_s: float = TAU_PRESETS_S[0]  # time constant of the heart
    dead_time_s: float = 0.0  # how long the heart takes to notice the effort at all
    gestures: bool = False

    def __post_init__(self) -> None:
        # Below half a minute at 40 bpm a session may hold one section, whose context says nothing.
        _within("minutes", self.minutes, 0.5, 120.0, "--minutes 3")
        _within("bpm", self.bpm[0], 40.0, 200.0, "--bpm 92 132")
        _within("bpm", self.bpm[1], self.bpm[0], 200.0, "--bpm 92 132, the lower first")
        _within("tau", self.tau_s, 0.5, 120.0, "--tau 3")
        _within("dead time", self.dead_time_s, 0.0, 20.0, "--dead-time 0")
        if self.hr_mode not in HR_MODES:
            raise ConfigError(f"hr mode {self.hr_mode!r:.40}: expected {' or '.join(HR_MODES)}", fix="--hr-mode clean")

    @property
    def frames(self) -> int:
        """How many frames a session has."""
        return round(self.minutes * 60.0 * HZ)


@dataclass(frozen=True, slots=True)
class Performer:
    """One body. No two sessions of a seed share one."""

    id: str
    size: float  # factor of all motion
    resting_bpm: float
    gain_bpm: float  # what full effort adds to the heart rate
    late_beats: float  # how far behind the beat this body moves
    jitter_beats: float  # standard deviation of its hits around that

    @classmethod
    def draw(cls, rng: np.random.Generator, name: str) -> Self:
        return cls(
            id=name,
            size=float(np.clip(rng.lognormal(0.0, 0.15), 0.6, 1.6)),
            resting_bpm=float(np.clip(rng.normal(72.0, 6.0), 55.0, 90.0)),
            gain_bpm=float(np.clip(rng.normal(80.0, 8.0), 60.0, 100.0)),
            late_beats=float(rng.uniform(-0.01, 0.03)),
            jitter_beats=float(rng.uniform(0.012, 0.028)),
        )


def _within(name: str, value: float, lo: float, hi: float, fix: str) -> None:
    if not lo <= value <= hi:  # NaN is not within either
        raise ConfigError(f"{name} is {value:g}; expected {lo:g}..{hi:g}", fix=fix)
