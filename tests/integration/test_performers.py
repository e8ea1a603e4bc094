"""One service, several bodies: whoever sends plays their own row, and their controls leave by their own channel."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guided_takes import RATE, packets
from osc_datagrams import message

from choreo_pipelines.feature_bench.imu import dance
from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import MS, VirtualClock, run_virtual
from choreo_service.config import Loaded, load_settings
from choreo_service.core import Core
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES, CONTROLS, SensorPacket, Step
from choreo_service.protocols import Models
from choreo_service.replay import Tape
from choreo_service.service.build import build_service
from choreo_service.service.models import load_models
from choreo_service.service.show import Service
from choreo_service.session import write_session

PERIOD = 20_000_000


def load(repo_root: Path, *overrides: str, **sensors: dict[str, Any]) -> Loaded:
    bare = ("bridges.bars=null", "bridges.midi=null", "output.exit_ease_s=0")
    return load_settings(home=repo_root, overrides=(*bare, *overrides), environ={}, sensors=sensors)


def a_take(folder: Path, performers: tuple[int, ...] = (0,), *, played: bool = False) -> Path:
    """Two seconds of somebody who dances, or of several who do the same."""
    alone = packets([dance(RATE, 4.0, 1.8, size=2.0)])
    order = enumerate((packet, performer) for packet in alone for performer in performers)
    heard = [replace(packet, seq=seq, performer=performer) for seq, (packet, performer) in order]
    steps = list(_played(heard, len(performers))) if played else None
    return write_session(folder, packets=iter(heard), steps=None if steps is None else iter(steps), meta={}).path


def _played(heard: list[SensorPacket], performers: int) -> Iterator[Step]:
    core, waiting = Core(performers=performers, period_ns=PERIOD, home_bpm=110.0), list(reversed(heard))
    for k in range(1, (heard[-1].t_ns - heard[0].t_ns) // PERIOD + 1):
        t_ns, due = heard[0].t_ns + k * PERIOD, []
        while waiting and waiting[-1].t_ns <= t_ns:
            due.append(waiting.pop())
        yield core.step(k, 1, t_ns, due)


async def with_phones(service: Service, seconds: float, *ips: str) -> None:
    """Phones that swing, each at its own pace, while the service runs."""
    receiver = service.sensors["phones"].receiver  # type: ignore[attr-defined]
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(service.run(seconds))
        for i in range(round(seconds * 50)):
            await service.clock.sleep_until(service.clock.now_ns() + 20 * MS)
            for n, ip in enumerate(ips):
                up = 9.8 + 4.0 * math.sin(2 * math.pi * (1.2 + n) * i / 50)
                receiver.hear([(message("/choreo/motion/accel", "fff", 0.0, 0.0, up), ip, service.clock.now_ns())])
        await running


def test_everybody_plays_their_own_row_and_is_heard_on_their_own_address(repo_root: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.setblocking(False)
        loaded = load(
            repo_root,
            "engine.performers=4",
            "engine.mapper=rules",
            f"bridges.synth.port={ear.getsockname()[1]}",
            phones={"type": "osc_motion", "port": 0, "assign": {"10.0.0.7": 2, "10.0.0.8": 0}},
            take={"type": "session_replay", "path": str(a_take(tmp_path / "take")), "performer": 1},
        )
        clock, tape = VirtualClock(), Tape()
        service = build_service(loaded, clock)
        service.listeners.append(tape)
        run_virtual(clock, with_phones(service, 3.0, "10.0.0.7", "10.0.0.8"))
        addresses = set(_addresses(ear))
    heard = {(p.source_id, p.performer) for e in tape.entries for p in e.packets}
    assert heard == {("phones:10.0.0.7", 2), ("phones:10.0.0.8", 0), ("take:take:phone", 1)}
    assert service.ingress.dropped == {}
    last = tape.steps[-1]
    assert last.frame.present[:, 0].tolist() == [True, True, True, False]
    assert last.frame.motion[[0, 2], 1] == pytest.approx([2.2, 1.2], rel=0.05)
    neutral = [CONTROLS[name].neutral for name in CONTROL_NAMES]
    assert last.controls[3].tolist() == pytest.approx(neutral, abs=1e-6)
    assert all(np.abs(last.controls[p] - neutral).max() > 0.05 for p in range(3))
    prefixes = ("/choreo", "/choreo/1", "/choreo/2", "/choreo/3")
    hits = {f"{prefix}/accent" for prefix in prefixes}  # only when somebody stamps
    assert addresses - hits == {f"{prefix}/{name}" for prefix in prefixes for name in CONTROL_NAMES}


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ({"type": "ble_heart", "performer": 2}, "sensors.body.performer: found 2, but engine.performers is 2"),
        ({"type": "lsl_inlet", "stream": "x", "channels": {"heart_rate": [0]}, "performer": 5}, "found 5"),
        ({"type": "session_replay", "path": "take", "performer": 2}, "found 2"),
        ({"type": "osc_motion", "assign": {"10.0.0.7": 2}}, "assign names performers"),
    ],
)
def test_a_performer_there_is_not_is_said_at_the_start(repo_root: Path, block: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        build_service(load(repo_root, "engine.performers=2", body=block), VirtualClock())


def test_bridges_serve_all_performers_too(repo_root: Path) -> None:
    def outlet(*overrides: str) -> Any:
        loaded = load(repo_root, "engine.performers=3", "bridges.lab={type: lsl_outlet}", *overrides)
        return build_service(loaded, VirtualClock()).bridges["lab"]

    assert outlet()._config.performers == 3
    assert outlet("bridges.lab.performers=1")._config.performers == 1


def test_a_take_of_several_replays_without_being_told_how_many(
    repo_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take = str(a_take(tmp_path / "duo", (0, 1), played=True))
    how = ["--home", str(repo_root), "-o", "engine.mapper=rules"]
    assert exit_code_of(choreo, ["replay", take, *how]) == 0
    said = capsys.readouterr().out
    assert "present   performer 1: motion" in said
    assert "reproduced exactly" in said
    assert exit_code_of(choreo, ["replay", take, *how, "-o", "engine.performers=1"]) == 3
    told = capsys.readouterr().err
    assert "has 2 performers, the configuration 1" in told
    assert "fix: -o engine.performers=2" in told


def _addresses(ear: socket.socket) -> Iterator[str]:
    """Of every message that has arrived."""
    with suppress(BlockingIOError):
        while True:
            yield ear.recv(256).split(b"\0")[0].decode()


class Counted:
    """A part of the models that counts its calls."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.calls = 0

    def step(self, *arguments: Any) -> Any:
        self.calls += 1
        return self._part.step(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


@pytest.mark.parametrize("performers", [1, 8])
def test_eight_dancers_are_one_call_a_tick(repo_root: Path, performers: int) -> None:
    nets = load_models(repo_root / "checkpoints", performers=performers, period_ns=PERIOD)
    parts = [Counted(part) for part in (nets.coherence, nets.normaliser, nets.mapper)]
    loaded = load(repo_root, f"engine.performers={performers}", "bridges.synth=null", dancers={"type": "synthetic"})
    clock, tape = VirtualClock(), Tape()
    service = build_service(loaded, clock, Models(nets.name, *parts))
    service.listeners.append(tape)
    run_virtual(clock, service.run(3.0))
    assert len(tape.steps) == 150
    assert [part.calls for part in parts] == [150, 150, 150]
    assert {step.mapper for step in tape.steps} == {nets.name}
    controls = np.array([step.controls for step in tape.steps])
    assert controls.shape == (150, performers, 5)
    apart = [np.abs(controls[:, a] - controls[:, b]).max() for a in range(performers) for b in range(a)]
    assert all(distance > 0.02 for distance in apart)  # each plays a dance of their own
