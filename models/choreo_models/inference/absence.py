"""What stands in for a modality that is missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from choreo_service.packets import FloatArray

Absence = Callable[[FloatArray, FloatArray], FloatArray]  # (latent so far, what the model says), [B, 104] -> target


def reconstruct(latent: FloatArray, told: FloatArray) -> FloatArray:
    """What the other modalities say, as far as they are to be believed: the model's own answer."""
    return told


def hold(latent: FloatArray, told: FloatArray) -> FloatArray:
    """The last latent for ever: a baseline."""
    return latent


def zero_fill(latent: FloatArray, told: FloatArray) -> FloatArray:
    """The average dancer: a baseline."""
    return np.zeros_like(latent)
