"""The one pure core: packets of a tick in, step out.

Live service, exact replay, import and every offline pipeline call this same object; there is no second feature or
inference path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from choreo_service.bodies import UNKNOWN, Mounting, Soundcheck
from choreo_service.clock import work_ns
from choreo_service.engine import Engine
from choreo_service.frames import FrameBuilder
from choreo_service.packets import SensorPacket, Step
from choreo_service.protocols import Models
from choreo_service.transport import Leading


class Core:
    """Feature state and engine of B performers. Knows no asyncio, socket or file, and no time but the tick's."""

    def __init__(
        self,
        *,
        performers: int,
        period_ns: int,
        home_bpm: float,
        leading: Leading | None = None,
        models: Models | None = None,
        soundcheck: Soundcheck = UNKNOWN,
    ) -> None:
        """`models` begin with the same `soundcheck`: whoever makes them tells them."""
        self.performers, self.period_ns = performers, period_ns
        self._frames = FrameBuilder(performers, home_bpm, leading, soundcheck)
        self._engine = Engine(performers=performers, period_ns=period_ns, models=models, soundcheck=soundcheck)
        self._offered: dict[int, Models | None] = {}  # by Models.number

    def step(self, k: int, dk: int, t_ns: int, packets: Sequence[SensorPacket]) -> Step:
        """Tick `k`, due at `t_ns`, `dk` slots after the one before, with exactly the packets that belong to it."""
        started = work_ns()
        frame = self._frames.build(k, dk, t_ns, packets)
        built = work_ns() - started
        for packet in packets:
            if packet.stream == "recalibrate":
                self._engine.recalibrate(packet.performer, packet.values[0])
            elif packet.stream == "models" and packet.values[0] in self._offered:
                self._engine.change(self._offered.pop(int(packet.values[0])))
        return self._engine.step(frame, tempo=self._frames.tempo, frame_ns=built)

    def offer(self, models: Models | None) -> None:
        """What the next packet of the stream `models` with its number puts in the place of what plays, from its tick
        on: models at rest, or the rules. A packet that calls for what nobody offered changes nothing."""
        self._offered[0 if models is None else models.number] = models

    @property
    def mapper(self) -> str:
        """The name of the models that play, "" where the rules do."""
        return self._engine.mapper

    @property
    def fingerprint(self) -> str:
        """Of the models that play, "" where the rules do."""
        return self._engine.fingerprint

    @property
    def last_fault(self) -> str:
        """Why the models failed last; empty if they never did."""
        return self._engine.last_fault

    def mounting(self, performer: int) -> Mounting:
        """How the performer's motion sensor sits now."""
        return self._frames.mounting(performer)

    def state(self) -> Mapping[str, Any]:
        return {"frames": self._frames.state(), "engine": self._engine.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._frames.load_state(state["frames"])
        self._engine.load_state(state["engine"])

    def go_on_from_others(self, state: Mapping[str, Any]) -> None:
        """Load the state of a core in which other models played, or the rules: who plays here begins at rest, knows the
        performers as well, and the controls go over in even steps."""
        self._frames.load_state(state["frames"])
        self._engine.go_on_from_others(state["engine"])
