"""Two phones on two limbs, late and jittery: what was played live is what the take gives again, byte for byte."""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
from osc_datagrams import message
from shows import make_core, make_service

from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import MS, NS, Clock, VirtualClock, run_virtual
from choreo_service.protocols import Emit
from choreo_service.replay import Tape, replay_take
from choreo_service.service.show import Service
from choreo_service.session import write_session
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

LEFT, RIGHT = "10.0.0.1", "10.0.0.2"
SYMMETRY = 5


class Wearer:
    """Two CoMote phones at 100 Hz; the right arm swings half as wide, from 10 s on as wide as the left."""

    def __init__(self, emit: Emit, clock: Clock) -> None:
        config = OscMotion.Config.model_validate({"limbs": {LEFT: "left", RIGHT: "right"}})
        self.phones, self._clock, self._rng = OscMotion(config, emit, clock), clock, random.Random(4)

    async def run(self) -> None:
        start_ns = self._clock.now_ns()
        for i in range(2000):
            await self._clock.sleep_until(start_ns + i * 10 * MS + round(self._rng.expovariate(1.0) * 3 * MS))
            for ip, size in ((LEFT, 4.0), (RIGHT, 2.0 if i < 1000 else 4.0)):
                if self._rng.random() < 0.95:
                    swing = (0.0, 0.0, 9.8 + size * math.sin(i * 0.12))
                    data = message("/comote/v3/1/accelerometer", "fffif", *swing, 77_000 + i * 10, 100.0)
                    self.phones.receiver.hear([(data, ip, self._clock.now_ns())])
        await self._clock.sleep_until(start_ns + 60 * NS)


def _show(clock: Clock) -> tuple[Service, Tape]:
    service = make_service(
        clock, {"phone": Wearer}, {"sink": lambda wires, c: RecordingBridge(RecordingConfig(), wires, c)}
    )
    tape = Tape()
    service.listeners.append(tape)
    return service, tape


def test_the_limbs_are_in_the_take_and_replay_gives_the_same_controls(tmp_path: Path) -> None:
    clock = VirtualClock()
    service, tape = _show(clock)
    run_virtual(clock, service.run(seconds=20))
    symmetry = np.array([step.frame.motion[0, SYMMETRY] for step in tape.steps])
    assert abs(symmetry[450] - 0.4) < 0.06
    assert symmetry[950] > 0.9
    packets = [packet for entry in tape.entries for packet in entry.packets]
    assert {packet.limb for packet in packets} == {"left", "right"}
    assert any(packet.rx_ns < packet.t_ns for packet in packets)  # placed by the phones' own clocks
    take = write_session(tmp_path / "limbs", packets=packets, steps=tape.steps, meta={})
    report = replay_take(take.path, make_core())
    assert report.compared == len(tape.steps)
    assert report.ok, report.difference
