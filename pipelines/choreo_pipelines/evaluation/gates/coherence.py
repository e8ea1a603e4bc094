"""Gates of M1 and M2: what the latents know of each other, and what a silent sensor costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from choreo_models.checkpoint import load_checkpoint
from choreo_models.inference.players import Pair
from choreo_models.inference.torch_kernel import rps_of
from choreo_models.rps.encoders import beat_harmonics
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.evaluation.adaptation import adaptation, known_loss, sag
from choreo_pipelines.evaluation.body import Dancers, with_random_translators
from choreo_pipelines.evaluation.coherence import BlockNumbers, block_numbers, ridge_r2
from choreo_pipelines.evaluation.gap import RANDOM, gap_errors
from choreo_pipelines.evaluation.gate import (
    ADAPTED,
    DECODED,
    KNOWS_NOTHING,
    LEAST_SD,
    LIVE_MSE,
    MASKED_CONTEXT,
    MASKED_ENERGY,
    MASKED_HR,
    MASKED_MOTION,
    NMSE_MOTION,
    NORM,
    SAG,
    SILENCE,
)
from choreo_pipelines.evaluation.gates.reading import Reading
from choreo_pipelines.teachers import Teacher
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, FloatArray

Sides = tuple[Sequence[SessionArrays], Sequence[SessionArrays]]  # training and unseen, standardised
_GAP_S = 10.0


def latent_gates(folder: Path, mode: str, sides: Sides) -> Iterator[Reading]:
    """Of the checkpoint as it lies in `folder`, variant C, on heart rates of `mode`."""
    model = rps_of(load_checkpoint(folder, "rps").weights)
    numbers = block_numbers(model, *_table(sides[1]))
    ridge = _ridge(sides)
    zero = {"always the mean": 0.0}
    motion = numbers["motion"].masked_r2
    for name, value, gate in (
        ("motion_energy", motion[0], MASKED_ENERGY[mode]),
        ("all motion", float(np.mean(motion)), MASKED_MOTION),
        ("hr", numbers["heart"].masked_r2[0], MASKED_HR),
        ("context", numbers["context"].masked_r2[0], MASKED_CONTEXT),
    ):
        baseline = {**zero, "ridge on raw features": ridge[name]}
        yield Reading(f"M1 {mode}: masked R2 of {name}", value, gate, baseline)
    least_decoded = min(min(n.decode_r2) for n in numbers.values())
    yield Reading(f"M1 {mode}: own decode R2, lowest", least_decoded, DECODED, zero)
    least_sd = min(n.least_sd for n in numbers.values())
    yield Reading(f"M1 {mode}: latent sd x sqrt(d), lowest", least_sd, LEAST_SD, {"collapsed": 0.0})
    norm = max(n.norm for n in numbers.values())
    yield Reading(f"M1 {mode}: translator norm, highest", norm, NORM)


def error_gate(folder: Path, mode: str, sides: Sides, plain: Mapping[str, BlockNumbers]) -> Iterator[Reading]:
    """Leave-one-out error of the C3 variant in `folder`, beside that of variant C and of random translators."""
    checkpoint = load_checkpoint(folder, "rps")
    x, memory = _table(sides[1])
    value = block_numbers(rps_of(checkpoint.weights), x, memory)["motion"].nmse
    random = block_numbers(rps_of(with_random_translators(checkpoint, 0)), x, memory)["motion"].nmse
    baseline = {"always the mean": 1.0, "random translators": random, "variant C": plain["motion"].nmse}
    yield Reading(f"M1 {mode}: NMSE of motion, C3", value, NMSE_MOTION[mode], baseline)


def plain_numbers(folder: Path, sides: Sides) -> dict[str, BlockNumbers]:
    """Variant C's block numbers on the unseen dancers."""
    return block_numbers(rps_of(load_checkpoint(folder, "rps").weights), *_table(sides[1]))


def silence_gates(pair: Pair, dancers: Dancers) -> Iterator[Reading]:
    """A motion sensor silent for ten seconds; translators that learnt nothing must not pass the same test."""
    errors = gap_errors(pair, dancers, "motion", _GAP_S)
    hold, own, random = errors["hold"], errors["reconstructed"], errors[RANDOM]
    for what, mine, held, chance, zero in (
        ("latent", own.latent, hold.latent, random.latent, errors["zero-fill"].latent),
        ("controls", own.controls, hold.controls, random.controls, errors["zero-fill"].controls),
    ):
        baseline = {"zero-fill": zero / held, "random translators": chance / held}
        yield Reading(f"M1 10 s motion gap: {what} error / hold's", mine / held, SILENCE, baseline)
        yield Reading(f"M1 10 s motion gap: random translators' {what} error / hold's", chance / held, KNOWS_NOTHING)


def adaptation_gates(pair: Pair, dancers: Dancers, teacher: Teacher) -> Iterator[Reading]:
    """M2: performers' own statistics against frozen ones, a loud section that stays loud, the live chain's error."""
    own = adaptation(pair, dancers, teacher)
    yield Reading("M2: M3's loss / frozen's, mean over dancers", own.mean / own.frozen_mean, ADAPTED, {"frozen": 1.0})
    yield Reading("M2: M3's loss / frozen's, spread over dancers", own.sd / own.frozen_sd, ADAPTED, {"frozen": 1.0})
    forgetful = {"10 s memory": sag(pair, dancers, memory_s=10.0)}
    yield Reading("M2: density lost in a loud 2 min", sag(pair, dancers), SAG, forgetful)
    known = {"known performers": known_loss(pair, dancers, teacher)}
    yield Reading("M3 live chain: MSE, unknown performers", own.mean, LIVE_MSE, known)


def _table(sessions: Sequence[SessionArrays]) -> tuple[FloatArray, FloatArray]:
    x, memory = (np.concatenate([s[name] for s in sessions]) for name in ("x", "memory"))
    return x, memory


def _ridge(sides: Sides) -> dict[str, float]:
    """What a linear map of the other modalities' raw features reaches for each target."""
    (a, slow_a), (b, slow_b) = (_table(side) for side in sides)
    found = {}
    for name, columns, memory in (
        ("motion_energy", ("motion_energy",), False),
        ("all motion", FEATURE_COLUMNS[:6], False),
        ("hr", ("hr",), True),
        ("context", ("context",), False),
    ):
        own = _MODALITY[columns[0]]
        targets = [FEATURE_COLUMNS.index(c) for c in columns]
        inputs = [
            np.delete(_with_harmonics(slow if memory else x), own, axis=1) for x, slow in ((a, slow_a), (b, slow_b))
        ]
        found[name] = float(np.mean(ridge_r2((inputs[0], a[:, targets]), (inputs[1], b[:, targets]))))
    return found


def _with_harmonics(x: FloatArray) -> FloatArray:
    """[N, 11] -> [N, 17], the beat at the end as sines and cosines: the linear map sees what the encoder sees."""
    beat = [FEATURE_COLUMNS.index(name) for name in MODALITIES["beat"].columns]
    harmonics = beat_harmonics(torch.from_numpy(x[:, beat])).numpy()
    return np.concatenate((np.delete(x, beat, axis=1), harmonics), axis=1)


_MODALITY = {  # columns of a modality, the beat at the end
    "motion_energy": slice(0, 6),
    "hr": slice(6, 8),
    "context": slice(8, 9),
}
