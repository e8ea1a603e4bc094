"""A guided minute becomes a body, or is refused with the reason; the file says what was measured and is played with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from guided_takes import FULL_S, NORMAL_S, STILL_S, guided, packets

from choreo_service.bodies import MOVING
from choreo_service.calibration.flow import FULL, NORMAL, PATIENCE_S, REACTION_S, STILL, Flow, Heard, Phase, Seen
from choreo_service.calibration.measure import CalibrationRefused, Measured, measure
from choreo_service.calibration.profile import load_body, load_soundcheck, profile_text, save_body
from choreo_service.config import load_settings
from choreo_service.core import Core
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS, SensorPacket
from choreo_service.service.playing import build_core
from choreo_service.ticker import Tick

PERIOD = 20_000_000
PHASES = (Phase(STILL, STILL_S), Phase(NORMAL, NORMAL_S), Phase(FULL, FULL_S))


def play(heard: list[SensorPacket], *, performers: int = 1, performer: int = 0, patience_s: float = 0.0) -> Flow:
    """The flow over these packets, tick by tick, and `patience_s` more."""
    core = Core(performers=performers, period_ns=PERIOD, home_bpm=110.0)
    flow = Flow(core, performer, PHASES)
    last_ns = heard[-1].t_ns + round(patience_s * 1e9)
    k, waiting = 0, list(reversed(heard))
    while not flow.over and (t_ns := 1_000_000_000 + k * PERIOD) <= last_ns:
        due = []
        while waiting and waiting[-1].t_ns <= t_ns:
            due.append(waiting.pop())
        flow(Tick(k, 1, t_ns, 0), due, core.step(k, 1, t_ns, due))
        k += 1
    return flow


def heard(patience_s: float = 1.0, heart: bool = True, silent: tuple[float, float] = (-1.0, -1.0), **how: Any) -> Heard:
    return play(packets(guided(**how), heart=heart, silent=silent), patience_s=patience_s).heard()


@pytest.fixture(scope="module")
def anna() -> Measured:
    return measure("anna", heard(scale=1.02))


def test_the_minute_is_cut_into_its_parts_without_the_reactions() -> None:
    flow = play(packets(guided()), patience_s=1.0)
    assert flow.done
    lengths = {name: len(seen.features) for name, seen in flow.heard().phases.items()}
    assert lengths == {
        STILL: round((STILL_S - REACTION_S) * 50),
        NORMAL: round((NORMAL_S - REACTION_S) * 50),
        FULL: round((FULL_S - REACTION_S) * 50),
    }


def test_a_body_is_what_it_did(anna: Measured) -> None:
    assert anna.noise < 0.1
    assert 2 * anna.noise < anna.body.gate < 0.3  # with a device that reads 2 % too much
    mounting = anna.body.mounting
    assert mounting.gravity == pytest.approx(9.80665 * 1.02, abs=0.03)
    assert mounting.up == pytest.approx((0.36, 0.48, 0.8), abs=0.02)
    assert mounting.sway_axis is not None
    assert np.linalg.norm(mounting.sway_axis) == pytest.approx(1.0)
    freq, energy = (anna.body.ranges[c] for c in ("motion_freq", "motion_energy"))
    assert freq.mean == pytest.approx(1.8, rel=0.03)
    assert 1.2 < energy.mean < 5.0
    assert anna.spreads["motion_energy"].low < energy.mean < anna.spreads["motion_energy"].high
    assert anna.moved_s == pytest.approx(NORMAL_S + FULL_S - 2 * REACTION_S, abs=2.0)
    assert anna.body.frames == pytest.approx(anna.moved_s * 50)


def test_a_heart_is_known_after_minutes_only(anna: Measured) -> None:
    assert not anna.knows_heart
    assert set(anna.body.ranges) == set(FEATURE_COLUMNS[:6])
    minute = heard()
    longer = {
        name: Seen(np.tile(seen.features, (3, 1)), np.tile(seen.live, (3, 1))) for name, seen in minute.phases.items()
    }
    found = measure("anna", replace(minute, phases=longer))
    assert found.knows_heart
    assert found.body.ranges["hr"].mean == pytest.approx(80 + (STILL_S + (NORMAL_S + FULL_S) / 2) / 2, abs=1.5)
    silent = heard(heart=False)
    longer = {
        name: Seen(np.tile(seen.features, (3, 1)), np.tile(seen.live, (3, 1))) for name, seen in silent.phases.items()
    }
    assert not measure("ben", replace(silent, phases=longer)).knows_heart


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"shaken": 1.5}, r'"stand still" was not still: motion reached [0-9.]+ m/s.2, expected below 0.5(\n|$)'),
        ({"normal": 0.0, "full": 0.0}, 'no motion was seen in "move normally"'),
        ({"normal": 2.0, "full": 2.0}, '"move fully" was no fuller than "move normally"'),
        ({"silent": (11.0, 41.0)}, 'silent: it was heard in .*"move normally"'),
        ({"silent": (4.0, 9.0)}, 'silent: it was heard in .*"stand still"'),
    ],
)
def test_a_bad_minute_is_refused_with_its_reason(how: dict[str, Any], reason: str) -> None:
    with pytest.raises(CalibrationRefused, match=reason):
        measure("anna", heard(**how))


def test_a_flow_that_never_hears_its_performer_gives_up() -> None:
    flow = play(packets(guided()), performers=2, performer=1)
    assert (flow.over, flow.done) == (True, False)
    assert f"no motion sample of performer 1 came in {PATIENCE_S:g} s" in flow.missing


def test_a_flow_that_is_cut_short_says_where() -> None:
    flow = play(packets(guided()[:2]))
    assert not flow.over
    assert 'ended in "move normally"' in flow.missing


def test_the_file_gives_the_same_body_again(anna: Measured, tmp_path: Path) -> None:
    save_body(tmp_path / "profiles", anna, "phone", replace=False)
    found = load_body(tmp_path / "profiles", "anna")
    assert found.gate == pytest.approx(anna.body.gate, abs=1e-4)
    assert found.mounting.sway_axis == pytest.approx(anna.body.mounting.sway_axis, abs=1e-4)
    assert set(found.ranges) == set(anna.body.ranges)
    for column, known in anna.body.ranges.items():
        assert found.ranges[column].mean == pytest.approx(known.mean, abs=1e-4)
        assert found.ranges[column].sd == pytest.approx(known.sd, abs=1e-4)
    with pytest.raises(ConfigError, match="is there already"):
        save_body(tmp_path / "profiles", anna, "phone", replace=False)
    save_body(tmp_path / "profiles", anna, "phone", replace=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("gate: ", "gaet: "), "did you mean 'gate'"),
        (("version: 1", "version: 2"), "allowed: 1"),
        (("  jerk: ", "  jerks: "), "unknown feature 'jerks'"),
        (("gravity: ", "gravity: 1"), "gravity"),
        (("sd: ", "sd: -"), "sd"),
    ],
)
def test_a_damaged_file_is_refused_with_the_place(
    anna: Measured, tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    text = profile_text(anna, "phone").replace(*change)
    assert text != profile_text(anna, "phone")
    (tmp_path / "anna.yaml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        load_body(tmp_path, "anna")


def test_the_configuration_names_its_bodies(anna: Measured, repo_root: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    for name in ("default.yaml", "control_map.yaml"):
        (tmp_path / "configs" / name).write_bytes((repo_root / "configs" / name).read_bytes())
    save_body(tmp_path / "profiles", anna, "phone", replace=False)

    def loaded(*overrides: str) -> Any:
        return load_settings(home=tmp_path, overrides=overrides, environ={})

    found = load_soundcheck(loaded("engine.bodies=[anna]", "engine.after_soundcheck=freeze"))
    assert found.freezes
    assert found.gate(0) == pytest.approx(anna.body.gate, abs=1e-4)
    assert found.gate(1) == MOVING
    assert found.body(0) is not None
    rules = build_core(loaded("engine.bodies=[anna]")).state()["engine"]["rules"]["followers"][0]
    assert rules[1]["mean"] == pytest.approx(anna.body.ranges["motion_energy"].mean, abs=1e-4)
    with pytest.raises(ConfigError, match="no calibrated body 'ana'") as caught:
        build_core(loaded("engine.bodies=[ana]"))
    assert caught.value.fix == "-o engine.bodies=[anna]"
    with pytest.raises(ConfigError, match="2 bodies for 1 performer"):
        build_core(loaded("engine.bodies=[anna, anna]"))
