"""The models under evaluation: read from disk once, in a fresh core for every play."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from choreo_models.inference import Pair, make_players
from choreo_models.inference.absence import Absence, hold, reconstruct, zero_fill
from choreo_pipelines.inference_bench.command import open_pair
from choreo_service.calibration.profile import load_soundcheck
from choreo_service.cli.options import Choice, for_take
from choreo_service.clock import MS, NS
from choreo_service.config import Loaded, load_settings
from choreo_service.core import Core
from choreo_service.errors import ConfigError
from choreo_service.protocols import Models
from choreo_service.service.playing import build_core

RECONSTRUCTED: Final = "reconstructed"
POLICIES: Final[Mapping[str, Absence]] = {RECONSTRUCTED: reconstruct, "zero-fill": zero_fill, "hold": hold}


@dataclass(frozen=True, slots=True)
class Cast:
    """The pair that plays and the configuration it plays in."""

    pair: Pair
    choice: Choice

    @classmethod
    def open(cls, choice: Choice, checkpoints: Path | None) -> Cast:
        """The pair in `checkpoints`, or in the configuration's folder; ConfigError where it can't be used, or where
        the configuration asks for the rules."""
        loaded = load_settings(**choice)
        if loaded.settings.engine.mapper == "rules":
            raise ConfigError(
                "engine.mapper is rules; evaluate plays the trained models",
                fix="-o engine.mapper=auto, or look at what the rules play: choreo-lab report TAKE",
            )
        return cls(open_pair(checkpoints or loaded.checkpoints), choice)

    def settings(self, performers: int) -> Loaded:
        """The configuration for a take of so many performers, unless an option says otherwise."""
        return load_settings(**for_take(self.choice, {"performers": performers}))

    def core(self, loaded: Loaded, absence: Absence = reconstruct) -> Core:
        """A core at rest in which `absence` stands in for what is missing."""
        engine = loaded.settings.engine
        period_s = round(engine.period_ms * MS) / NS
        players = make_players(
            self.pair,
            performers=engine.performers,
            period_s=period_s,
            absence=absence,
            soundcheck=load_soundcheck(loaded),
        )
        return build_core(loaded, Models(players.name, players.coherence, players.normaliser, players.mapper))

    def knows(self, meta: Mapping[str, Any]) -> bool:
        """Whether one of the two was trained on the dancer of a take with this header, or on the take itself."""
        who = meta.get("performer")
        named = who.get("id") if isinstance(who, Mapping) else None
        taught = {
            str(dancer).split("/")[0]  # further dancers of a take have a number behind its name
            for checkpoint in (self.pair.rps, self.pair.mapper)
            for dancer in checkpoint.card.get("data", {}).get("performers", {}).get("train", ())
        }
        return str(named or meta["name"]) in taught
