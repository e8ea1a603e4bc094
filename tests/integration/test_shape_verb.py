"""The verb `shape` in a whole show: heard, refused, kept as lines, in the take, and no harm to its replay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.config import Loaded, load_settings
from choreo_service.desk import Ack
from choreo_service.replay import replay_take
from choreo_service.service.build import build_service
from choreo_service.service.finishing import finish_now
from choreo_service.service.playing import build_core
from choreo_service.service.show import Service
from choreo_service.session import open_session
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

OPTIONS = (
    "engine.mapper=rules",
    "bridges.synth.type=null",
    "bridges.midi=null",
    "bridges.bars=null",
    "dashboard.port=0",
)


class Show:
    """A show in virtual time with a bridge that keeps what it is sent; `ask` is the desk."""

    def __init__(self, home: Path, folder: Path) -> None:
        options = (*OPTIONS, f"recorder.folder={folder}")
        self.loaded: Loaded = load_settings(profile="demo", home=home, overrides=options, environ={})
        self.clock = VirtualClock()
        self.service: Service = build_service(self.loaded, self.clock)
        self.service.beside.clear()  # no socket is needed
        self.bridge = RecordingBridge(RecordingConfig(), self.service.bridges["synth"]._controls, self.clock)  # type: ignore[attr-defined]
        self.service.bridges = {"synth": self.bridge}
        self.density: list[float] = []  # per tick
        self.service.listeners.append(self._note)

    def _note(self, *_: object) -> None:
        self.density.append(round(self.service.controller.latest[0].density, 6))

    def ask(self, *words: object) -> Ack:
        return self.service.desk.ask(str(words[0]), list(words[1:]), "test")

    def play(self, act: Callable[[], None]) -> None:
        """Two seconds, `act`, two more."""

        async def main() -> None:
            async with asyncio.TaskGroup() as group:
                show = group.create_task(self.service.run(seconds=4))
                await self.clock.sleep_until(self.clock.now_ns() + 2 * NS)
                act()
                await show

        run_virtual(self.clock, main())


@pytest.fixture
def show(repo_root: Path, tmp_path: Path) -> Show:
    return Show(repo_root, tmp_path)


def test_it_is_heard_told_to_the_pages_and_taken_back(show: Show) -> None:
    facts = []

    def act() -> None:
        assert show.ask("shape", "density", "clamp.low", 0.9).ok
        facts.append(show.service.facts["shape"]())

    show.play(act)
    assert min(show.density[50:100]) < 0.9 <= min(show.density[-80:])
    (told,) = facts
    assert (told["scene"], told["changed"]) == ("home", ["density"])
    assert told["controls"]["density"]["clamp.low"] == 0.9
    assert told["kept"] == [{"file": "configs/control_map.yaml", "lines": "density:\n  clamp: [0.9, 1]\n"}]
    assert show.service.dashboard is not None
    assert show.service.dashboard._picture.control_map.density.clamp == (0.9, 1.0)
    assert show.ask("shape", "density").ok
    assert show.service.facts["shape"]()["kept"] == []


def test_a_range_and_an_address_reach_the_bridge(show: Show) -> None:
    def act() -> None:
        assert show.ask("shape", "density", "max", 5).ok
        assert show.ask("shape", "density", "cc", 70.0).ok

    show.play(act)
    wire = show.bridge.controls["density"]
    assert (wire.lo, wire.hi, wire.cc) == (0.0, 5.0, 70)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("density", "cc", 20), "both use CC 20"),
        (("density", "curve", "bent"), "linear"),
        (("density", "volume", 1), "field"),
        (("loudness", "cc", 1), "control"),
        (("density", None, 1), "needs the key"),
    ],
)
def test_what_cant_be_is_refused_and_nothing_changes(show: Show, words: tuple[object, ...], says: str) -> None:
    before = show.service.facts["shape"]()
    ack = show.ask("shape", *words)
    assert not ack.ok
    assert says in ack.reason
    assert show.service.facts["shape"]() == before


def test_it_changes_the_scene_that_plays(show: Show) -> None:
    assert show.ask("scene", "calm").ok
    assert show.ask("shape", "density", "clamp.high", 0.3).ok
    told = show.service.facts["shape"]()
    assert told["scene"] == "calm"
    assert told["kept"][0]["file"] == "configs/scenes/calm.yaml"
    assert show.ask("scene", "home").ok
    assert show.service.facts["shape"]()["controls"]["density"]["clamp.high"] == 1.0


def test_it_is_in_the_take_and_the_take_replays_exactly(show: Show, tmp_path: Path) -> None:
    show.service.recorder.start("shaped")

    def act() -> None:
        for low in (0.1, 0.2, 0.3):
            assert show.ask("shape", "density", "clamp.low", low).ok
        assert not show.ask("shape", "density", "cc", 20).ok

    show.play(act)
    assert show.service.recorder.close()
    for folder in show.service.recorder.unfinished:
        finish_now(folder)
    take = open_session(tmp_path / "shaped")
    kept = [row for row in take.table("events").to_pylist() if row["text"] == "shape"]  # type: ignore[union-attr]
    told = [json.loads(row["data"]) for row in kept]
    assert [(row["field"], row["value"], row["ok"]) for row in told] == [
        ("clamp.low", 0.1, True),
        ("clamp.low", 0.2, True),
        ("clamp.low", 0.3, True),
        ("cc", 20.0, False),
    ]
    report = replay_take(take.path, build_core(show.loaded))
    assert (report.compared > 100, report.difference) == (True, "")
    sent = [row["value"] for row in take.table("sent").to_pylist() if row["control"] == "density"]  # type: ignore[union-attr]
    assert min(sent[-5:]) >= 0.3
    show.service.recorder.start("next")
    assert show.service.recorder._header["control_map"]["density"]["clamp"] == [0.3, 1.0]
    show.service.recorder.close()


def test_a_slider_that_moves_is_one_line_of_the_log(show: Show) -> None:
    with capture_logs() as said:
        for low in (0.1, 0.2, 0.3):
            show.ask("shape", "density", "clamp.low", low)
        show.ask("shape", "tension", "clamp.low", 0.1)
    assert [line["log_level"] for line in said] == ["info", "debug", "debug", "info"]
