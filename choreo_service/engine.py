"""The engine: one frame in, one step out. Pure and synchronous; all its state can be saved and put back.

M1 (coherence) -> M2 (normaliser) -> M3 (mapper) -> hand-over -> settling -> guards; without models, or while they fail,
the rule mapper plays. The hand-over does something only after other models were put in.
The music never stops because a part failed: a failing or non-finite mapper first holds the last valid output, after
FAILURES_TO_FALL_BACK ticks in a row the rules take over, and after RETRY_S the models get a fresh start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from choreo_service.bodies import UNKNOWN, Soundcheck
from choreo_service.clock import NS, work_ns
from choreo_service.fallback import RULES, RuleMapper
from choreo_service.flags import all_finite
from choreo_service.guards import Guards
from choreo_service.hand_over import HandOver
from choreo_service.packets import CONTROL_NAMES, FloatArray, Frame, LatentPacket, Step, TempoPacket
from choreo_service.presence import unheard
from choreo_service.protocols import Models
from choreo_service.settling import Settling

FAILURES_TO_FALL_BACK: Final = 10
RETRY_S: Final = 5.0
_TEMPO_SCALE: Final = CONTROL_NAMES.index("tempo_scale")

if tuple(r.control for r in RULES) != CONTROL_NAMES:
    raise RuntimeError("fallback.RULES must list the controls in the order of packets.CONTROLS")


class Engine:
    """Plays B performers at once; `period_ns` is the tick's period."""

    def __init__(
        self, *, performers: int, period_ns: int, models: Models | None = None, soundcheck: Soundcheck = UNKNOWN
    ) -> None:
        self._models = models
        self._rules = RuleMapper(performers, period_ns / NS, soundcheck)
        self._hand_over = HandOver(performers, period_ns / NS)
        self._settling = Settling(performers, period_ns / NS)
        self._guards = Guards(performers, period_ns / NS)
        self._retry_ticks = max(1, round(RETRY_S * NS / period_ns))
        self._failures = 0  # in a row
        self._resting = 0  # ticks until the models are tried again
        self.last_fault = ""  # why the models failed last, for people; not part of the state
        self._absent = np.full((performers, len(CONTROL_NAMES)), np.nan, dtype=np.float32)

    @property
    def mapper(self) -> str:
        """The name of the models, "" without."""
        return "" if self._models is None else self._models.name

    @property
    def fingerprint(self) -> str:
        """Of the models, "" without."""
        return "" if self._models is None else self._models.fingerprint

    def step(self, frame: Frame, *, tempo: TempoPacket | None = None, frame_ns: int = 0) -> Step:
        """Never raises. `Step.held` tells that a value had to be repeated, `Step.mapper` who played.

        While a body leads, tempo_scale is the tempo it leads at: receivers that follow it and the transport then agree.
        `frame_ns` is what building the frame took, for the step's timings.
        """
        started = work_ns()
        latent, raw, mapper = self._play(frame)
        mapped = work_ns()
        handed = self._hand_over.step(raw, frame.dk)
        settled = self._settling.step(handed, unheard(frame), frame.dk)
        controls, held = self._guards.step(_led(settled, tempo), frame.dk)
        timings = {"frame": frame_ns, "models": mapped - started, "guards": work_ns() - mapped}
        return Step(frame, latent, raw, controls, held, mapper, tempo, timings)

    def change(self, models: Models | None) -> None:
        """Let `models`, at rest, play from the next frame on, None the rules. They know the performers as well as those
        before, and the controls go over to them in even steps. Never raises."""
        before, self._models = self._models, models
        self._begin_at_rest(None if before is None else lambda: before.coherence.state())

    def recalibrate(self, performer: int, fade_s: float) -> None:
        """Learn `performer` anew from the next frame on, cross-fading for `fade_s` from what was known. Never
        raises."""
        self._rules.recalibrate(performer, fade_s)
        if self._models is not None:
            try:
                self._models.coherence.recalibrate(performer, fade_s)
            except Exception as error:  # noqa: BLE001 - whatever a model does wrong, the show goes on
                self.last_fault = f"recalibrate: {type(error).__name__}: {error}"

    def state(self) -> Mapping[str, Any]:
        models = self._models
        nets = None if models is None else [m.state() for m in (models.coherence, models.normaliser, models.mapper)]
        return {
            "rules": self._rules.state(),
            "hand_over": self._hand_over.state(),
            "settling": self._settling.state(),
            "guards": self._guards.state(),
            "models": nets,
            "failures": self._failures,
            "resting": self._resting,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._rules.load_state(state["rules"])
        if "hand_over" in state:  # takes of before models could be changed have none
            self._hand_over.load_state(state["hand_over"])
        self._settling.load_state(state["settling"])
        self._guards.load_state(state["guards"])
        self._failures, self._resting = state["failures"], state["resting"]
        if self._models is not None and state["models"] is not None:
            parts = (self._models.coherence, self._models.normaliser, self._models.mapper)
            for part, saved in zip(parts, state["models"], strict=True):
                part.load_state(saved)

    def go_on_from_others(self, state: Mapping[str, Any]) -> None:
        """Go on from the `state` of an engine in which other models played, or the rules: as after `change`."""
        self.load_state({**state, "models": None})
        nets = state["models"]
        self._begin_at_rest(None if nets is None else lambda: nets[0])

    def _begin_at_rest(self, known: Callable[[], Mapping[str, Any]] | None) -> None:
        """`known`: the state of the coherence model that played before, if one did."""
        if self._models is not None and known is not None:
            try:
                self._models.coherence.inherit(known())
            except Exception as error:  # noqa: BLE001 - they begin to learn then; the show goes on
                self.last_fault = f"inherit: {type(error).__name__}: {error}"
        self._failures = self._resting = 0
        self._hand_over.begin()

    def _play(self, frame: Frame) -> tuple[LatentPacket | None, FloatArray, str]:
        # The rules listen all the time, so that they play from good statistics the moment they are needed.
        ruled = self._try_rules(frame)
        if self._models is None or self._is_resting():
            return None, ruled, self._rules.name
        try:
            latent, raw = self._run_models(self._models, frame)
        except Exception as error:  # noqa: BLE001 - whatever a model does wrong, the show goes on
            return None, self._failed(f"{type(error).__name__}: {error}"), self._models.name
        if not all_finite(raw):
            return latent, self._failed("non-finite output"), self._models.name
        self._failures = 0
        return latent, raw, self._models.name

    def _try_rules(self, frame: Frame) -> FloatArray:
        try:
            return self._rules.step(frame)
        except Exception as error:  # noqa: BLE001 - a broken frame must hold, not stop
            self.last_fault = f"rules: {type(error).__name__}: {error}"
            return self._absent

    def _run_models(self, models: Models, frame: Frame) -> tuple[LatentPacket, FloatArray]:
        latent = models.coherence.step(frame)
        z_norm = models.normaliser.step(latent, frame)
        raw = models.mapper.step(z_norm, frame.dk)
        if raw.shape != self._absent.shape:
            raise ValueError(f"mapper gave shape {raw.shape}, expected {self._absent.shape}")
        packet = LatentPacket(frame.k, frame.t_ns, latent.z, z_norm, latent.coherence, latent.filled)
        return packet, raw

    def _failed(self, fault: str) -> FloatArray:
        """Count a failure; the all-NaN answer makes the guards hold the last valid output."""
        self.last_fault = fault
        self._failures += 1
        if self._failures >= FAILURES_TO_FALL_BACK:
            self._failures, self._resting = 0, self._retry_ticks
        return self._absent

    def _is_resting(self) -> bool:
        if self._resting == 0:
            return False
        self._resting -= 1
        if self._resting == 0 and self._models is not None:
            for part in (self._models.coherence, self._models.normaliser, self._models.mapper):
                part.reset()
        return True


def _led(raw: FloatArray, tempo: TempoPacket | None) -> FloatArray:
    if tempo is None or tempo.scale is None:
        return raw
    led = raw.copy()
    led[:, _TEMPO_SCALE] = tempo.scale
    return led
