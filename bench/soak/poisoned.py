"""Row 7: sensors that say nonsense, models that answer with it, for millions of ticks through core and controller."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import Any, Final, NamedTuple

import numpy as np
from shows import PERIOD, default_map, make_core  # tests are on the path, as for `make fuzz`

from bench.figures import Figure, Section
from bench.machine import load, machine
from choreo_service.clock import VirtualClock
from choreo_service.config import OutputSettings
from choreo_service.controller import Controller
from choreo_service.ingress import Ingress
from choreo_service.packets import CONTROL_NAMES, MODALITIES, STREAMS, ControlPacket, FloatArray, Latent
from choreo_service.protocols import ControlWire, Models, Sent
from choreo_service.service.build import build_paths
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

POISON: Final = (math.nan, math.inf, -math.inf, 1e30, -1e308, 5e-324, 1e6, -40.0, 0.0, 9.8, 100.0)
SENT: Final = ("acceleration", "rotation_rate", "heart_rate", "rr_interval", "motion_features", "beat", "context")
LATENT: Final = 104
SHARE: Final = 0.3  # of the models' answers
AIM: Final = 10_000_000
SHOWS: Final = 20  # as many seeds; side by side where there are several cores


class Poisoned:
    """M1, M2 and M3 in one: finite answers, and among them some that are not."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._latent = Latent(
            np.zeros((1, LATENT), np.float32), np.ones(1, np.float32), np.zeros((1, len(MODALITIES)), np.bool_)
        )

    def models(self) -> Models:
        return Models("poisoned", _Part(lambda: self._latent), _Part(lambda: self._latent.z), _Part(self._answer))

    def _answer(self) -> FloatArray:
        rng = self._rng
        raw = [rng.random() for _ in CONTROL_NAMES]
        if rng.random() < SHARE:
            raw[rng.randrange(len(raw))] = rng.choice(POISON)
        with np.errstate(over="ignore"):  # 1e308 is infinite in float32: that is meant
            return np.array([raw], dtype=np.float32)


class _Part:
    """A model that answers whatever it is asked."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def step(self, *_: Any) -> Any:
        return self._answer()

    def state(self) -> Mapping[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """There is none."""

    def reset(self) -> None:
        """Nor anything to forget."""

    def recalibrate(self, performer: int, fade_s: float) -> None:
        """Nor to learn."""


class Count(NamedTuple):
    """Values of one show, or of several."""

    sent: int
    wrong: int


class Wire(RecordingBridge):
    """Counts what is sent and what must not be, and keeps nothing."""

    def __init__(self, wires: Mapping[str, ControlWire], clock: VirtualClock) -> None:
        super().__init__(RecordingConfig(), wires, clock)
        self.sent = self.wrong = 0

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        sent = tuple((name, control.value(name)) for name in names)
        for name, value in sent:
            wire = self.controls[name]
            self.sent += 1
            self.wrong += not wire.lo <= value <= wire.hi  # nor is NaN
        return sent


def play(ticks: int, seed: int) -> Count:
    """One show of so many ticks: what came to its wire."""
    rng, clock = random.Random(seed), VirtualClock()
    core, ingress = make_core(models=Poisoned(rng).models()), Ingress(clock, performers=1, bound=512)
    wires = default_map()
    controller = Controller(build_paths(wires, OutputSettings()), performers=1, period_ns=PERIOD, refresh_s=1.0)
    wire = Wire(wires.wires(), clock)
    controller.attach("wire", wire)
    for k in range(1, ticks + 1):
        clock.advance(PERIOD)
        for stream in rng.sample(SENT, 2):
            values = [rng.choice(POISON) for _ in range(STREAMS[stream].width)]
            ingress.put(stream, values, source_id="poison")
        now_ns = clock.now_ns()
        controller.offer(core.step(k, 1, now_ns, ingress.take_until(now_ns)))
    return Count(wire.sent, wire.wrong)


def poisoned(ticks: int) -> list[Section]:
    before = load()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        counts = list(pool.map(partial(play, ticks // SHOWS), range(SHOWS)))
    return [
        Section(
            "Nonsense from sensors and models",
            "Virtual time: two samples a tick of NaN, infinities, 1e30 and the like, "
            f"{SHARE:.0%} of the models' answers too; {SHOWS} shows of different seeds.",
            f'make soak ONLY=poisoned ARGS="--ticks {ticks}"',
            machine(),
            before,
            (
                Figure(7, "ticks", ticks // SHOWS * SHOWS, at_least=AIM),
                Figure(7, "values sent", sum(count.sent for count in counts)),
                Figure(7, "of them not finite or out of range", sum(count.wrong for count in counts), at_most=0),
            ),
        )
    ]
