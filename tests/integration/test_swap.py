"""Other models while the show goes on: no tick missed, no jump, bad ones refused, and a take plays the same again."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hand_overs import RATE_STEP
from model_samples import rps_weights, save_pair, small_rps
from reload_shows import Show, edit

from choreo_models.inference import fingerprint_in
from choreo_service import logs
from choreo_service.controller.morph import MOST_LAYERS
from choreo_service.errors import SessionError
from choreo_service.packets import Step
from choreo_service.recorder import finish
from choreo_service.replay import ReplayReport, replay_take, replay_tape, settings_of
from choreo_service.service.playing import build_core
from choreo_service.service.wardrobe import models_of_take
from choreo_service.session import Session, open_session
from choreo_service.testing.disk import SimulatedDisk

FIRST, SECOND = "rps-0+mapper-0", "rps-1+mapper-1"
SLACK = 1e-6  # of float32


@pytest.fixture
def home(tmp_path: Path, repo_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with two pairs of checkpoints; the first is to play."""
    monkeypatch.setattr(logs, "set_level", lambda _level: None)  # the capturing of logs filters nothing
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    for seed, name in enumerate(("first", "second")):
        save_pair(tmp_path / "nets" / name, seed=seed)
    choose(tmp_path, "first")
    return tmp_path


@pytest.fixture
def playing(home: Path) -> Show:
    return Show(home)


def choose(home: Path, name: str, mapper: str = "auto") -> None:
    edit(home, "default.yaml", engine={"mapper": mapper, "checkpoints": f"nets/{name}"})


def players(show: Show) -> list[str]:
    """Who played, without repetition."""
    return [name for name, _ in itertools.groupby(step.mapper for step in show.tape.steps)]


def worst_move(steps: list[Step]) -> float:
    """The largest move of any control in a tick, in rate-limit steps."""
    controls = np.stack([step.controls[0].astype(np.float64) for step in steps])
    return float((np.abs(np.diff(controls, axis=0)) / RATE_STEP).max())


def test_other_checkpoints_play_on_without_a_missing_tick_or_a_jump(playing: Show) -> None:
    said = playing.play(lambda: choose(playing.home, "second"), lambda: choose(playing.home, "first"))
    assert players(playing) == [FIRST, SECOND, FIRST]
    assert playing.missed() == []
    assert playing.ticks == list(range(1, playing.ticks[-1] + 1))
    assert [line["event"] for line in said] == ["config.reloaded", "models.changed"] * 2
    assert said[0]["changed"] == ["engine.checkpoints"]
    assert (said[1]["now"], said[1]["before"], said[1]["log_level"]) == (SECOND, FIRST, "info")
    assert all(np.isfinite(step.controls).all() and not step.held for step in playing.tape.steps)
    assert worst_move(playing.tape.steps) <= 1.0 + SLACK


def test_the_hand_over_asks_less_of_the_rate_limit_than_a_leap_would(playing: Show) -> None:
    """At the tick of the change the raw positions leap; what is handed on does not."""
    playing.play(lambda: choose(playing.home, "second"))
    steps = playing.tape.steps
    at = next(i for i, step in enumerate(steps) if step.mapper == SECOND)
    leap = np.abs(steps[at].raw[0] - steps[at - 1].raw[0]) / RATE_STEP
    assert leap.max() > 1.0, "the two pairs want nearly the same: nothing is shown"
    assert worst_move(steps[at - 1 : at + 4]) < min(1.0, float(leap.max()))


@pytest.mark.parametrize("ways", [("rules", "auto"), ("auto", "rules")], ids="-".join)
def test_rules_and_models_take_turns(home: Path, ways: tuple[str, str]) -> None:
    choose(home, "first", mapper=ways[0])
    playing = Show(home)
    playing.play(lambda: choose(home, "first", mapper=ways[1]))
    assert players(playing) == [{"rules": "rules", "auto": FIRST}[way] for way in ways]
    assert playing.missed() == []
    assert worst_move(playing.tape.steps) <= 1.0 + SLACK


def test_files_that_were_replaced_under_their_name_are_noticed(playing: Show) -> None:
    def retrain() -> None:
        shutil.rmtree(playing.home / "nets" / "first")
        shutil.copytree(playing.home / "nets" / "second", playing.home / "nets" / "first")

    said = playing.play(retrain)
    assert players(playing) == [FIRST, SECOND]
    assert [line["event"] for line in said] == ["config.reloaded", "models.changed"]
    assert said[0]["changed"] == []


def test_a_reload_that_comes_while_too_many_scenes_fade_changes_nobody(playing: Show) -> None:
    def change() -> None:
        choose(playing.home, "second")
        for _ in range(MOST_LAYERS - 1):
            assert playing.service.desk.ask("scene", ["calm", 60], "test").ok

    said = playing.play(change, lambda: None)
    assert [line["event"] for line in said] == ["config.refused", "config.refused"]
    assert "fade into each other" in said[0]["reason"]
    assert (players(playing), playing.missed()) == ([FIRST], [])


def test_a_reload_without_other_models_leaves_them_alone(playing: Show) -> None:
    playing.play(lambda: playing.edit("default.yaml", output={"exit_ease_s": 0.5}))
    assert players(playing) == [FIRST]
    assert [p for e in playing.tape.entries for p in e.packets if p.stream == "models"] == []


def _torn(folder: Path) -> None:
    path = folder / "rps.safetensors"
    path.write_bytes(path.read_bytes()[:100])


def _foreign(folder: Path) -> None:
    save_pair(folder, seed=1, mapper_card={"rps_sha256": "0" * 64})


def _bursting(folder: Path) -> None:
    """Finite numbers that make infinite ones: only a rehearsal finds them."""
    huge = {name: np.where(value > 0, np.float32(3e38), value) for name, value in rps_weights(small_rps(1)).items()}
    save_pair(folder, rps=huge)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (shutil.rmtree, "no folder"),
        (_torn, "damaged"),
        (_foreign, "other latents"),
        (_bursting, "does not play"),
    ],
    ids=["gone", "torn", "foreign", "bursting"],
)
def test_bad_checkpoints_are_refused_and_the_old_ones_play_on(
    playing: Show, damage: Callable[[Path], None], says: str
) -> None:
    damage(playing.home / "nets" / "second")
    said = playing.play(lambda: choose(playing.home, "second"))
    assert [(line["event"], line["log_level"]) for line in said] == [("config.refused", "warning")]
    assert says in said[0]["reason"]
    assert said[0]["fix"]
    assert (players(playing), playing.missed()) == ([FIRST], [])
    choose(playing.home, "first")
    undisturbed = replay_tape(build_core(playing.load()), playing.tape.entries)
    assert all(
        a.controls.tobytes() == b.controls.tobytes() for a, b in zip(playing.tape.steps, undisturbed, strict=True)
    )


def recorded(show: Show, *changes: Callable[[], None], begin: int = 0) -> Session:
    """A take of the show with these changes, from the tick `begin` on."""
    recorder = show.service.recorder
    disk = recorder._disk = SimulatedDisk()

    def work(tick: Any, *_: object) -> None:
        if tick.k == begin:
            recorder.start("show")
        recorder.work()
        recorder.sync()

    if not begin:
        recorder.start("show")
    show.service.listeners.append(work)
    show.play(*changes)
    assert recorder.close()
    for path, content in disk.after_kill().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder,) = recorder.unfinished
    take = finish(folder)
    assert take is not None
    return take


def replayed(show: Show, take: Session) -> ReplayReport:
    loaded = show.load(overrides=settings_of(take))
    return replay_take(take.path, build_core(loaded), find_models=models_of_take(take, loaded))


def test_a_take_with_a_swap_replays_exactly_and_says_what_happened(playing: Show) -> None:
    def rules() -> None:
        choose(playing.home, "second", mapper="rules")

    take = recorded(playing, lambda: choose(playing.home, "second"), rules)
    assert players(playing) == [FIRST, SECOND, "rules"]
    report = replayed(playing, take)
    assert (report.difference, report.compared, report.models) == ("", len(playing.ticks), "")
    assert (take.meta["models"], take.meta["engine"]["checkpoints"]) == (FIRST, "nets/first")
    rows = [row for row in take.table("events").to_pylist() if row["text"] == "models"]
    told = [json.loads(row["data"]) for row in rows]
    assert [event["models"] for event in told] == [SECOND, ""]
    assert told[0]["models_sha256"] == fingerprint_in(playing.home / "nets" / "second")
    assert told[0]["engine"]["checkpoints"] == "nets/second"


def test_without_the_swap_it_would_not(playing: Show) -> None:
    """The fake: the same take through models that nobody changes."""
    take = recorded(playing, lambda: choose(playing.home, "second"))
    loaded = playing.load(overrides=settings_of(take))
    report = replay_take(take.path, build_core(loaded))
    assert "step.mapper" in report.difference or "latent" in report.difference


@pytest.mark.parametrize("ticks_after", [1, 30, 150], ids=lambda n: f"{n}-ticks-after")
def test_a_take_begun_after_the_swap_names_who_plays_and_replays_exactly(playing: Show, ticks_after: int) -> None:
    """Also in the middle of the hand-over."""
    other = Show(playing.home)
    other.play(lambda: choose(playing.home, "second"))
    swapped = next(i for i, step in enumerate(other.tape.steps) if step.mapper == SECOND)
    choose(playing.home, "first")
    take = recorded(playing, lambda: choose(playing.home, "second"), begin=other.ticks[swapped] + ticks_after - 1)
    assert (take.meta["models"], take.meta["engine"]["checkpoints"]) == (SECOND, "nets/second")
    assert take.meta["models_sha256"] == fingerprint_in(playing.home / "nets" / "second")
    assert replayed(playing, take).difference == ""


def test_checkpoints_that_moved_are_found_and_those_that_are_gone_are_named(playing: Show) -> None:
    take = recorded(playing, lambda: choose(playing.home, "second"))
    nets = playing.home / "nets"
    fingerprint = fingerprint_in(nets / "second")
    (nets / "second").rename(nets / "kept elsewhere")
    assert replayed(playing, take).difference == ""
    save_pair(nets / "kept elsewhere", seed=2)
    with pytest.raises(
        SessionError, match=rf"take show changes to {SECOND.replace('+', '.')} .*{fingerprint[:12]}"
    ) as gone:
        replayed(playing, open_session(take.path))
    assert "second" in gone.value.problem
    assert "bring that folder" in gone.value.fix


def test_what_the_performers_taught_the_old_models_the_new_ones_know(playing: Show) -> None:
    playing.play(lambda: choose(playing.home, "second"))
    learnt = playing.service.core.state()["engine"]["models"][0]["features"]["count"]
    assert learnt.max() > 250, "the new models began to learn at the swap"


def test_nobody_but_the_service_can_change_who_plays(playing: Show) -> None:
    """A sensor, or a take played into the show, may send what it likes."""
    stray = float(int(fingerprint_in(playing.home / "nets" / "second")[:12], 16))

    def send() -> None:
        for number in (0.0, stray, 1e300, -1.0, 0.5):
            assert playing.service.ingress.put("models", (number,), source_id="phone")

    playing.play(send)
    assert players(playing) == [FIRST]
