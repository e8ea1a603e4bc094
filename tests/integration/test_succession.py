"""A second service goes on where the first one fell: the same grid, the same music, the same books, the next take."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_stage import PageStage
from reload_shows import edit
from seats import GO, seated
from structlog.testing import capture_logs

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.commands import Shape
from choreo_service.config import DashboardSettings, load_settings
from choreo_service.packets import SensorPacket, Step
from choreo_service.service.build import build_service
from choreo_service.service.show import Service
from choreo_service.service.succession import note, snapshot, succeed, take_over
from choreo_service.session.state import dump_state
from choreo_service.standby.packing import pack, unpack
from choreo_service.standby.seat import Turn
from choreo_service.ticker import Tick

PLAYED_S = 4.0
SETTINGS = ("sensors.phone=null", "bridges.bars=null", "bridges.synth=null", "bridges.midi=null", "doors.osc=null")


class Engine:
    """A service without adapters, fed by hand; `left` is what it leaves with every tick, `notes` what came since."""

    def __init__(self, repo_root: Path, clock: VirtualClock, folder: Path, *overrides: str) -> None:
        options = (*SETTINGS, "dashboard.enabled=false", f"recorder.folder={folder}", *overrides)
        self.service: Service = build_service(load_settings(home=repo_root, overrides=options, environ={}), clock)
        self.left: Mapping[str, Any] = {}
        self.notes: list[Any] = []
        self.steps: list[Step] = []
        self.ticks: list[Tick] = []
        self.service.listeners.append(self._listen)
        self.service.ingress.on_packet.append(lambda packet: self.notes.append(unpack(pack(note(packet)))))

    def _listen(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        self.left = unpack(pack(snapshot(self.service, tick)))
        self.notes = [note(packet) for packet in self.service.ingress.waiting()]
        self.steps.append(step)
        self.ticks.append(tick)

    def move(self, n: int) -> None:
        swing = 5.0 * np.sin(n / 7.0)
        self.service.ingress.put("acceleration", (swing, -swing, 9.8), source_id="phone")


def turn(left: Mapping[str, Any], notes: Sequence[Any] = (), *, trusted: bool = True) -> Turn:
    return Turn(1, "killed by SIGKILL", left, notes, trusted=trusted, realtime=0)


def played(engine: Engine, clock: VirtualClock, seconds: float, first: int = 0) -> None:
    """Let it play while the phone moves, then fall: nothing eases out, nothing is said."""

    async def show() -> None:
        running = asyncio.create_task(engine.service.run())
        for n in range(first, first + round(seconds * 100)):
            await clock.sleep_until(clock.now_ns() + NS // 100)
            engine.move(n)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    run_virtual(clock, show())


def test_it_goes_on_as_one_engine_would_have(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path)
    first.service.recorder.start("show", ["berlin"])
    played(first, clock, PLAYED_S)
    second = Engine(repo_root, clock, tmp_path)
    clock.advance(NS // 10)
    succeed(second.service, turn(first.left))
    assert dump_state(second.service.core.state()) == dump_state(first.left["core"])
    assert second.service.recorder.health()["state"] == "recording"
    assert second.service.recorder.state() == ["show", ["berlin"], False]
    accepted = second.service.ingress.counts()["phone"]["accepted"]
    played(second, clock, 1.0, first=round(PLAYED_S * 100))
    after, before = second.ticks[0], first.ticks[-1]
    assert after.due_ns - before.due_ns == (after.k - before.k) * second.service.core.period_ns  # one grid
    assert after.dk == after.k - before.k >= 5  # the gap counts as skipped
    assert second.service.ingress.counts()["phone"]["accepted"] == accepted + 100
    largest = np.abs(second.steps[0].controls - first.steps[-1].controls).max()
    assert largest < 0.25  # the guards' rate over the gap, and no leap to neutral


def test_what_came_in_after_the_last_tick_is_played_by_the_successor(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path)
    played(first, clock, 1.0)
    for n in range(3):
        first.move(n)
    second = Engine(repo_root, clock, tmp_path)
    succeed(second.service, turn(first.left, first.notes))
    assert second.service.ingress.counts() == first.service.ingress.counts()
    before, after = (e.service.ingress.waiting() for e in (first, second))
    assert len(before) >= 3
    assert [(p.values, p.rx_ns, p.seq) for p in after] == [(p.values, p.rx_ns, p.seq) for p in before]


def test_a_state_of_another_configuration_is_refused_and_the_show_goes_on(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path, "engine.performers=2")
    first.service.recorder.start("show")
    played(first, clock, 1.0)
    second = Engine(repo_root, clock, tmp_path)
    rest = dump_state(second.service.core.state())
    with capture_logs() as log:
        succeed(second.service, turn(first.left))
    assert "standby.state_refused" in [entry["event"] for entry in log]
    assert dump_state(second.service.core.state()) == rest
    assert second.service.recorder.health()["state"] == "recording"
    played(second, clock, 0.5)
    assert second.steps


def test_other_models_begin_at_rest_and_the_log_says_so(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path)
    played(first, clock, 2.0)
    second = Engine(repo_root, clock, tmp_path)
    nets = dump_state(second.service.core.state()["engine"]["models"][2])
    assert dump_state(first.left["core"]["engine"]["models"][2]) != nets
    with capture_logs() as log:
        succeed(second.service, turn({**first.left, "models": ["older", "0" * 64]}))
    told = [(entry["before"], entry["now"]) for entry in log if entry["event"] == "standby.other_models"]
    assert told == [("older", second.service.core.mapper)]
    state = second.service.core.state()
    assert dump_state(state["engine"]["models"][2]) == nets
    assert dump_state(state["frames"]) == dump_state(first.left["core"]["frames"])
    assert state["engine"]["hand_over"]["left"] > 0  # the controls go over in even steps


def test_another_tick_begins_a_grid_and_a_core_of_its_own(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path)
    first.service.controller.freeze()
    played(first, clock, 1.0)
    second = Engine(repo_root, clock, tmp_path, "engine.period_ms=40")
    rest = dump_state(second.service.core.state())
    succeed(second.service, turn(first.left))
    assert (second.service.grid, dump_state(second.service.core.state())) == (None, rest)
    assert second.service.controller.latches().frozen_s is not None


def test_a_shape_that_new_files_dont_allow_is_refused_and_the_hands_keep_what_they_hold(
    repo_root: Path, tmp_path: Path
) -> None:
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    clock = VirtualClock()
    first = Engine(tmp_path, clock, tmp_path / "recordings")
    assert first.service.shaping is not None
    first.service.shaping.obey(Shape(control="density", field="cc", value=70))
    first.service.controller.panic()
    played(first, clock, 0.5)
    edit(tmp_path, "control_map.yaml", tension={"cc": 70})  # which nobody had read again
    second = Engine(tmp_path, clock, tmp_path / "recordings")
    with capture_logs() as log:
        succeed(second.service, turn(first.left))
    assert [entry["part"] for entry in log if entry["event"] == "standby.state_refused"] == ["shaping"]
    assert second.service.controller.latches().panic
    assert dump_state(second.service.core.state()) == dump_state(first.left["core"])


@pytest.mark.parametrize(
    ("before", "now", "kept"),
    [
        (["dashboard.lan=true"], ["dashboard.lan=true"], True),
        (["dashboard.lan=true"], ["dashboard.lan=true", f"dashboard.token={'n' * 20}"], False),
        ([], ["dashboard.lan=true"], False),
        (["dashboard.lan=true"], [], False),
    ],
    ids=["tablets stay", "another one is named", "the network is let in", "it is shut out"],
)
def test_the_token_stays_where_the_configuration_says_nothing_else(
    repo_root: Path, tmp_path: Path, before: list[str], now: list[str], kept: bool
) -> None:
    clock = VirtualClock()
    first, second = (
        Engine(repo_root, clock, tmp_path, "dashboard.enabled=true", *options).service for options in (before, now)
    )
    assert first.dashboard is not None
    assert second.dashboard is not None
    own = second.dashboard.token
    second.dashboard.go_on(first.dashboard.left())
    assert second.dashboard.token == (first.dashboard.token if kept else own)
    assert bool(second.dashboard.token) == ("dashboard.lan=true" in now)


def test_what_was_shaped_stays(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path / "recordings")
    assert first.service.shaping is not None
    first.service.shaping.obey(Shape(control="density", field="max", value=0.5))
    played(first, clock, 0.5)
    second = Engine(repo_root, clock, tmp_path / "recordings")
    succeed(second.service, turn(first.left))
    assert second.service.shaping is not None
    assert second.service.shaping.facts() == first.service.shaping.facts()
    assert second.service.shaping.facts()["controls"]["density"]["max"] == 0.5


def test_after_engines_that_fell_one_after_the_other_the_core_begins_from_rest(repo_root: Path, tmp_path: Path) -> None:
    clock = VirtualClock()
    first = Engine(repo_root, clock, tmp_path)
    first.service.controller.freeze()
    played(first, clock, 1.0)
    second = Engine(repo_root, clock, tmp_path)
    rest = dump_state(second.service.core.state())
    succeed(second.service, turn(first.left, trusted=False))
    assert dump_state(second.service.core.state()) == rest
    assert second.service.controller.latches().frozen_s is not None


@pytest.mark.parametrize(("followed", "notes"), [(False, ["panic"]), (True, [])])
def test_a_failure_that_another_engine_makes_good_sends_no_panic(
    repo_root: Path, tmp_path: Path, followed: bool, notes: list[str]
) -> None:
    clock, said = VirtualClock(), list[str]()
    engine = Engine(repo_root, clock, tmp_path)
    engine.service.followed = lambda: followed
    engine.service.recorder.note = lambda text, **_: said.append(text)  # type: ignore[method-assign]

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    engine.service.listeners.append(fail)
    with pytest.raises(ExceptionGroup):
        run_virtual(clock, engine.service.run())
    assert said == notes
    assert engine.service.controller.latches().panic == (not followed)


@pytest.mark.asyncio
async def test_the_pages_are_told_of_a_take_over() -> None:
    clock = VirtualClock()
    first, second = (PageStage(clock, DashboardSettings(port=0)) for _ in range(2))
    left: list[bytes] = []
    first.service.listeners.append(lambda tick, *_: left.append(pack(snapshot(first.service, tick))))
    first.tick()
    with seated(first=False) as (seat, watcher, mirror), capture_logs():
        mirror.write(left[-1])
        watcher.send("go", **GO)
        its_turn = await seat.turn()
        assert its_turn is not None
        take_over(second.service, seat, its_turn)
        second.tick(2, late_ns=60 * MS)
    told = [(e["level"], e["text"]) for e in second.page.hub.events if e["kind"] == "standby"]
    assert told == [("warn", "the spare engine took over, 60 ms without a tick: hung")]
    assert second.page.left()["show_id"] == first.page.left()["show_id"]
