"""A corpus walked through the service's own M1, many sessions side by side: no second path from features to latents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_models.inference.absence import Absence, reconstruct
from choreo_models.inference.coherence import Coherence
from choreo_models.inference.grid import Grid
from choreo_models.inference.kernels import CoherenceKernel
from choreo_models.inference.standardise import FeatureScaler
from choreo_pipelines.datasets import Entry
from choreo_service.clock import NS
from choreo_service.packets import LATENT_DIM, MODALITIES, BoolArray, FloatArray, Frame, states_of

SIDE_BY_SIDE: Final = 32  # sessions in one call; their latents are all the memory a walk needs
_WIDTHS: Final = np.cumsum([m.width for m in MODALITIES.values()])[:-1]
# A corpus keeps presence, not age: what a recorded take held for a moment counts as live here, unlike on stage.
_AGE_S: Final = 0.0


def groups(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """`entries` in groups small enough to walk side by side, in their order."""
    for first in range(0, len(entries), SIDE_BY_SIDE):
        yield entries[first : first + SIDE_BY_SIDE]


def frames(features: Sequence[FloatArray], present: Sequence[NDArray[np.generic]], hz: float) -> Iterator[Frame]:
    """Frames of several sessions [T_i, 11] and [T_i, 4] as one group of performers; a session that has ended is a
    performer with no sensor."""
    longest = max(map(len, features))
    rows = len(features)
    x = np.zeros((longest, rows, features[0].shape[1]), np.float32)
    there = np.zeros((longest, rows, len(MODALITIES)), np.bool_)
    for row, (values, flags) in enumerate(zip(features, present, strict=True)):
        x[: len(values), row] = values
        there[: len(flags), row] = flags
    age_s = np.full((rows, len(MODALITIES)), _AGE_S, np.float32)
    period_ns = round(NS / hz)
    for i in range(longest):
        motion, heart, beat, context = np.split(x[i], _WIDTHS, axis=1)
        yield Frame(i + 1, 1, (i + 1) * period_ns, motion, heart, beat, context, states_of(there[i]), age_s)


def coherence(
    kernel: CoherenceKernel, scaler: FeatureScaler, rows: int, hz: float, absence: Absence = reconstruct
) -> Coherence:
    """M1 stepping once per frame."""
    return Coherence(kernel, scaler, performers=rows, grid=Grid(1.0), hz=hz, absence=absence)


class Tap:
    """A kernel that computes nothing and remembers what the encoders were shown."""

    def __init__(self) -> None:
        self.shown: FloatArray = np.zeros((0, 0), np.float32)

    def encode(self, x: FloatArray) -> FloatArray:
        self.shown = x.copy()
        return np.zeros((len(x), LATENT_DIM), np.float32)

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        return np.zeros_like(z)


def inputs(group: Sequence[Entry], scaler: FeatureScaler, hz: float) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Per session what the encoders are shown [T, 11] and their slow memory [T, 11], once the performers are known:
    the group is walked twice, and the first time is the soundcheck."""
    tap = Tap()
    m1 = coherence(tap, scaler, len(group), hz)
    features, present = [e.features for e in group], [e.present for e in group]
    shown: list[FloatArray] = []
    for keep in (False, True):
        m1.reset()
        for frame in frames(features, present, hz):
            m1.step(frame)
            if keep:
                shown.append(tap.shown)
    both = np.stack(shown)  # [T, 2 * rows, 11]
    for row, x in enumerate(features):
        yield both[: len(x), row].copy(), both[: len(x), len(group) + row].copy()


def latents(
    features: Sequence[FloatArray],
    present: Sequence[BoolArray],
    kernel: CoherenceKernel,
    scaler: FeatureScaler,
    hz: float,
    absence: Absence = reconstruct,
) -> Iterator[FloatArray]:
    """The latents [T, 104] of several sessions as M1 gives them on stage, missing spans filled in; `scaler` goes on
    from what it knows of the performers and keeps what it learns."""
    m1 = coherence(kernel, scaler, len(features), hz, absence)
    z = np.stack([m1.step(frame).z for frame in frames(features, present, hz)])
    for row, x in enumerate(features):
        yield z[: len(x), row].copy()
