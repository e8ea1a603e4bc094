"""The six motion columns of one body, from its acceleration without gravity."""

from __future__ import annotations

import math
from typing import Final

from choreo_service.features.axis import LeadingAxis
from choreo_service.features.bands import BandPass, LowPass
from choreo_service.features.component import Component
from choreo_service.features.gravity import Split, level_split
from choreo_service.features.jerk import Jerk
from choreo_service.features.symmetry import StepSymmetry
from choreo_service.features.tempo import GRID_HZ, ResonatorBank
from choreo_service.features.vectors import ZERO, dot

ENERGY_S: Final = 0.06  # beat-level density
EFFORT_S: Final = 2.0
BAND_HZ: Final = (0.6, 4.0)  # of bounce and sway
AXIS_S: Final = 10.0
SILENCE_S: Final = 0.1  # without samples before energy, jerk, sway and bounce fade; at least two sample periods
FADE_S: Final = 0.15

Columns = tuple[float, float, float, float, float, float]


class Movement(Component):
    """Filters that know the time between samples, so that 32 Hz, 100 Hz and 400 Hz give the same columns.

    Energy, bounce and sway answer each sample at once. Frequency and symmetry, slow by nature, read bounce and sway
    on a 50 Hz grid drawn by straight lines between samples.
    """

    STATE = (
        *("energy", "effort", "jerk", "bounce_band", "sway_band", "sway_axis", "upright", "bank", "symmetry"),
        *("period", "jerk_now", "bounce", "sway", "grid_wait"),
    )

    def __init__(self) -> None:
        self.energy = LowPass(ENERGY_S, from_zero=True)
        self.effort = LowPass(EFFORT_S, from_zero=True)  # what one limb does, to be compared with the other
        self.jerk = Jerk()
        self.bounce_band = BandPass(*BAND_HZ)
        self.sway_band = BandPass(*BAND_HZ)
        self.sway_axis = LeadingAxis(AXIS_S)
        self.upright = LeadingAxis(AXIS_S)  # stands in for up when nothing tells it: most of a dance is vertical
        self.bank = ResonatorBank()
        self.symmetry = StepSymmetry()
        self.reset()

    def reset(self) -> None:
        for part in (self.energy, self.effort, self.jerk, self.bounce_band, self.sway_band, self.sway_axis):
            part.reset()
        self.upright.reset()
        self.bank.reset()
        self.symmetry.reset()
        self.period = 0.01  # s, the source's spacing
        self.jerk_now = 0.0
        self.bounce = 0.0
        self.sway = 0.0
        self.grid_wait = 1.0 / GRID_HZ  # s until the next grid point

    def step(self, split: Split, dt: float, period: float) -> None:
        """One acceleration, `dt` s after the one before; `period` is the smoothed spacing."""
        if split.up == ZERO:
            self.upright.project(split.linear, dt)
            split = level_split(split.linear, self.upright.axis)
        linear, level, up = split
        self.period = period
        power = dot(linear, linear)
        self.energy.step(power, dt)
        self.effort.step(power, dt)
        self.jerk_now = self.jerk.step(linear, period)
        bounce, sway = self.bounce, self.sway
        self.bounce = self.bounce_band.step(dot(linear, up), dt)
        self.sway = self.sway_band.step(self.sway_axis.project(level, dt), dt)
        self._fill_grid(bounce, sway, dt)

    def rejoin(self, split: Split, silence_s: float) -> None:
        """Go on after a gap or from another sensor, with `split` first: nothing is drawn across, nothing jumps up."""
        self.energy.y *= self.fade(silence_s) ** 2
        power = dot(split.linear, split.linear)
        self.energy.rejoin(power)
        self.effort.rejoin(power)
        self.jerk.reset()
        self.bounce_band.reset()
        self.sway_band.reset()
        self.bounce = self.sway = 0.0
        self.bank.pause(silence_s)

    def fade(self, silence_s: float) -> float:
        """What is left of the fast columns after so many seconds without a sample."""
        if silence_s <= SILENCE_S:
            return 1.0
        over = silence_s - max(SILENCE_S, 2.0 * self.period)
        return math.exp(-over / FADE_S) if over > 0.0 else 1.0

    def columns(self) -> Columns:
        """Energy, frequency, jerk, sway, bounce, symmetry after the last sample."""
        energy = math.sqrt(self.energy.y)
        return (energy, self.bank.frequency, self.jerk_now, self.sway, self.bounce, self.symmetry.value)

    def _fill_grid(self, bounce: float, sway: float, dt: float) -> None:
        """Grid points on the line from (bounce, sway) to the present values."""
        self.grid_wait -= dt
        while self.grid_wait <= 0.0:
            back = -self.grid_wait / dt  # part of the line that lies after the grid point
            back = back if back < 1.0 else 1.0
            at_bounce = self.bounce + (bounce - self.bounce) * back
            self.bank.push(at_bounce, self.sway + (sway - self.sway) * back)
            self.symmetry.push(at_bounce, self.bank.moving, self.bank.frequency)
            self.grid_wait += 1.0 / GRID_HZ
