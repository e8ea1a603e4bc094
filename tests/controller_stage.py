"""A controller in the hands of a test: a body that wants one position everywhere, a bridge that notes what arrives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from choreo_service.clock import MS
from choreo_service.controller import Controller, ControlPath, Manners, Scene
from choreo_service.packets import CONTROL_NAMES, ControlPacket, Frame, Step
from choreo_service.protocols import ControlWire, Sent

PERIOD = 20 * MS
EASE = 10  # ticks
PANIC = 5  # ticks
NEUTRAL, SAFE = 0.5, 0.1


class Stage:
    """A controller whose body wants `body` for every control, and a bridge that notes what arrives per tick."""

    def __init__(self, *, performers: int = 1, scenes: dict[str, Scene] | None = None, **manners: object) -> None:
        chosen = Manners(ease_s=EASE * 0.02, panic_s=PANIC * 0.02, **manners)  # type: ignore[arg-type]
        self.controller = Controller(
            {name: path(name) for name in CONTROL_NAMES},
            performers=performers,
            period_ns=PERIOD,
            refresh_s=1000.0,
            manners=chosen,
            scenes=scenes,
        )
        self.controller.attach("bridge", self)  # type: ignore[arg-type]
        self.performers, self.k, self.body, self.panics = performers, 0, 0.5, 0
        self.heard: list[dict[tuple[int, str], float]] = []  # per tick: (performer, control) -> value

    def tick(self, count: int = 1, body: float | None = None) -> None:
        self.body = self.body if body is None else body
        for _ in range(count):
            self.k += 1
            self.heard.append({})
            z = np.zeros((self.performers, 6), np.float32)
            present = np.ones((self.performers, 4), np.bool_)
            frame = Frame(self.k, 1, self.k * PERIOD, z, z[:, :2], z[:, :2], z[:, :1], present, z[:, :4])
            values = np.full((self.performers, 5), self.body, np.float32)
            self.controller.offer(Step(frame, None, values, values, held=False, mapper="rules"))

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        self.heard[-1] |= {(control.performer, n): control.value(n) for n in names}
        return tuple((n, control.value(n)) for n in names)

    def panic(self) -> None:
        self.panics += 1

    def at(self, control: str = "density", performer: int = 0) -> float:
        """Where the control is."""
        return self.controller.latest[performer].value(control)

    def last(self, ticks: int, control: str = "density") -> list[float]:
        """What arrived of one control in the last ticks."""
        return [tick[0, control] for tick in self.heard[-ticks:] if (0, control) in tick]


def path(name: str, **changes: object) -> ControlPath:
    wire = ControlWire(name, lo=0.0, hi=1.0, cc=20, channel=1, neutral=NEUTRAL, safe=SAFE)
    plain = ControlPath(
        wire, "linear", False, (0.0, 1.0), ease_curve="linear", ease_s=0.0, throttle_ns=PERIOD, threshold=0.0
    )
    return replace(plain, **changes)  # type: ignore[arg-type]
