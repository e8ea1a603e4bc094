"""Gestures with labels, written into the motion columns where these can show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from choreo_pipelines.generator.noise import Array
from choreo_pipelines.generator.settings import ENERGY, HIP, HZ, JERK
from choreo_service.packets import MODALITIES

PER_MINUTE: Final = 3.0  # what a performer makes on stage; more would flatter any detector
APART_S: Final = 3.0  # at least, between two gestures
FROM_S: Final = 4.0  # the first seconds belong to whoever calibrates


@dataclass(frozen=True, slots=True)
class Gesture:
    """One label. Times in seconds since the session's first frame."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Kind:
    """One class of gestures: how long it takes, and what it does to the motion columns [n, 6] of its frames."""

    seconds: tuple[float, float]
    draw: Callable[[Array, Array, float], None] | None  # (rows, seconds since its start, size); None: leaves no trace


def plan(rng: np.random.Generator, frames: int) -> tuple[Gesture, ...]:
    """Gestures for a session, in order and apart from each other, on whole frames; every class has its turn."""
    gestures: list[Gesture] = []
    queue: list[str] = []
    end_s = frames / HZ
    at_s = FROM_S + float(rng.exponential(_MEAN_WAIT_S / 2.0))
    while True:
        queue = queue or rng.permutation(sorted(KINDS)).tolist()
        name = queue.pop()
        start = round(at_s * HZ)
        stop = start + round(float(rng.uniform(*KINDS[name].seconds)) * HZ)
        if stop / HZ > end_s - 1.0:
            return tuple(gestures)
        gestures.append(Gesture(name, start / HZ, stop / HZ))
        at_s = stop / HZ + APART_S + float(rng.exponential(_MEAN_WAIT_S))


def insert(motion: Array, gestures: Sequence[Gesture], size: float) -> Array:
    """A copy of `motion` [T, 6] with the gestures in it, as large as a performer of `size` makes them."""
    out = motion.copy()
    for gesture in gestures:
        draw = KINDS[gesture.name].draw
        if draw is not None:
            rows = out[round(gesture.start_s * HZ) : round(gesture.end_s * HZ)]
            draw(rows, np.arange(len(rows)) / HZ, size)
    return out


_E, _F, _J, _SWAY, _BOUNCE, _SYM = (
    MODALITIES["motion"].columns.index(name)
    for name in ("motion_energy", "motion_freq", "jerk", "hip_sway", "hip_bounce", "symmetry")
)
_G: Final = 9.81  # m/s^2


def _bump(t: Array, at_s: float, width_s: float) -> Array:
    return np.exp(-0.5 * ((t - at_s) / width_s) ** 2)


def _stomp(rows: Array, t: Array, size: float) -> None:
    """One foot, hard: a spike that the energy's averaging spreads."""
    rows[:, _E] += 3.0 * ENERGY * size * _bump(t, 0.14, 0.06)
    rows[:, _J] += 4.0 * JERK * size * _bump(t, 0.10, 0.025)
    rows[:, _BOUNCE] += 5.0 * HIP * size * _bump(t, 0.10, 0.03)


def _jump(rows: Array, t: Array, size: float) -> None:
    """Push, free fall of at least 0.28 s, impact. In free fall the body accelerates with g, so its energy is high."""
    lift, land = 0.16, t[-1] - 0.14
    flying = (t > lift) & (t < land)
    rows[flying, _E], rows[flying, _BOUNCE], rows[flying, _SWAY] = _G, -_G, 0.0
    rows[:, _E] += 2.0 * ENERGY * size * (0.5 * _bump(t, lift, 0.05) + _bump(t, land + 0.04, 0.05))
    rows[:, _BOUNCE] += 6.0 * HIP * size * (0.5 * _bump(t, lift - 0.06, 0.03) + _bump(t, land + 0.05, 0.03))
    rows[:, _J] += 4.0 * JERK * size * (0.6 * _bump(t, lift, 0.025) + _bump(t, land + 0.02, 0.025))


def _freeze(rows: Array, t: Array, size: float) -> None:
    """Nothing moves. Frequency and symmetry keep their value, as the tracker on stage does."""
    still = 0.02 + 0.98 * _bump(t, 0.0, 0.06)
    rows[:, [_E, _SWAY, _BOUNCE]] *= still[:, None]
    rows[:, _J] = np.minimum(rows[:, _J] * still, 0.1 * JERK)
    rows[:, [_F, _SYM]] = rows[0, [_F, _SYM]]


def _wave(rows: Array, t: Array, size: float) -> None:
    """From side to side at 3 Hz, which the frequency tracker follows half-way."""
    swell = np.sin(np.pi * t / t[-1]) ** 2
    rows[:, _SWAY] += 2.0 * HIP * size * swell * np.sin(2.0 * np.pi * 3.0 * t)
    rows[:, _E] += 0.8 * ENERGY * size * swell
    rows[:, _F] += 0.5 * swell * (3.0 - rows[:, _F])


def _pulse(rows: Array, t: Array, size: float) -> None:
    """Three bounces, 0.22 s apart."""
    bumps = sum((_bump(t, 0.12 + 0.22 * i, 0.04) for i in range(3)), np.zeros(len(t)))
    rows[:, _E] += 1.2 * ENERGY * size * bumps
    rows[:, _BOUNCE] += 2.0 * HIP * size * bumps
    rows[:, _J] += 1.5 * JERK * size * bumps


KINDS: Final[Mapping[str, Kind]] = {
    "freeze": Kind((1.0, 3.0), _freeze),
    "jump": Kind((0.6, 0.8), _jump),
    "pulse": Kind((0.7, 0.9), _pulse),
    # A turn is rotation, which no frame column holds; its detector needs the gyroscope's raw stream.
    "spin": Kind((0.8, 1.6), None),
    "stomp": Kind((0.35, 0.5), _stomp),
    "wave": Kind((1.2, 2.4), _wave),
}
_MEAN_WAIT_S: Final = 60.0 / PER_MINUTE - APART_S - float(np.mean([k.seconds for k in KINDS.values()]))
