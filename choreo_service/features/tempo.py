"""Movement frequency: a bank of leaky resonators, held while the body rests."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.features.component import Component
from choreo_service.features.vectors import clamp

GRID_HZ: Final = 50.0  # rate of `push`
BLOCK: Final = 5  # pushes per update of the bank
FREQUENCIES: Final = np.arange(71) * 0.05 + 0.5  # Hz
MEMORY_S: Final = 2.0  # of each resonator: one is 0.16 Hz wide
GAIN_S: Final = 1.0  # automatic gain control, time constant
GATE_S: Final = 0.25  # time constant of the level that opens and closes the gate
OPEN_AT: Final = 0.15  # m/s^2 rms: a body moves (dancing 1-5, a still phone's noise 0.03)
CLOSE_AT: Final = 0.08
SETTLE_S: Final = 0.8  # of movement before the bank is believed
BEAT_HZ: Final = 2.0  # Hz, the tempo people tap and walk to by themselves (Moelants 2002)
BEAT_OCTAVES: Final = 0.8  # a rhythm this far above it counts exp(-1/2): a bounce on every eighth is no second tempo
SWAY_WEIGHT: Final = 0.5  # bodies keep time vertically; sway swings at half the step and wins only when clearly larger

_BEATS: Final = np.exp(-0.5 * (np.maximum(0.0, np.log2(FREQUENCIES / BEAT_HZ)) / BEAT_OCTAVES) ** 2)
_STEP: Final = np.exp((2j * np.pi * FREQUENCIES - 1.0 / MEMORY_S) / GRID_HZ)
_DECAY: Final = np.tile(_STEP**BLOCK, (2, 1))  # of bounce and sway
_INPUT: Final = _STEP[None, :] ** np.arange(BLOCK - 1, -1, -1)[:, None]


class ResonatorBank(Component):
    """Frequency of the strongest rhythm in bounce and sway, 0.5-4 Hz.

    At 1.8 Hz it is within 5 % 1.7 s after a cold start and 2.6 s after a tempo step of 17 %; slower bodies take longer.
    71 complex resonators z <- z*exp((i*w - 1/tau)/rate) + x on a fixed 50 Hz grid, advanced five samples at a time by
    one matrix product. The gate looks at the level before the gain control: after it, a still phone's noise is as
    loud as a dance.
    """

    STATE = ("frequency", "moving", "active_s", "gain_power", "gate_power", "block", "filled", "z")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.frequency = 0.0  # Hz; 0 until something has moved
        self.moving = False
        self.active_s = 0.0  # since the gate opened
        self.gain_power = 0.0
        self.gate_power = 0.0
        self.block: NDArray[np.float64] = np.zeros((2, BLOCK))
        self.filled = 0
        self.z: NDArray[np.complex128] = np.zeros((2, FREQUENCIES.size), dtype=np.complex128)

    def push(self, bounce: float, sway: float) -> None:
        """One pair of band-passed accelerations (m/s^2) on the 50 Hz grid."""
        power = bounce * bounce + sway * sway
        self.gate_power += (power - self.gate_power) / (GATE_S * GRID_HZ)
        self._gate()
        # growing memory: from a standing start an average would trail and the first movements be blown up
        memory_s = clamp(self.active_s, 1.0 / GRID_HZ, GAIN_S)
        self.gain_power += (power - self.gain_power) / (GRID_HZ * memory_s)
        gain = 1.0 / max(math.sqrt(self.gain_power), OPEN_AT) if self.moving else 0.0
        self.block[0, self.filled] = bounce * gain
        self.block[1, self.filled] = sway * gain * SWAY_WEIGHT
        self.filled += 1
        if self.filled == BLOCK:
            self._advance()

    def pause(self, silence_s: float) -> None:
        """Nothing was heard for so long: what rang fades, and the bank must settle again before it is believed."""
        self.z = self.z * math.exp(-max(0.0, silence_s) / MEMORY_S)
        self.moving, self.active_s, self.gate_power, self.filled = False, 0.0, 0.0, 0

    def _gate(self) -> None:
        level = math.sqrt(self.gate_power)
        self.moving = level > (CLOSE_AT if self.moving else OPEN_AT)
        self.active_s = self.active_s + 1.0 / GRID_HZ if self.moving else 0.0

    def _advance(self) -> None:
        self.filled = 0
        self.z = self.z * _DECAY + self.block @ _INPUT
        if self.moving and self.active_s >= SETTLE_S:
            bounce, sway = self.z.real**2 + self.z.imag**2
            self.frequency = _peak(bounce + sway)


def _peak(power: NDArray[np.float64]) -> float:
    """Frequency of the bin that counts most, refined by the parabola through its neighbours.

    A dancer who bounces on every eighth keeps the beat in the bounce, at times with less power: the double of the tempo
    counts less than the tempo. Below BEAT_HZ all count the same: there the double is the impacts' harmonic.
    The parabola runs through 1/power: a resonator's response to a steady tone is 1/(1 + (tau*dw)^2), whose inverse is
    a parabola exactly.
    """
    i = int((power * _BEATS).argmax())
    offset = 0.0
    if 0 < i < power.size - 1:
        left, mid, right = (1.0 / max(p, 1e-300) for p in power[i - 1 : i + 2].tolist())
        bend = left - 2.0 * mid + right
        offset = 0.5 * (left - right) / bend if bend > 0.0 else 0.0
    return float(FREQUENCIES[i]) + 0.05 * min(0.5, max(-0.5, offset))
