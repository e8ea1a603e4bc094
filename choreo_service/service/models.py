"""The trained models of a checkpoint folder as the engine plays them. The one door to choreo_models."""

from __future__ import annotations

from pathlib import Path

from choreo_models.checkpoint import KINDS, CheckpointError
from choreo_models.inference import load_pair, make_players
from choreo_service.bodies import UNKNOWN, Soundcheck
from choreo_service.calibration.profile import load_soundcheck
from choreo_service.clock import MS, NS
from choreo_service.config import Loaded
from choreo_service.errors import ConfigError
from choreo_service.protocols import Models


def chosen_models(loaded: Loaded) -> Models | None:
    """What `engine.mapper` and `engine.checkpoints` ask for, from rest; None where the rules are to play.

    ConfigError for a folder that was named and isn't there: a typing error must not play other music.
    """
    engine = loaded.settings.engine
    if engine.mapper == "rules":
        return None
    named = engine.checkpoints != type(engine).model_fields["checkpoints"].default
    if named and not loaded.checkpoints.is_dir():
        raise ConfigError(
            f"engine.checkpoints: no folder {loaded.checkpoints}",
            fix="correct the name, or play the rules: -o engine.mapper=rules",
        )
    if not has_checkpoints(loaded.checkpoints):
        return None
    return load_models(
        loaded.checkpoints,
        performers=engine.performers,
        period_ns=round(engine.period_ms * MS),
        soundcheck=load_soundcheck(loaded),
    )


def has_checkpoints(folder: Path) -> bool:
    """Whether any part of a checkpoint is there: half of one is an error to be told, not a reason for other music."""
    return any((folder / f"{kind}{ending}").is_file() for kind in KINDS for ending in (".safetensors", ".json"))


def load_models(folder: Path, *, performers: int, period_ns: int, soundcheck: Soundcheck = UNKNOWN) -> Models:
    """The pair in `folder`, from rest; ConfigError where a part is missing, damaged or another's."""
    try:
        pair = load_pair(folder)
        players = make_players(pair, performers=performers, period_s=period_ns / NS, soundcheck=soundcheck)
    except CheckpointError as error:
        raise ConfigError(
            f"checkpoints: {error}",
            fix="bring the folder's files back, choose another (-o engine.checkpoints=FOLDER), "
            "or play the rules (-o engine.mapper=rules)",
        ) from error
    return Models(players.name, players.coherence, players.normaliser, players.mapper)
