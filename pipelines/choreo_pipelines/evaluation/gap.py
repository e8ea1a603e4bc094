"""A silent sensor: how near the reconstructed latent, and the music from it, stay to the truth nobody heard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from choreo_models.inference.absence import Absence, hold, reconstruct, zero_fill
from choreo_models.inference.players import Pair
from choreo_pipelines.evaluation.body import Dancers, Heard, hear, known_scaler, with_random_translators
from choreo_service.packets import MODALITIES, MODALITY_NAMES, BoolArray

APART_S: Final = 20.0  # between two silences: the statistics and the state recover
RANDOM: Final = "random translators"


@dataclass(frozen=True, slots=True)
class GapError:
    """One way of standing in, over all masked frames: mean squared errors against the unmasked run."""

    latent: float  # of the missing block, sum over its dimensions; the block's own variance is 1
    controls: float  # mean over the five, as the mapper gave them


def gap_errors(pair: Pair, dancers: Dancers, modality: str, length_s: float, *, seed: int = 0) -> dict[str, GapError]:
    """Mask `modality` for `length_s` seconds again and again; errors by policy: reconstructed, hold, zero-fill, and
    RANDOM, which is reconstruction by translators that learnt nothing and must be told apart.

    ValueError when the session is too short for one silence.
    """
    spans = silences(dancers, length_s)
    masked = dancers.masked(MODALITY_NAMES.index(modality), spans)
    inside = np.zeros(dancers.features.shape[1], np.bool_)
    for span in spans:
        inside[span] = True
    truth = hear(pair, dancers, known_scaler(pair, dancers))
    ways: dict[str, tuple[Absence, bool]] = {
        "reconstructed": (reconstruct, False),
        "hold": (hold, False),
        "zero-fill": (zero_fill, False),
        RANDOM: (reconstruct, True),
    }
    errors = {}
    for name, (absence, random) in ways.items():
        weights = with_random_translators(pair.rps, seed) if random else None
        heard = hear(pair, masked, known_scaler(pair, dancers), absence=absence, rps=weights)
        errors[name] = _error(heard, truth, modality, inside)
    return errors


def silences(dancers: Dancers, length_s: float) -> list[slice]:
    """Frames of the silences, evenly apart, none before the first half minute."""
    hz, total = dancers.hz, dancers.features.shape[1]
    length, apart = round(length_s * hz), round(APART_S * hz)
    firsts = range(round(30.0 * hz), total - length, length + apart)
    if not firsts:
        raise ValueError(f"expected more than {30.0 + length_s:g} s, found {total / hz:g} s")
    return [slice(first, first + length) for first in firsts]


def _error(heard: Heard, truth: Heard, modality: str, inside: BoolArray) -> GapError:
    block = MODALITIES[modality].latent
    latent = np.square(heard.z[:, inside, block] - truth.z[:, inside, block]).sum(axis=2)
    controls = np.square(heard.controls[:, inside] - truth.controls[:, inside])
    return GapError(float(latent.mean()), float(controls.mean()))
