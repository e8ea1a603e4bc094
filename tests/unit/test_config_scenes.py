"""Scenes are checked like everything else, and say where they are wrong; bridges' paces and profiles too."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from choreo_service.clock import MS
from choreo_service.config import load_settings
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES
from choreo_service.service.build import build_paces, build_scenes

PROFILE = """\
bridge: midi_cc
measured: "2026-01-01T00:00:00+00:00"
ears: test
pulses: 25
missed: 0
rejected: 0
xruns: 0
min_ms: 220
median_ms: 290
p95_ms: 360
max_ms: 380
sd_ms: 40
"""


@pytest.fixture
def home(repo_root: Path, tmp_path: Path) -> Path:
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    return tmp_path


def test_the_shipped_scenes_load_and_say_what_they_are_for(repo_root: Path) -> None:
    loaded = load_settings(home=repo_root, environ={})
    assert list(loaded.scenes) == ["calm", "drive"]
    assert all(scene.about for scene in loaded.scenes.values())
    calm = build_scenes(loaded)["calm"]
    assert calm.morph_s == 8.0
    tempo = calm.paths[0]
    assert tempo.span == pytest.approx((0.25, 0.75))
    assert (tempo.wire.lo, tempo.wire.hi) == (0.88, 1.12)  # the wire stays the control map's
    assert tempo.ease_s == pytest.approx(0.2)  # what a scene doesn't say is the control map's


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("density: {cc: 30}", r"loud.yaml:1:15: density.cc: unknown key .* Known here: min, max, curve"),
        ("about: a\ndensity: {curve: bent}", r"loud.yaml:2:18: density.curve: .* allowed: one of linear, exponential"),
        ("tempo_scale: {max: 2}", r"loud.yaml:1:20: tempo_scale.max: found 2; allowed: 0.88 to 1.12"),
        ("morph_s: 100", r"loud.yaml:1:10: morph_s: found 100; allowed: a number from 0 to 60"),
        ("density: {clamp: [0.9, 0.1]}", r"loud.yaml:1:\d+: density: clamp .* must rise"),
        ("denisty: {}", "did you mean 'density'"),
    ],
)
def test_a_wrong_scene_names_file_line_and_what_is_allowed(home: Path, text: str, says: str) -> None:
    (home / "configs" / "scenes" / "loud.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says):
        load_settings(home=home, environ={})


def test_another_control_map_has_scenes_of_its_own(repo_root: Path, tmp_path: Path) -> None:
    """The shipped ones are presets of the shipped map and would not fit every other."""
    (tmp_path / "map.yaml").write_text(json.dumps({c: {"min": 0, "max": 1} for c in CONTROL_NAMES}), encoding="utf-8")
    (tmp_path / "scenes").mkdir()
    (tmp_path / "scenes" / "soft.yaml").write_text("tempo_scale: {max: 0.5}", encoding="utf-8")
    chosen = [f"control_map={tmp_path / 'map.yaml'}"]
    assert list(load_settings(home=repo_root, overrides=chosen, environ={}).scenes) == ["soft"]


@pytest.mark.parametrize("name", ["home", "Two Words"])
def test_a_name_no_door_could_say_is_refused(home: Path, name: str) -> None:
    (home / "configs" / "scenes" / f"{name}.yaml").write_text("morph_s: 1", encoding="utf-8")
    with pytest.raises(ConfigError, match="can't be called"):
        load_settings(home=home, environ={})


def test_a_control_with_all_its_lines_commented_out_plays_as_the_map(home: Path) -> None:
    (home / "configs" / "scenes" / "calm.yaml").write_text("density:\n", encoding="utf-8")
    loaded = load_settings(home=home, environ={})
    assert loaded.scenes["calm"].controls == loaded.control_map


@pytest.mark.parametrize(
    ("offsets", "delays"),
    [
        ({"synth": 0, "midi": 0}, {"synth": 0, "midi": 0}),
        ({"synth": 40, "midi": 0}, {"synth": 40, "midi": 0}),
        ({"synth": -40, "midi": 0}, {"synth": 0, "midi": 40}),  # earlier than the others: the others wait
        ({"synth": -40, "midi": 60}, {"synth": 0, "midi": 100}),
        ({"synth": 40, "midi": 60}, {"synth": 40, "midi": 60}),
    ],
)
def test_an_offset_below_zero_delays_the_others(home: Path, offsets: dict[str, int], delays: dict[str, int]) -> None:
    overrides = [f"bridges.{name}.latency_offset_ms={ms}" for name, ms in offsets.items()]
    paces = build_paces(load_settings(home=home, environ={}, overrides=["bridges.bars=null", *overrides]))
    assert {name: pace.delay_ns // MS for name, pace in paces.items()} == delays


def test_the_others_wait_for_what_a_profile_says_is_slow(home: Path) -> None:
    folder = home / "calibration" / "latency"
    folder.mkdir(parents=True)
    (folder / "strudel-midin.yaml").write_text(PROFILE, encoding="utf-8")
    overrides = ["bridges.midi.latency_profile=strudel-midin", "bridges.synth.latency_offset_ms=10"]
    paces = build_paces(load_settings(home=home, environ={}, overrides=overrides))
    assert {name: pace.delay_ns // MS for name, pace in paces.items()} == {"bars": 290, "synth": 300, "midi": 0}


def test_a_profile_that_was_not_measured_says_how_to(home: Path) -> None:
    with pytest.raises(ConfigError, match=r"no latency profile 'osc-sc'.*none yet") as caught:
        load_settings(home=home, environ={}, overrides=["bridges.synth.latency_profile=osc-sc"])
    assert caught.value.fix == "measure it: choreo calibrate latency --bridge synth --save osc-sc"


def test_a_bridge_has_a_throttle_of_its_own(home: Path) -> None:
    paces = build_paces(load_settings(home=home, environ={}, overrides=["bridges.synth.throttle_ms=50"]))
    assert (paces["synth"].throttle_ns, paces["midi"].throttle_ns) == (50 * MS, None)
    with pytest.raises(ConfigError, match="20 to 50"):
        load_settings(home=home, environ={}, overrides=["bridges.synth.throttle_ms=10"])
