"""The trained models of a checkpoint folder as the engine plays them. The one door to choreo_models."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from choreo_models.checkpoint import KINDS, CheckpointError
from choreo_models.inference import Players, fingerprint_in, load_pair, make_players
from choreo_service.bodies import UNKNOWN, Soundcheck
from choreo_service.calibration.profile import load_soundcheck
from choreo_service.clock import MS, NS
from choreo_service.config import Loaded
from choreo_service.core import Core
from choreo_service.errors import ConfigError
from choreo_service.packets import SensorPacket
from choreo_service.protocols import Models
from choreo_service.replay import SETTINGS_OF_A_TAKE

_REHEARSAL_TICKS: Final = 50


def chosen_models(loaded: Loaded, *, rehearsed: bool = False) -> Models | None:
    """What `engine.mapper` and `engine.checkpoints` ask for, from rest; None where the rules are to play.

    ConfigError for a folder that was named and isn't there: a typing error must not play other music. `rehearsed`
    ones have played where nobody hears it.
    """
    engine = loaded.settings.engine
    if not asks_for_models(loaded):
        return None
    return load_models(
        loaded.checkpoints,
        performers=engine.performers,
        period_ns=round(engine.period_ms * MS),
        soundcheck=load_soundcheck(loaded),
        rehearsed=rehearsed,
    )


def asks_for_models(loaded: Loaded) -> bool:
    """Whether models are to play, not the rules; ConfigError as in `chosen_models`."""
    engine = loaded.settings.engine
    if engine.mapper == "rules":
        return False
    named = engine.checkpoints != type(engine).model_fields["checkpoints"].default
    if named and not loaded.checkpoints.is_dir():
        raise ConfigError(
            f"engine.checkpoints: no folder {loaded.checkpoints}",
            fix="correct the name, or play the rules: -o engine.mapper=rules",
        )
    return has_checkpoints(loaded.checkpoints)


def has_checkpoints(folder: Path) -> bool:
    """Whether any part of a checkpoint is there: half of one is an error to be told, not a reason for other music."""
    return any((folder / f"{kind}{ending}").is_file() for kind in KINDS for ending in (".safetensors", ".json"))


def load_models(
    folder: Path, *, performers: int, period_ns: int, soundcheck: Soundcheck = UNKNOWN, rehearsed: bool = False
) -> Models:
    """The pair in `folder`, from rest; ConfigError where a part is missing, damaged or another's, or where it was to be
    rehearsed and did not play."""
    try:
        pair = load_pair(folder)
        make = partial(make_players, pair, performers=performers, period_s=period_ns / NS, soundcheck=soundcheck)
        if rehearsed:
            with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at
                _rehearse(folder, _as_models(make()), performers, period_ns)
        return _as_models(make())
    except CheckpointError as error:
        raise ConfigError(
            f"checkpoints: {error}",
            fix="bring the folder's files back, choose another (-o engine.checkpoints=FOLDER), "
            "or play the rules (-o engine.mapper=rules)",
        ) from error


def told_fingerprint(folder: Path) -> str:
    """`Models.fingerprint` of the pair in `folder` as its cards tell it, read in a moment; "" where they can't be
    read."""
    try:
        return fingerprint_in(folder)
    except CheckpointError:
        return ""


def played_by(loaded: Loaded, name: str, fingerprint: str) -> dict[str, Any]:
    """What a take says of who plays it, so that they can be found again; `name` is "" for the rules."""
    engine = loaded.settings.engine.model_dump(mode="json")
    engine["mapper"] = "auto" if name else "rules"  # where it plays again there may be checkpoints
    return {
        "engine": {key: engine[key] for key in SETTINGS_OF_A_TAKE["engine"]},
        "models": name,
        "models_sha256": fingerprint,
    }


def _as_models(players: Players) -> Models:
    return Models(players.name, players.coherence, players.normaliser, players.mapper, players.fingerprint)


def _rehearse(folder: Path, models: Models, performers: int, period_ns: int) -> None:
    """CheckpointError unless they play a second of a body in movement; their code has run once then."""
    core = Core(performers=performers, period_ns=period_ns, home_bpm=110.0, models=models)
    for k in range(1, _REHEARSAL_TICKS + 1):
        step = core.step(k, 1, k * period_ns, list(_samples(k, performers, k * period_ns)))
        if core.last_fault or not np.isfinite(step.raw).all():
            raise CheckpointError(f"{folder}: {models.name} does not play: {core.last_fault or 'non-finite output'}")


def _samples(k: int, performers: int, t_ns: int) -> Iterator[SensorPacket]:
    swing = 6.0 * math.sin(2.0 * math.pi * 1.8 * t_ns / NS)
    for performer in range(performers):
        for stream, values in (("linear_acceleration", (swing, -swing, 0.5 * swing)), ("heart_rate", (120.0,))):
            yield SensorPacket(stream, performer, k, t_ns, t_ns, None, "rehearsal", values)
