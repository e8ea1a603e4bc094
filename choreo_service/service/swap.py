"""Other models for a show that goes on: put in between two ticks, told where it is read later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from choreo_service.config import Loaded
from choreo_service.errors import ChoreoError
from choreo_service.logs import get_logger
from choreo_service.packets import SensorPacket, Step
from choreo_service.protocols import Models
from choreo_service.service.models import asks_for_models, chosen_models, played_by, told_fingerprint
from choreo_service.service.show import Service
from choreo_service.ticker import Tick


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is to play from the next tick on."""

    models: Models | None  # at rest; None: the rules
    loaded: Loaded  # which asks for them


def cast_of(loaded: Loaded, playing: str) -> Cast | None:
    """Load and rehearse what `loaded` asks for; None where the models of the fingerprint `playing` are those, or, where
    it is "", the rules. ConfigError where they can't play."""
    if not asks_for_models(loaded):
        return Cast(None, loaded) if playing else None
    if playing and told_fingerprint(loaded.checkpoints) == playing:
        return None
    return Cast(chosen_models(loaded, rehearsed=True), loaded)


class Swap:
    """Puts a `Cast` in; its listener tells of the change at the tick that made it.

    The models travel as a stamped packet like any other wish, so that a replay changes them at the same tick.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._playing = service.core.mapper, service.core.fingerprint
        self.wanted = service.core.fingerprint  # of the models put in last
        self._cast: Cast | None = None
        # First of all: a take that begins at this very tick must name who plays it.
        service.listeners.insert(0, self.tick)

    def put_in(self, cast: Cast) -> None:
        """Let `cast` play from the next tick on; ChoreoError, and nothing has changed, where it can't be asked for."""
        number = 0 if cast.models is None else cast.models.number
        self._service.core.offer(cast.models)
        if not self._service.ingress.put("models", (float(number),), source_id="desk"):
            raise ChoreoError(
                "the models can't be changed now: too many sources of samples",
                fix="switch off what floods the service, then reload",
            )
        self.wanted, self._cast = "" if cast.models is None else cast.models.fingerprint, cast

    def tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        """Listener of the loop."""
        service, core = self._service, self._service.core
        if self._cast is None or core.fingerprint == self._playing[1]:
            return
        before, self._playing = self._playing, (core.mapper, core.fingerprint)
        now, folder = core.mapper or "rules", str(self._cast.loaded.checkpoints)
        get_logger().info("models.changed", k=tick.k, now=now, before=before[0] or "rules", folder=folder)
        service.announce("models", f"{now} play now, before {before[0] or 'rules'}")
        service.recorder.tell("models", **played_by(self._cast.loaded, *self._playing))
