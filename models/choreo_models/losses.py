"""What the mapper is punished for: distance from the teacher, restlessness, and a density away from the beat."""

from __future__ import annotations

import math
from typing import Final

from torch import Tensor
from torch.nn import functional

from choreo_service.packets import CONTROL_NAMES

SMOOTHNESS: Final = 0.005
BEAT: Final = 0.002  # more lets the clock play instead of the dancer: at 0.02 density follows the beat without any body
_DENSITY: Final = CONTROL_NAMES.index("density")
_LEVEL_SD: Final = 0.05  # of density: below it a swing counts less, so that a still dancer is not pushed into one
_TINY: Final = 1e-12  # the root has no slope at 0, where a saturated density lies


def smoothness_loss(controls: Tensor, hz: float = 50.0) -> Tensor:
    """Mean squared change per frame times `hz`, of controls [B, T, C]; the same motion costs the same at any rate."""
    return hz * (controls[:, 1:] - controls[:, :-1]).square().mean()


def beat_regularizer(density: Tensor, beat_phase: Tensor) -> Tensor:
    """-mean((d - mean d) cos 2 pi phi) / (sd d + 0.05) over [B, T]: low where density peaks on the beat."""
    centred = density - density.mean(dim=1, keepdim=True)
    spread = (centred.square().mean(dim=1) + _TINY).sqrt() + _LEVEL_SD
    on_beat = (centred * (2.0 * math.pi * beat_phase).cos()).mean(dim=1)
    return -(on_beat / spread).mean()


def mapper_loss(
    controls: Tensor,
    targets: Tensor,
    beat_phase: Tensor,
    *,
    hz: float = 50.0,
    smoothness: float = SMOOTHNESS,
    beat: float = BEAT,
) -> dict[str, Tensor]:
    """Of controls and teacher targets [B, T, 5] and the beat phase [B, T]."""
    terms = {
        "mse": functional.mse_loss(controls, targets),
        "smoothness": smoothness_loss(controls, hz),
        "beat": beat_regularizer(controls[..., _DENSITY], beat_phase),
    }
    return {"loss": terms["mse"] + smoothness * terms["smoothness"] + beat * terms["beat"], **terms}
