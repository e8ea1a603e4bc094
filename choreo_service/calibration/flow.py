"""The guided minute: stand still, move normally, move fully. The same listener of the tick hears a show and a take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_service.bodies import Mounting
from choreo_service.clock import NS
from choreo_service.core import Core
from choreo_service.errors import ConfigError
from choreo_service.packets import MODALITIES, BoolArray, FloatArray, SensorPacket, Step
from choreo_service.ticker import Tick

STILL, NORMAL, FULL = "stand still", "move normally", "move fully"
STILL_S, NORMAL_S, FULL_S = 10.0, 30.0, 20.0  # unless somebody wants them longer
REACTION_S: Final = 2.0  # at the beginning of each phase, while the performer reads and the filters settle
PATIENCE_S: Final = 30.0  # for the first sample
SHORTEST_S, LONGEST_S = 5.0, 600.0  # of a phase

_MOTION: Final = tuple(MODALITIES).index("motion")
_HOLD_AFTER_S: Final = np.array([m.hold_after_s for m in MODALITIES.values()], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Phase:
    """One thing the performer is asked to do."""

    name: str  # in words for them
    seconds: float


def phases_of(seconds: Sequence[float]) -> tuple[Phase, Phase, Phase]:
    """The three of the guided minute, with so many seconds each. ConfigError where they can't be."""
    if len(seconds) != 3 or not all(SHORTEST_S <= s <= LONGEST_S for s in seconds):
        raise ConfigError(
            f"found {', '.join(map(str, seconds))[:80]}; allowed: three lengths from {SHORTEST_S:g} to {LONGEST_S:g} s",
            fix=f"give them as {STILL_S:g}, {NORMAL_S:g}, {FULL_S:g}",
        )
    still, normal, full = seconds
    return Phase(STILL, still), Phase(NORMAL, normal), Phase(FULL, full)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What a phase showed, a row per tick, the reaction left out."""

    features: FloatArray  # [n, 11], FEATURE_COLUMNS
    live: BoolArray  # [n, 4] in MODALITIES order: heard lately enough to be more than a held value


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the whole flow showed."""

    phases: dict[str, Seen]
    rest: Mounting  # at the end of standing still
    moved: Mounting  # at the end of it all
    period_s: float  # of a row


class Flow:
    """A listener of the loop that takes one performer through the phases; they begin with the first motion sample."""

    def __init__(
        self, core: Core, performer: int, phases: Sequence[Phase], on_phase: Callable[[Phase], None] = lambda _: None
    ) -> None:
        self._core, self._performer, self._phases, self._on_phase = core, performer, phases, on_phase
        self._first_ns: int | None = None
        self._start_ns: int | None = None
        self._waited_s = 0.0  # for the first sample
        self._at = -1
        self._rows: list[list[NDArray[np.float32]]] = [[] for _ in phases]
        self._ages: list[list[NDArray[np.float32]]] = [[] for _ in phases]
        self._rest = Mounting()
        self._moved: Mounting | None = None  # when all was over: the show may go on before anybody asks
        self.done = False  # all phases

    def __call__(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        frame = step.frame
        if self._first_ns is None:
            self._first_ns = tick.due_ns
        if self._start_ns is None:
            if not np.isfinite(frame.age_s[self._performer, _MOTION]):
                self._waited_s = (tick.due_ns - self._first_ns) / NS
                return
            self._start_ns = tick.due_ns
        self._go_to(
            (tick.due_ns - self._start_ns) / NS, frame.features()[self._performer], frame.age_s[self._performer]
        )

    @property
    def over(self) -> bool:
        """Nothing more will come: done, or not begun for PATIENCE_S."""
        return self.done or self._waited_s > PATIENCE_S

    @property
    def missing(self) -> str:
        """Why it is not done."""
        if self._start_ns is None:
            return f"no motion sample of performer {self._performer} came in {self._waited_s:.0f} s"
        asked_s = sum(phase.seconds for phase in self._phases)
        return f'it ended in "{self._phases[self._at].name}", before its {asked_s:g} s were over'

    def heard(self) -> Heard:
        """What there is so far; an empty phase has no rows."""
        seen = {
            phase.name: Seen(np.reshape(rows, (len(rows), -1)), np.reshape(ages, (len(ages), -1)) <= _HOLD_AFTER_S)
            if rows
            else Seen(np.zeros((0, 11), np.float32), np.zeros((0, 4), np.bool_))
            for phase, rows, ages in zip(self._phases, self._rows, self._ages, strict=True)
        }
        moved = self._moved or self._core.mounting(self._performer)
        return Heard(seen, self._rest, moved, self._core.period_ns / NS)

    def _go_to(self, elapsed_s: float, row: FloatArray, age_s: FloatArray) -> None:
        begun_s = 0.0
        for at, phase in enumerate(self._phases):
            if elapsed_s < begun_s + phase.seconds:
                self._enter(at)
                if elapsed_s >= begun_s + REACTION_S:
                    self._rows[at].append(row)
                    self._ages[at].append(age_s)
                return
            begun_s += phase.seconds
        self.done, self._moved = True, self._core.mounting(self._performer)

    def _enter(self, at: int) -> None:
        if at == self._at:
            return
        if at > 0 and self._phases[at - 1].name == STILL:
            self._rest = self._core.mounting(self._performer)
        self._at = at
        self._on_phase(self._phases[at])
