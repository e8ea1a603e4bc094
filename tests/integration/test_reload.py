"""A configuration that is read again while the show goes on: no tick is missed, a bad one is refused."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from reload_shows import READING_NS, Show, in_a_thread

from choreo_service import logs
from choreo_service.service.reload import Prepared


@pytest.fixture
def show(tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Show:
    monkeypatch.setattr(logs, "set_level", lambda _level: None)  # the capturing of logs filters nothing
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    return Show(tmp_path, ["engine.mapper=rules"])


def test_new_ranges_and_numbers_reach_the_bridge_and_no_tick_is_missed(show: Show) -> None:
    said = show.play(lambda: show.edit("control_map.yaml", density={"min": 10.0, "max": 20.0, "cc": 70}))
    assert [line["event"] for line in said] == ["config.reloaded"]
    keys = {f"control_map.density.{key}" for key in ("min", "max", "cc")}
    assert set(said[0]["changed"]) == {*keys, "scenes.calm", "scenes.drive"}  # which are parts of it
    assert show.missed() == []
    assert show.ticks == list(range(1, show.ticks[-1] + 1))
    wire = show.bridge.controls["density"]
    assert (wire.lo, wire.hi, wire.cc) == (10.0, 20.0, 70)
    values = show.bridge.values("density")
    assert values[-1] == pytest.approx(wire.neutral)
    assert max(abs(b - a) for a, b in itertools.pairwise(values)) < 1.0  # of a way of more than ten


def test_a_bad_configuration_is_refused_with_the_words_of_the_command_line(show: Show) -> None:
    before = dict(show.bridge.controls)
    said = show.play(lambda: show.edit("control_map.yaml", density={"max": -5.0}))
    assert [(line["event"], line["log_level"]) for line in said] == [("config.refused", "warning")]
    assert "density" in said[0]["reason"]
    assert said[0]["fix"]
    assert (show.missed(), dict(show.bridge.controls)) == ([], before)
    show.edit("control_map.yaml", density={"max": 5.0})
    assert show.load().control_map.density.max == 5.0  # it could have been accepted


def test_what_cant_change_is_named_and_stays(show: Show) -> None:
    def change() -> None:
        show.edit("default.yaml", engine={"performers": 2}, output={"exit_ease_s": 0.5, "throttle_ms": 40.0})
        show.edit("profiles/demo.yaml", bridges={"second": {"type": "null"}})

    said = show.play(change)
    assert [line["event"] for line in said] == ["config.reloaded", "config.later"]
    assert set(said[0]["changed"]) == {"output.exit_ease_s", "output.throttle_ms"}
    assert {"engine.performers", "bridges.second.type"} <= set(said[1]["keys"])
    assert said[1]["reason"] == "needs a restart"
    assert (show.missed(), show.service.exit_ease_s, len(show.service.controller.latest)) == ([], 0.5, 1)


def test_what_a_hand_has_shaped_ends_where_the_files_are_read_anew(show: Show) -> None:
    def change() -> None:
        assert show.service.desk.ask("shape", ["density", "clamp.low", 0.5], "test").ok
        assert show.service.facts["shape"]()["changed"] == ["density"]

    show.play(change)
    assert show.service.facts["shape"]()["changed"] == []
    assert show.service.desk.ask("shape", ["density", "cc", 70], "test").ok


def test_a_scene_that_was_added_can_be_played(show: Show) -> None:
    show.play(lambda: shutil.copy(show.home / "configs/scenes/calm.yaml", show.home / "configs/scenes/new.yaml"))
    assert "new" in show.service.controller.scenes


def test_any_door_may_ask_for_it_and_the_pages_are_told(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    told = list[tuple[str, ...]]()
    monkeypatch.setattr(show.service, "announce", lambda *words: told.append(words))
    show.ask = lambda: show.service.desk.ask("reload", (), "osc")
    show.play(lambda: show.edit("default.yaml", engine={"performers": 2}, output={"exit_ease_s": 0.5}))
    assert told == [
        ("config", "configuration read again; changed: output.exit_ease_s"),
        ("config", "from the next start on: engine.performers", "warn"),
    ]


def test_reading_on_the_loop_would_be_seen(show: Show) -> None:
    """The fake: the same reload, but the disk is waited for where the ticks are made."""

    async def on_the_loop(prepare: Callable[[], Prepared]) -> Prepared:
        show.clock.advance(READING_NS)
        return await in_a_thread(prepare)

    show.reload.apart = on_the_loop
    show.play(lambda: None)
    assert show.missed() != []
