"""M1: one coherent latent of motion, heart, beat and context, and the missing ones told from the others."""

from choreo_models.rps.encoders import TinyEncoder, make_decoders, make_encoders
from choreo_models.rps.model import RPS, coherence_loss
from choreo_models.rps.translators import make_translators, modality_dropout, rps_prox_step, spectral_clamp

__all__ = [
    "RPS",
    "TinyEncoder",
    "coherence_loss",
    "make_decoders",
    "make_encoders",
    "make_translators",
    "modality_dropout",
    "rps_prox_step",
    "spectral_clamp",
]
