"""What the start would refuse although every value is allowed: parts that don't fit each other, or aren't there."""

from __future__ import annotations

from functools import partial

from choreo_service.calibration.profile import load_soundcheck
from choreo_service.clock import MonotonicClock
from choreo_service.config import Loaded
from choreo_service.config.mistakes import Mistakes
from choreo_service.service.models import chosen_models
from choreo_service.service.performers import for_performers
from choreo_service.service.playing import require_leader


def judge(loaded: Loaded) -> None:
    """ConfigError tells everything that no service can be made of. Nothing is opened."""
    mistakes, performers = Mistakes(), loaded.settings.engine.performers
    mistakes.attempt(partial(require_leader, loaded))
    mistakes.attempt(partial(load_soundcheck, loaded))
    models = mistakes.attempt(partial(chosen_models, loaded))
    for section, adapters in (("sensors", loaded.sensors), ("bridges", loaded.bridges)):
        for adapter in adapters.values():
            mistakes.attempt(partial(for_performers, section, adapter, performers))
    if not mistakes:
        # Only here: it imports the page's web server, for which no refusal should wait.
        from choreo_service.service.build import build_service

        # What only an adapter knows of itself.
        mistakes.attempt(partial(build_service, loaded, MonotonicClock(), models))
    mistakes.tell()
