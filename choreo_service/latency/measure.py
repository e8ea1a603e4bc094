"""Play pulses through one bridge as the service does, listen, judge."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from choreo_service.clock import NS, Clock
from choreo_service.controller import Controller, ControlPath, Manners, Pace
from choreo_service.latency.ears import Ears
from choreo_service.latency.onsets import Judged, judge
from choreo_service.packets import CONTROL_NAMES, MODALITIES, Frame, Step, states_of
from choreo_service.protocols import BridgeAdapter

_SETTLE_S = 0.5  # the low value and its release have sounded out


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in ms from the moment the service would have sent without a delay of its own."""

    judged: Judged
    xruns: int
    gaps: int
    own_delay_ms: float  # the part that is our own delay line

    @property
    def latencies_ms(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        return self.judged.latencies_s * 1e3

    def percentile_ms(self, share: float) -> float:
        """NaN where nothing was heard."""
        return float(np.percentile(self.latencies_ms, share)) if len(self.latencies_ms) else float("nan")

    @property
    def sd_ms(self) -> float:
        return float(self.latencies_ms.std()) if len(self.latencies_ms) else float("nan")

    def text(self) -> str:
        """What people read."""
        judged = self.judged
        heard = len(judged.latencies_s)
        found = f"{judged.pulses} pulses: {heard} heard, {judged.missed} missed, {judged.rejected} rejected"
        torn = f"{self.xruns} xruns, {self.gaps} gaps in the recording"
        figures = {"min": 0, "median": 50, "p95": 95, "max": 100}
        row = "  ".join(f"{name} {self.percentile_ms(share):.2f}" for name, share in figures.items())
        own = f"; {self.own_delay_ms:g} ms of it our own delay" if self.own_delay_ms else ""
        return f"{found}; {torn}\n{row}  sd {self.sd_ms:.2f} ms{own}"


async def measure(
    bridge: BridgeAdapter,
    paths: dict[str, ControlPath],
    ears: Ears,
    clock: Clock,
    *,
    control: str,
    pulses: int,
    window_s: float,
    delay_ns: int = 0,
    wait_s: float = 2.0,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> Measured:
    """`pulses` steps of `control` from its lowest to its highest value and back, at random times; each is listened for
    `window_s` from when it is sent.

    The gaps are random, as a fixed one would meet the audio blocks at always the same phase. Raises what the bridge
    raises when it can't be opened.
    """
    player = _Player(bridge, paths, clock, control, delay_ns)
    window_s += delay_ns / NS
    rng = random.Random(seed)  # noqa: S311 - phases, not secrets
    sent_s: list[float] = []
    async with asyncio.TaskGroup() as stage:
        tasks = [stage.create_task(bridge.run()), stage.create_task(player.pump())]
        await _sleep(clock, wait_s)
        player.play(high=False)
        await _sleep(clock, _SETTLE_S + window_s)
        for number in range(pulses):
            sent_s.append(ears.now_s())
            player.play(high=True)
            await _sleep(clock, window_s + rng.uniform(0.0, 0.05))
            player.play(high=False)
            await _sleep(clock, window_s + rng.uniform(0.0, 0.1))
            tell(f"{number + 1} of {pulses}")
        for task in tasks:
            task.cancel()
    heard = ears.heard()
    return Measured(judge(heard, sent_s, window_s), heard.xruns, len(heard.gaps_s), delay_ns / 1e6)


class _Player:
    """The service's own way to the wire, without easing: what is measured is the receiver."""

    def __init__(
        self, bridge: BridgeAdapter, paths: dict[str, ControlPath], clock: Clock, control: str, delay_ns: int
    ) -> None:
        plain = {n: replace(p, transfer="linear", invert=False, ease_s=0.0) for n, p in paths.items()}
        self._controller = Controller(
            plain,
            performers=1,
            period_ns=NS // 50,
            refresh_s=3600.0,
            manners=Manners(),
            paces={"it": Pace(0, delay_ns)},
        )
        self._controller.attach("it", bridge)
        self._clock, self._control = clock, CONTROL_NAMES.index(control)
        self._rest = np.array([[plain[n].wire.position(plain[n].wire.neutral) for n in CONTROL_NAMES]], np.float32)
        self._k = 0

    async def pump(self) -> None:
        await self._controller.pump(self._clock, "it")

    def play(self, *, high: bool) -> None:
        """Offer one frame, now."""
        self._k += 1
        positions = self._rest.copy()
        positions[0, self._control] = float(high)
        self._controller.offer(_step(self._k, self._clock.now_ns(), positions))


def _step(k: int, t_ns: int, positions: Any) -> Step:
    motion, heart, beat, context = (np.zeros((1, m.width), np.float32) for m in MODALITIES.values())
    present, age_s = np.zeros((1, len(MODALITIES)), np.bool_), np.zeros((1, len(MODALITIES)), np.float32)
    frame = Frame(k, 1, t_ns, motion, heart, beat, context, states_of(present), age_s)
    return Step(frame, None, positions, positions, held=False, mapper="calibration")


async def _sleep(clock: Clock, seconds: float) -> None:
    await clock.sleep_until(clock.now_ns() + round(seconds * NS))
