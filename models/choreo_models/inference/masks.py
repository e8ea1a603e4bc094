"""Which modalities count at a tick, spread over the columns they are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.flags import all_finite, all_true
from choreo_service.packets import MODALITIES, BoolArray, FloatArray, Frame

_WIDTHS: Final = [m.width for m in MODALITIES.values()]
_FEATURE_STARTS: Final = np.cumsum([0, *_WIDTHS[:-1]])
FEATURE_OF: Final = np.repeat(np.arange(len(MODALITIES)), _WIDTHS)  # [11] the modality of each feature
BLOCK_OF: Final = np.repeat(np.arange(len(MODALITIES)), [m.latent.stop - m.latent.start for m in MODALITIES.values()])


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """What is made of one combination of states and finite features."""

    usable: BoolArray  # [B, 4] present and finite
    fresh: BoolArray  # [B, 4] of now and finite: a held value is a fading one, whose block keeps the last real latent
    all_usable: bool
    all_fresh: bool
    stale_features: BoolArray  # [B, 11] not fresh
    stale_blocks: BoolArray  # [B, 104]
    usable_blocks: BoolArray  # [B, 104]
    weights: NDArray[np.float64]  # [B, 4] 1 where fresh
    counts: NDArray[np.float64]  # [B, 4] 1 where usable
    usable_count: NDArray[np.float64]  # [B] usable modalities, at least 1
    anybody: NDArray[np.float64]  # [B] 1 where any modality is usable
    everybody: bool  # there is one for each performer

    @classmethod
    def of(cls, usable: BoolArray, fresh: BoolArray) -> Masks:
        counts = usable.astype(np.float64)
        count = counts.sum(axis=1)
        stale = ~fresh
        return cls(
            usable=usable,
            fresh=fresh,
            all_usable=all_true(usable),
            all_fresh=all_true(fresh),
            stale_features=stale[:, FEATURE_OF],
            stale_blocks=stale[:, BLOCK_OF],
            usable_blocks=usable[:, BLOCK_OF],
            weights=fresh.astype(np.float64),
            counts=counts,
            usable_count=np.maximum(count, 1.0),
            anybody=np.minimum(count, 1.0),
            everybody=bool((count > 0.0).all()),
        )


class MaskMemory:
    """Gives the masks of frame after frame. They change with a state, which is seldom, and are made anew only then."""

    def __init__(self) -> None:
        self._situation = b""
        self._masks: Masks | None = None

    def of(self, frame: Frame, x: FloatArray) -> Masks:
        """`x`: the features of `frame`, [B, 11]."""
        situation = frame.state.tobytes()
        everything_finite = all_finite(x)
        if self._masks is None or situation != self._situation or not everything_finite:
            finite = np.logical_and.reduceat(np.isfinite(x), _FEATURE_STARTS, axis=1)
            self._masks = Masks.of(frame.present & finite, frame.live & finite)
            self._situation = situation if everything_finite else b""  # what is not finite is looked at every time
        return self._masks
