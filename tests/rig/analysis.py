"""What changed in the sound, as numbers. Pure numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.floating[Any]]
Series = NDArray[np.float64]


def rms_envelope(samples: Samples, rate: int, window_s: float = 0.05) -> Series:
    """Root mean square of consecutive windows: samples [n] -> [n // window]. A shorter rest is left out."""
    return np.asarray(np.sqrt(np.mean(_windows(samples, rate, window_s) ** 2, axis=1)), dtype=np.float64)


def spectral_centroid(samples: Samples, rate: int, window_s: float = 0.05) -> Series:
    """Amplitude-weighted mean frequency in Hz of consecutive windows: samples [n] -> [n // window]; 0 in silence."""
    windows = _windows(samples, rate, window_s)
    spectrum = np.abs(np.fft.rfft(windows * np.hanning(windows.shape[1]), axis=1))
    hz = np.fft.rfftfreq(windows.shape[1], 1.0 / rate)
    weight = spectrum.sum(axis=1)
    return np.asarray(
        np.divide(spectrum @ hz, weight, out=np.zeros_like(weight), where=weight > 1e-9), dtype=np.float64
    )


def steady_centroid(samples: Samples, rate: int, window_s: float = 0.1) -> Series:
    """The median of `spectral_centroid` over the five fifths of each window: samples [n] -> [n // window].

    Where an overrun of JACK lost a block, the sound is spliced, and a splice is a click: it brightens one fifth only.
    """
    fifths = spectral_centroid(samples, rate, window_s / 5)
    return np.asarray(np.median(fifths[: len(fifths) // 5 * 5].reshape(-1, 5), axis=1), dtype=np.float64)


def best_lag_correlation(cause: Series, effect: Series, max_lag: int) -> tuple[float, int]:
    """Pearson correlation of `effect` with `cause` at the lag 0..max_lag that fits best, and that lag.

    Both are [n] on one grid; the effect never leads. A series that doesn't vary correlates with nothing: 0.
    """
    scores = [(_pearson(cause[: len(cause) - lag], effect[lag:]), lag) for lag in range(max_lag + 1)]
    return max(scores)


def _windows(samples: Samples, rate: int, window_s: float) -> Series:
    width = round(window_s * rate)
    count = len(samples) // width
    if count == 0:
        raise ValueError(f"{len(samples)} samples are shorter than one window of {width}")
    return np.asarray(samples[: count * width], dtype=np.float64).reshape(count, width)


def _pearson(a: Series, b: Series) -> float:
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0.0 else 0.0
