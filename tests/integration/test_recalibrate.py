"""Learning a performer anew while the show goes on: no jump, nobody else notices, and a replay does it again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from guided_takes import guided, packets
from model_samples import save_pair
from shows import PERIOD, RandomArrivals, make_core, make_service

from choreo_service.bodies import CROSS_FADE_S, Body, Range, Soundcheck
from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.commands import Recalibrate
from choreo_service.core import Core
from choreo_service.packets import FloatArray, SensorPacket, Step
from choreo_service.protocols import Models
from choreo_service.replay import Tape, first_difference, replay_tape
from choreo_service.service.models import load_models
from choreo_service.service.show import Service
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

LOUD = Soundcheck((Body("loud", 0.25, {"motion_energy": Range(9.0, 1.0), "motion_freq": Range(3.5, 0.1)}, 4500.0),))


def models(folder: Path, performers: int, soundcheck: Soundcheck = LOUD) -> Models:
    save_pair(folder)
    return load_models(folder, performers=performers, period_ns=PERIOD, soundcheck=soundcheck)


def show(clock: VirtualClock, nets: Models, performers: int) -> tuple[Service, Tape]:
    service = make_service(
        clock,
        {"phone": lambda e, c: RandomArrivals(e, c, seed=3, crash=0.0)},
        {"sink": lambda w, c: RecordingBridge(RecordingConfig(), w, c)},
        performers=performers,
        models=nets,
    )
    tape = Tape()
    service.listeners.append(tape)
    return service, tape


async def recalibrated_at_one_second(service: Service, performer: int | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(service.run(3.0))
        await service.clock.sleep_until(service.clock.now_ns() + 1007 * MS)
        assert service.desk.submit(Recalibrate(performer=performer), "test").ok
        await running


@pytest.mark.parametrize("performer", [None, 1])
def test_a_replay_learns_anew_at_the_same_tick(tmp_path: Path, performer: int | None) -> None:
    clock = VirtualClock()
    service, tape = show(clock, models(tmp_path, 2), 2)
    run_virtual(clock, recalibrated_at_one_second(service, performer))
    wishes = [p for e in tape.entries for p in e.packets if p.stream == "recalibrate"]
    assert [p.performer for p in wishes] == ([0, 1] if performer is None else [1])
    assert {p.values for p in wishes} == {(CROSS_FADE_S,)}
    again = list(replay_tape(make_core(2, models(tmp_path, 2)), tape.entries))
    assert [d for a, b in zip(tape.steps, again, strict=True) if (d := first_difference(a, b))] == []
    deaf = [e._replace(packets=tuple(p for p in e.packets if p.stream != "recalibrate")) for e in tape.entries]
    other = list(replay_tape(make_core(2, models(tmp_path, 2)), deaf))
    if performer != 1:  # performer 0 was calibrated wrongly, so it makes a difference
        assert any(first_difference(a, b) for a, b in zip(tape.steps, other, strict=True))


def test_nobody_is_not_recalibrated(tmp_path: Path) -> None:
    service, _ = show(VirtualClock(), models(tmp_path, 2), 2)
    ack = service.desk.submit(Recalibrate(performer=2), "test")
    assert not ack.ok
    assert "no performer 2; there are 2" in ack.reason


def played(core: Core, heard: list[SensorPacket], at_s: float | None, fade_s: float = CROSS_FADE_S) -> list[Step]:
    """The packets tick by tick, the performer learnt anew `at_s` seconds in."""
    steps, waiting = [], list(reversed(heard))
    for k in range(1, (heard[-1].t_ns - NS) // PERIOD):
        t_ns, due = NS + k * PERIOD, []
        while waiting and waiting[-1].t_ns <= t_ns:
            due.append(waiting.pop())
        if at_s is not None and k == round(at_s * NS / PERIOD):
            due.append(SensorPacket("recalibrate", 0, 0, t_ns, t_ns, None, "desk", (fade_s,)))
        steps.append(core.step(k, 1, t_ns, due))
    return steps


def test_a_wrong_calibration_is_left_without_a_jump(tmp_path: Path, repo_root: Path) -> None:
    def core(soundcheck: Soundcheck) -> Core:
        nets = load_models(repo_root / "checkpoints", performers=1, period_ns=PERIOD, soundcheck=soundcheck)
        return Core(performers=1, period_ns=PERIOD, home_bpm=110.0, models=nets, soundcheck=soundcheck)

    heard = packets(guided())
    at_s = 25.0
    # Before the guards: they would hide a jump.
    wrong = np.array([s.raw[0] for s in played(core(LOUD), heard, None)])
    mended = np.array([s.raw[0] for s in played(core(LOUD), heard, at_s)])
    abrupt = np.array([s.raw[0] for s in played(core(LOUD), heard, at_s, fade_s=0.0)])
    right = np.array([s.raw[0] for s in played(core(Soundcheck()), heard, None)])
    at = round(at_s * 50)
    assert (mended[: at - 2] == wrong[: at - 2]).all()

    def largest_step(x: FloatArray, first: int, last: int) -> FloatArray:
        return np.abs(np.diff(x[first:last], axis=0)).max(axis=0)

    usual = largest_step(right, at - 200, at + 200)
    faded, jumped = largest_step(mended, at - 3, at + 3), largest_step(abrupt, at - 3, at + 3)
    print("largest change in a tick", faded.round(4), "without a fade", jumped.round(4), "usual", usual.round(4))
    assert (faded <= usual + 0.01).all()
    assert (jumped > 2.0 * usual + 0.01).any()
    end = slice(at + 400, None)
    apart = np.abs(wrong[end] - right[end]).mean(), np.abs(mended[end] - right[end]).mean()
    print("mean distance to the right calibration", apart)
    assert apart[1] < 0.3 * apart[0]
