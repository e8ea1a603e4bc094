"""The guided minute during a show: the show plays on, and how the performer moves meanwhile becomes a profile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from choreo_service.calibration.flow import FULL_S, NORMAL_S, STILL_S, Flow, Phase, phases_of
from choreo_service.calibration.measure import CalibrationRefused, measure
from choreo_service.calibration.profile import profile_path, refuse_existing, save_body
from choreo_service.clock import NS
from choreo_service.config.settings import BodyName
from choreo_service.core import Core
from choreo_service.errors import ChoreoError, ConfigError
from choreo_service.packets import SensorPacket, Step
from choreo_service.ticker import Tick

PHASES: Final = phases_of((STILL_S, NORMAL_S, FULL_S))


class CalibrationBeside:
    """One body at a time. `tick` listens to the loop, `run` measures and writes what was heard, apart from it."""

    def __init__(
        self, core: Core, *, profiles: Path, known: Sequence[str], source: str, phases: Sequence[Phase] = PHASES
    ) -> None:
        """`known` are the bodies that play, by performer; `source` names the sensors in the file."""
        self._core, self._profiles, self._known, self._source = core, profiles, known, source
        self._phases = self._asked = tuple(phases)
        self._flow: Flow | None = None
        self._over = asyncio.Event()
        self._name, self._replace = "", False
        self._state, self._said, self._fix = "idle", "", ""
        self._phase: Phase | None = None
        self._due_ns = self._phase_ns = 0

    async def begin(self, name: str, performer: int, *, replace: bool, seconds: Sequence[float] | None = None) -> None:
        """Listen from the next tick on, for so many `seconds` in each phase; ChoreoError where that can't lead to a
        profile, or while another one runs."""
        if self._flow is not None:
            raise ChoreoError(f"{self._name} is being calibrated", fix="wait for the end, or cancel it")
        self._check(name, performer)
        path = profile_path(self._profiles, name)
        await asyncio.to_thread(refuse_existing, path, replace=replace)  # before the minute, not after it
        self._name, self._replace, self._phase = name, replace, None
        self._asked = self._phases if seconds is None else phases_of(seconds)
        self._state, self._said, self._fix = "waiting", "", ""
        self._over.clear()
        self._flow = Flow(self._core, performer, self._asked, self._enter)

    def cancel(self) -> None:
        """Forget what was heard. Idempotent."""
        if self._flow is not None:
            self._flow, self._state, self._said = None, "idle", "cancelled"

    def tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        """Listener of the loop."""
        if self._flow is None or self._over.is_set():
            return
        self._due_ns = tick.due_ns
        self._flow(tick, packets, step)
        if self._flow.over:
            self._state = "measuring"
            self._over.set()

    async def run(self) -> None:
        """Finish every calibration until cancelled."""
        while True:
            await self._over.wait()
            self._over.clear()
            flow, self._flow = self._flow, None
            if flow is None:
                continue
            try:
                self._said = await asyncio.to_thread(self._finish, flow)
                self._state = "done"
            except ChoreoError as error:
                self._state, self._said, self._fix = "failed", error.problem, error.fix

    def facts(self) -> Mapping[str, Any]:
        """For telemetry: `state` is idle, waiting (for the first sample), guiding, measuring, done or failed."""
        phase = self._phase
        left_s = 0.0 if phase is None else max(0.0, phase.seconds - (self._due_ns - self._phase_ns) / NS)
        return {
            "state": self._state,
            "name": self._name,
            "phase": "" if phase is None else phase.name,
            "at": 0 if phase is None else self._asked.index(phase) + 1,
            "of": len(self._asked),
            "seconds": 0.0 if phase is None else phase.seconds,
            "left_s": round(left_s, 1),
            "said": self._said,
            "fix": self._fix,
        }

    def _enter(self, phase: Phase) -> None:
        self._state, self._phase, self._phase_ns = "guiding", phase, self._due_ns

    def _check(self, name: str, performer: int) -> None:
        try:
            TypeAdapter(BodyName).validate_python(name)
        except ValidationError:
            fix = "use lower case letters, digits, - and _, at most 40: anna"
            raise ConfigError(f"{name[:40]!r} can't name a body", fix=fix) from None
        if not 0 <= performer < self._core.performers:
            raise ConfigError(f"no performer {performer}", fix=f"there are {self._core.performers}, counted from 0")
        if performer < len(self._known):
            raise ConfigError(
                f"performer {performer} plays as {self._known[performer]}, whose own scale would be measured along",
                fix="start choreo with engine.bodies=[], or when it doesn't run: choreo calibrate body NAME",
            )

    def _finish(self, flow: Flow) -> str:
        if not flow.done:
            raise CalibrationRefused(f"no calibration: {flow.missing}", fix="see what arrives on this page")
        measured = measure(self._name, flow.heard())
        path = save_body(self._profiles, measured, self._source, replace=self._replace)
        return f"wrote {path}; from the next start on: -o engine.bodies=[{self._name}]"
