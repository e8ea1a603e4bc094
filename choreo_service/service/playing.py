"""What plays, on stage and in a replay: the core and the accent detector that the settings describe."""

from __future__ import annotations

from choreo_service.accents import AccentDetector
from choreo_service.calibration.profile import load_soundcheck
from choreo_service.clock import MS
from choreo_service.config import Loaded
from choreo_service.config.layers import origin_of
from choreo_service.core import Core
from choreo_service.errors import ConfigError
from choreo_service.protocols import Models
from choreo_service.service.models import chosen_models
from choreo_service.transport import Leading


def build_core(loaded: Loaded, models: Models | None = None) -> Core:
    """The core these settings describe, in its initial state: what live runs, replay and import all start from.

    Played by `models`, by default those of `chosen_models`; ConfigError where the checkpoints can't be used.
    """
    engine, transport = loaded.settings.engine, loaded.settings.transport
    require_leader(loaded)
    return Core(
        performers=engine.performers,
        period_ns=round(engine.period_ms * MS),
        home_bpm=transport.home_bpm,
        leading=Leading(
            transport.leader, transport.performer - 1, transport.body_latency_ms, transport.music_latency_ms
        ),
        models=chosen_models(loaded) if models is None else models,
        soundcheck=load_soundcheck(loaded),
    )


def require_leader(loaded: Loaded) -> None:
    """ConfigError where the body that is to lead the tempo isn't there."""
    there, leads = loaded.settings.engine.performers, loaded.settings.transport.performer
    if leads > there:
        origin = origin_of(loaded.origins, ("transport", "performer"))
        raise ConfigError(
            f"{origin or 'built-in'}: transport.performer: found {leads}; allowed: up to {there}, as engine.performers",
            fix=f"-o engine.performers={leads}, or let another body lead: -o transport.performer=1",
        )


def build_accents(loaded: Loaded) -> AccentDetector | None:
    """The accent detector these settings describe, at rest; None where accents are switched off."""
    settings = loaded.settings.accents
    if not settings.enabled:
        return None
    return AccentDetector(
        performers=loaded.settings.engine.performers,
        threshold=settings.threshold,
        refractory_ms=settings.refractory_ms,
    )
