"""Mistakes in every part of a configuration are told in one go, each once and with its own place and fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from choreo_service import registry
from choreo_service.config import load_settings
from choreo_service.config.mistakes import MAX_SHOWN, MOST, Mistakes
from choreo_service.errors import ConfigError
from choreo_service.service.refusals import judge

CONTROLS = "".join(f"{name}: {{}}\n" for name in ("tempo_scale", "density", "tension", "brightness", "fx_send"))
WRONG_EVERYWHERE = """\
engine:
  period_ms: 200
sensors:
  dancer: {type: synthetic, bmp: 100, seed: -1}
  ghost: {type: synthetik}
bridges:
  synth: {type: osc_out, throttle_ms: 5, port: none}
  late: {type: osc_out, latency_profile: speakers}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    configs = tmp_path / "configs"
    (configs / "scenes").mkdir(parents=True)
    (configs / "default.yaml").write_text("engine:\n  period_ms: 20\n")
    (configs / "control_map.yaml").write_text(CONTROLS)
    monkeypatch.chdir(tmp_path)
    return configs


def _mistakes(text: str, *overrides: str, environ: dict[str, str] | None = None) -> list[str]:
    Path("mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(file=Path("mine.yaml"), overrides=overrides, environ=environ or {})
    assert all(mistake.fix for mistake in caught.value.each)
    assert all(mistake.problem in caught.value.problem for mistake in caught.value.each[:MAX_SHOWN])
    return [mistake.problem for mistake in caught.value.each]


def test_every_part_is_judged_whatever_is_wrong_with_the_others(home: Path) -> None:
    (home / "control_map.yaml").write_text(CONTROLS.replace("tension: {}", "tension: {cc: 200, curve: wavy}"))
    (home / "scenes" / "calm.yaml").write_text("morph_s: -1\n")
    (home / "scenes" / "Loud.yaml").write_text("")
    found = _mistakes(WRONG_EVERYWHERE, "log.level=loud")
    for place in (
        "mine.yaml:2:14: engine.period_ms: found 200",
        "mine.yaml:4:34: sensors.dancer.bmp: unknown key",
        "sensors.dancer.seed: found -1",
        "mine.yaml:5:17: unknown sensor type 'synthetik'",
        "bridges.synth.throttle_ms: found 5",
        "no latency profile 'speakers'",
        "-o log.level: found 'loud'",
        "configs/control_map.yaml:3:15: tension.cc: found 200",
        "tension.curve: found 'wavy'",
        "configs/scenes/calm.yaml:1:10: morph_s: found -1",
        "configs/scenes/Loud.yaml: a scene can't be called 'Loud'",
    ):
        assert sum(place in problem for problem in found) == 1, (place, found)
    assert len(found) == len(set(found))


@pytest.mark.usefixtures("home")
def test_what_follows_from_a_mistake_is_no_mistake_of_its_own() -> None:
    assert len(_mistakes("sensors:\n  phone: {port: 1}\n")) == 1  # no type
    assert len(_mistakes("control_map: 3\n")) == 1
    assert len(_mistakes("engine: 20\nlog: [info]\n")) == 2


def test_a_scene_is_not_held_to_a_range_that_is_itself_wrong(home: Path) -> None:
    (home / "control_map.yaml").write_text(CONTROLS.replace("density: {}", "density: {min: 0, max: wide}"))
    (home / "scenes" / "calm.yaml").write_text("density: {max: 8}\n")
    assert len(_mistakes("")) == 1


def test_everything_that_cannot_be_read_is_told_before_values_are_judged(home: Path) -> None:
    (home / "local.yaml").write_text("engine:\n\tseed: 1\n")
    found = _mistakes("a: 1\na: 2\nengine: {period_ms: 1}\n", "engine", environ={"CHOREO__ENGIN__SEED": "1"})
    assert len(found) == 4
    assert any("local.yaml:2:1: found a tab" in problem for problem in found)
    assert any("mine.yaml:2:1: the key 'a' stands here twice" in problem for problem in found)
    assert any("option -o 'engine': expected key=value" in problem for problem in found)
    assert any("environment CHOREO__ENGIN__SEED: unknown key" in problem for problem in found)


def test_both_ends_of_a_scenes_range_are_told(home: Path) -> None:
    (home / "scenes" / "calm.yaml").write_text("density: {min: -1, max: 8}\n")
    assert [problem.partition(": ")[2].split(":")[0] for problem in _mistakes("")] == ["density.min", "density.max"]


def test_one_mistake_is_itself_and_none_is_silence() -> None:
    mistakes = Mistakes()
    mistakes.tell()
    error = ConfigError("a", fix="b")
    mistakes.note(error)
    mistakes.note(ConfigError("a", fix="met again"))
    with pytest.raises(ConfigError) as caught:
        mistakes.tell()
    assert caught.value is error


@pytest.mark.usefixtures("home")
def test_what_only_the_start_would_refuse_is_told_too() -> None:
    wrong = (
        "transport.performer=3",
        "engine.bodies=[nobody]",
        "engine.checkpoints=nowhere",
        "sensors.strap={type: ble_heart, performer: 4}",
    )
    with pytest.raises(ConfigError) as caught:
        judge(load_settings(overrides=wrong, environ={}))
    told = [mistake.problem for mistake in caught.value.each]
    for what in ("transport.performer: found 3", "no calibrated body 'nobody'", "no folder", "sensors.strap.performer"):
        assert sum(what in problem for problem in told) == 1, (what, told)
    assert len(told) == len(wrong)
    judge(load_settings(overrides=("sensors.strap={type: ble_heart}",), environ={}))


@pytest.mark.usefixtures("home")
def test_a_file_of_nothing_but_mistakes_is_not_judged_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up = []
    monkeypatch.setattr(registry, "find", lambda kind, name: looked_up.append(name) or _refuse(name))
    found = _mistakes("sensors: {" + ", ".join(f"k{i}: {{type: x{i}}}" for i in range(1000)) + "}\n")
    assert len(found) == len(looked_up) == MOST


def _refuse(name: str) -> None:
    raise ConfigError(f"unknown {name}", fix="leave it out")
