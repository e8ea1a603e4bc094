"""From a folder of checkpoints to the three parts that play on stage."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from choreo_models.checkpoint import Checkpoint, CheckpointError, load_card, load_checkpoint
from choreo_models.inference.absence import Absence, reconstruct
from choreo_models.inference.coherence import Coherence
from choreo_models.inference.grid import Grid
from choreo_models.inference.kernels import CoherenceKernel, ReflexKernel
from choreo_models.inference.numpy_kernel import NumpyCoherence, NumpyReflex
from choreo_models.inference.reflex import LatentScale, Reflex
from choreo_models.inference.standardise import FeatureScaler
from choreo_service.bodies import UNKNOWN, Soundcheck


@dataclass(frozen=True, slots=True)
class Pair:
    """The two checkpoints that play together: M1 with M2, and the M3 trained on their latents."""

    rps: Checkpoint
    mapper: Checkpoint

    @property
    def name(self) -> str:
        """What telemetry shows."""
        return f"{self.rps.run_id}+{self.mapper.run_id}"

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all that decides what the pair plays: both fingerprints of weights and the rate."""
        return _fingerprint(self.rps.card, self.mapper.card)


@dataclass(frozen=True, slots=True)
class Players:
    """M1, M2 and M3 of some performers, in the shapes of the service's protocols."""

    name: str
    fingerprint: str
    coherence: Coherence
    normaliser: LatentScale
    mapper: Reflex


def load_pair(folder: Path) -> Pair:
    """The checkpoints `rps` and `mapper` of `folder`; CheckpointError where one is missing, damaged or belongs to
    another partner."""
    pair = Pair(load_checkpoint(folder, "rps"), load_checkpoint(folder, "mapper"))
    expected, found = pair.mapper.card.get("rps_sha256"), pair.rps.card["weights_sha256"]
    if expected != found:
        raise CheckpointError(
            f"{folder}: the mapper {pair.mapper.run_id} was trained on other latents than those of {pair.rps.run_id}"
        )
    if pair.rps.hz != pair.mapper.hz:
        raise CheckpointError(f"{folder}: rps steps at {pair.rps.hz:g} Hz, the mapper at {pair.mapper.hz:g} Hz")
    return pair


def make_players(
    pair: Pair,
    *,
    performers: int,
    period_s: float,
    kernels: tuple[CoherenceKernel, ReflexKernel] | None = None,
    absence: Absence = reconstruct,
    soundcheck: Soundcheck = UNKNOWN,
) -> Players:
    """Players for a tick of `period_s` seconds; `kernels` are numpy's unless others are given."""
    weights, hz = pair.rps.weights, pair.rps.hz
    encode, play = kernels or (NumpyCoherence(weights), NumpyReflex(pair.mapper.weights))
    per_tick = period_s * hz
    coherence = Coherence(
        encode,
        FeatureScaler.of(weights, performers=performers, soundcheck=soundcheck),
        performers=performers,
        grid=Grid(per_tick),
        hz=hz,
        absence=absence,
    )
    mapper = Reflex(play, performers=performers, grid=Grid(per_tick))
    return Players(pair.name, pair.fingerprint, coherence, LatentScale(weights, performers=performers), mapper)


def fingerprint_in(folder: Path) -> str:
    """`Pair.fingerprint` as the two cards of `folder` tell it, without a look at the weights; CheckpointError where a
    card is missing or damaged."""
    return _fingerprint(load_card(folder, "rps"), load_card(folder, "mapper"))


def _fingerprint(rps: Mapping[str, Any], mapper: Mapping[str, Any]) -> str:
    facts = (rps["weights_sha256"], mapper["weights_sha256"], float(rps["hz"]))
    return hashlib.sha256(" ".join(map(str, facts)).encode()).hexdigest()
