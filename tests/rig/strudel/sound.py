"""What Strudel played, and the measures its controls change."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from rig.analysis import rms_envelope, spectral_centroid

Series = NDArray[np.float64]

HIGH_HZ: Final = 3000.0
FLUX_HZ: Final = 2000.0
HOP_S: Final = 0.01
WINDOW: Final = 1024  # samples
ECHO_S: Final = 0.45  # after the last event: what sounds now is reverb and delay


@dataclass(frozen=True)
class Sound:
    """Samples [n, 2] and what came with them."""

    samples: NDArray[np.float32]
    rate: int  # Hz
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, message: Mapping[str, Any]) -> Self:
        """From what the page hands over."""
        sides = [np.frombuffer(base64.b64decode(message[side]), np.float32) for side in ("left", "right")]
        facts = {key: value for key, value in message.items() if key not in ("left", "right")}
        return cls(np.stack(sides, axis=1), int(message["rate"]), facts)

    @cached_property
    def mono(self) -> Series:
        return self.samples.mean(axis=1).astype(np.float64)

    @property
    def peak(self) -> float:
        """Of either side; beyond 1 it clips."""
        return float(np.abs(self.samples).max())

    @property
    def rms(self) -> float:
        return float(np.sqrt(np.mean(self.mono**2)))

    @property
    def centroid(self) -> float:
        """Amplitude-weighted mean frequency in Hz of its louder half: a kick hides everything in a power centroid."""
        loud = rms_envelope(self.mono, self.rate)
        return float(spectral_centroid(self.mono, self.rate)[loud >= np.median(loud)].mean())

    @property
    def high(self) -> float:
        """Part of the amplitude above HIGH_HZ."""
        power = np.abs(np.fft.rfft(self.mono)) ** 2
        hz = np.fft.rfftfreq(len(self.mono), 1.0 / self.rate)
        return float(np.sqrt(power[hz > HIGH_HZ].sum() / power.sum()))

    def onsets_s(self) -> Series:
        """Times in s at which notes begin: peaks of the spectral flux above FLUX_HZ, at least 40 ms apart.

        Loudness alone would find none between dense notes with reverb, and a kick hides everything below.
        """
        flux = self._flux()
        found: list[int] = []
        for i in range(len(flux)):
            near, around = flux[max(0, i - 3) : i + 4], flux[max(0, i - 12) : i + 13]
            stands_out = flux[i] == near.max() and flux[i] > max(0.02, 1.35 * around.mean())
            if stands_out and (not found or i - found[-1] >= 4):
                found.append(i)
        return (np.array(found, dtype=np.float64) + 2) * HOP_S

    def _flux(self) -> Series:
        """Mean rise of the log spectrum within two hops, a value every HOP_S."""
        hop = round(HOP_S * self.rate)
        starts = range(0, len(self.mono) - WINDOW, hop)
        windows = np.stack([self.mono[start : start + WINDOW] for start in starts]) * np.hanning(WINDOW)
        spectrum = np.abs(np.fft.rfft(windows, axis=1))[:, int(FLUX_HZ * WINDOW / self.rate) :] / WINDOW
        level = np.log1p(1000.0 * spectrum)
        return np.asarray(np.maximum(0.0, level[2:] - level[:-2]).mean(axis=1), dtype=np.float64)

    def until(self, seconds: float) -> Sound:
        return Sound(self.samples[: round(seconds * self.rate)], self.rate, self.facts)

    def since(self, seconds: float) -> Sound:
        return Sound(self.samples[round(seconds * self.rate) :], self.rate, self.facts)
