"""Optical motion capture of one dancer as a recording of a sensor on the hip."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_adapters.osc.presets import STANDARD_GRAVITY
from choreo_pipelines.importers import Recording, SourceError
from choreo_pipelines.importers.recording import track
from choreo_service.clock import NS

HIPS: Final = ("Hip_FL", "Hip_FR", "Hip_BL", "Hip_BR")
REACH: Final = 3  # frames each side of the fitted parabola; at 60 Hz half the amplitude is left at about 9 Hz


def read_mocap(path: Path) -> Recording:
    """An .npz with markers_mm [frames, markers, 3] (z up), names [markers] and rate_hz, as a Recording.

    The middle of the hip markers gives linear_acceleration, the second derivative of a parabola through 2 * REACH + 1
    positions; gravity points along z. No gyroscope and no turning device: the axes are those of the room. Markers of
    hands and feet have no stream to go to; symmetry is found in the hip's motion as on stage. SourceError when the
    file is none of these.
    """
    markers, names, rate_hz = _load(path)
    if absent := [name for name in HIPS if name not in names]:
        raise SourceError(f"{path} lacks the markers {', '.join(absent)}", fix="export it with the hip markers")
    hip_m = markers[:, [names.index(name) for name in HIPS]].mean(axis=1) / 1000.0
    acceleration = second_derivative(hip_m, rate_hz)
    at_ns = np.round((np.arange(len(acceleration)) + REACH) * NS / rate_hz).astype(np.int64)
    up = np.tile((0.0, 0.0, STANDARD_GRAVITY), (len(acceleration), 1))
    made = (
        track("linear_acceleration", at_ns, acceleration, "m/s^2 (second derivative of mm)"),
        track("gravity", at_ns, up, "m/s^2 (z is up)"),
    )
    ignored = tuple(name for name in names if name not in HIPS)
    notes = tuple(note for _, remarks in made for note in remarks)
    tracks = tuple(found for found, _ in made if found is not None)
    if made[0][0] is None:
        raise SourceError(f"{path} has no frame with all hip markers", fix="fill the gaps of the capture first")
    return Recording("mocap", path.stem, tracks, wall=False, ignored=ignored, notes=notes)


def second_derivative(position: NDArray[Any], rate_hz: float) -> NDArray[np.float64]:
    """[n - 2 * REACH, 3] of `position` [n, 3]: twice the square term of the least-squares parabola around each frame.

    Plain second differences would multiply the markers' noise of some 0.1 mm to 0.7 m/s^2 at 60 Hz.
    """
    j = np.arange(-REACH, REACH + 1, dtype=np.float64)
    square = np.linalg.pinv(np.column_stack((np.ones_like(j), j, j * j)))[2]
    windows = np.lib.stride_tricks.sliding_window_view(np.asarray(position, np.float64), len(j), axis=0)
    bent: NDArray[np.float64] = 2.0 * rate_hz**2 * (windows @ square)
    return bent


def _load(path: Path) -> tuple[NDArray[Any], list[str], float]:
    """(markers in mm [frames, markers, 3], names, frames per second)."""
    try:
        with np.load(path, allow_pickle=False) as data:
            markers, names, rate_hz = data["markers_mm"], [str(n) for n in data["names"]], float(data["rate_hz"])
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise SourceError(
            f"{path} is no motion capture: expected markers_mm, names and rate_hz, found: {error}",
            fix="name an .npz file with these arrays",
        ) from error
    if markers.ndim != 3 or markers.shape[1:] != (len(names), 3) or len(markers) <= 2 * REACH or not rate_hz > 0:
        raise SourceError(
            f"{path}: markers_mm has shape {list(markers.shape)} at {rate_hz:g} Hz; "
            f"expected [more than {2 * REACH}, {len(names)}, 3] at more than 0",
            fix="export the capture again",
        )
    return markers, names, rate_hz
