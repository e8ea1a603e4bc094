"""From nothing to music and back: takes are made, models trained on them, the service plays them, a report judges it.

Every stage is the program a user starts; the service alone runs in simulated time.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.config import Loaded, load_settings
from choreo_service.packets import CONTROL_NAMES, MODALITY_NAMES
from choreo_service.replay import Tape, first_difference, replay_tape
from choreo_service.service.build import build_service
from choreo_service.service.playing import build_core
from choreo_service.session import write_session
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.slow

STEPS = 150
SESSIONS = 3
SECONDS = 42
# Beside the tick's grid, as every real sensor is: at the very same nanosecond neither comes first.
SPEED = 0.999
PROGRAMS = {"choreo-lab": "choreo_pipelines.cli", "choreo": "choreo_service.cli"}


class Played(NamedTuple):
    """The show the service gave with the fresh models."""

    loaded: Loaded
    tape: Tape
    heard: RecordingBridge
    last_fault: str


def run(cwd: Path, program: str, *arguments: str | Path) -> str:
    """What one of our programs prints; it must end well."""
    code = f"from {PROGRAMS[program]} import main; main()"
    argv = [sys.executable, "-c", code, *map(str, arguments)]
    environ = {key: value for key, value in os.environ.items() if not key.startswith("CHOREO_")}
    environ["OMP_NUM_THREADS"] = "1"  # nets this small are slower with two, many times so beside other work
    done = subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with takes/ and the pair trained on them in models/."""
    folder = tmp_path_factory.mktemp("studio")
    amount = ("--sessions", str(SESSIONS), "--minutes", str(SECONDS / 60))
    run(folder, "choreo-lab", "generate", *amount, "--hr-mode", "ble", "--seed", "5", "--out", "takes")
    for kind in ("rps", "mapper"):
        run(folder, "choreo-lab", "train", kind, "takes", "--steps", str(STEPS), "--out", "models")
    return folder


@pytest.fixture(scope="module")
def played(studio: Path, repo_root: Path) -> Played:
    """The service plays the first take with the trained pair, from the sensor to the bridge."""
    sensors = {"body": {"type": "session_replay", "path": str(takes(studio)[0]), "speed": SPEED}}
    loaded = load_settings(
        home=repo_root, overrides=(f"engine.checkpoints={studio / 'models'}",), environ={}, sensors=sensors
    )
    ear = dataclasses.replace(loaded.bridges["synth"], cls=RecordingBridge, config=RecordingConfig())
    service = build_service(dataclasses.replace(loaded, bridges={"ear": ear}), clock := VirtualClock())
    tape = Tape()
    service.listeners.append(tape)
    run_virtual(clock, service.run())
    heard = service.bridges["ear"]
    assert isinstance(heard, RecordingBridge)
    return Played(loaded, tape, heard, service.core.last_fault)


def takes(studio: Path) -> list[Path]:
    return sorted((studio / "takes").iterdir())


def cards(studio: Path) -> dict[str, Any]:
    return {kind: json.loads((studio / "models" / f"{kind}.json").read_text("utf-8")) for kind in ("rps", "mapper")}


def name_of(studio: Path) -> str:
    """The models as telemetry shows them."""
    return "+".join(card["run_id"] for card in cards(studio).values())


def test_the_models_were_trained_on_the_takes_and_learnt(studio: Path) -> None:
    rps, mapper = cards(studio).values()
    assert mapper["rps_run_id"] == rps["run_id"]
    assert mapper["rps_sha256"] == rps["weights_sha256"]
    for card in (rps, mapper):
        assert card["data"]["takes"] == SESSIONS == len(takes(studio))
        assert card["data"]["fingerprint"] == rps["data"]["fingerprint"]
        dancers = [who for side in card["data"]["performers"].values() for who in side]
        assert sorted(dancers) == ["m0-5-0", "m0-5-1", "m0-5-2"]
        assert card["hyperparameters"]["steps"] == STEPS
    guess = mapper["metrics"]["mse"]
    assert guess["value"] < guess["baseline"]["constant"]
    assert min(rps["metrics"][f"decode_r2_{name}"]["value"] for name in MODALITY_NAMES) > 0.3


def test_the_service_plays_the_models_and_nothing_else(studio: Path, played: Played) -> None:
    steps = played.tape.steps
    assert len(steps) >= SECONDS * 50
    assert {step.mapper for step in steps} == {name_of(studio)}
    assert played.last_fault == ""
    assert not any(step.held for step in steps)
    controls = np.concatenate([step.controls for step in steps])
    assert np.isfinite(controls).all()
    assert ((controls >= 0) & (controls <= 1)).all()
    low, high = np.percentile(controls, (5, 95), axis=0)
    assert dict(zip(CONTROL_NAMES, high - low > 0.1, strict=True)) == dict.fromkeys(CONTROL_NAMES, True)
    assert all(step.latent is not None and np.isfinite(step.latent.z).all() for step in steps)
    assert steps[-1].frame.present.all()


def test_what_the_models_play_arrives_at_the_bridge(played: Played) -> None:
    names = {name for _, sent in played.heard.packets for name in sent}
    assert names == set(CONTROL_NAMES)
    density = [packet.value("density") for packet, sent in played.heard.packets if "density" in sent]
    wire = played.heard.controls["density"]
    assert len(density) > SECONDS * 5
    assert wire.lo <= min(density) < max(density) <= wire.hi
    assert density[-1] == pytest.approx(wire.neutral)  # the show ends at rest


def test_the_show_replays_with_the_same_bytes_twice(played: Played) -> None:
    for _ in range(2):
        again = list(replay_tape(build_core(played.loaded), played.tape.entries))
        pairs = zip(played.tape.steps, again, strict=True)
        assert [found for a, b in pairs if (found := first_difference(a, b))] == []


def test_the_recorded_show_is_reproduced_by_the_command(
    studio: Path, played: Played, repo_root: Path, tmp_path: Path
) -> None:
    entries = played.tape.entries
    packets = (packet for entry in entries for packet in entry.packets)
    meta = {"source": "live", "performers": 1, "period_ns": 20_000_000, "start_ns": entries[0].t_ns - 20_000_000}
    show = write_session(tmp_path / "show", packets=packets, steps=played.tape.steps, meta=meta)
    models = ("-o", f"engine.checkpoints={studio / 'models'}")
    said = run(tmp_path, "choreo", "replay", show.path, "--home", repo_root, *models)
    assert f"{len(entries)} ticks of recorded controls reproduced exactly" in said


def test_the_report_is_about_the_music_of_these_models(studio: Path, repo_root: Path, tmp_path: Path) -> None:
    models = ("-o", f"engine.checkpoints={studio / 'models'}")
    said = run(tmp_path, "choreo-lab", "report", takes(studio)[0], "--out", "report", "--home", repo_root, *models)
    assert f"played by {name_of(studio)}" in " ".join(said.split())
    found = json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
    assert found["mapper"] == name_of(studio)
    assert (
        found["measured"]["readings"]["take"]["energy"]["r"]
        > found["measured"]["readings"]["clock only"]["energy"]["r"]
    )
    assert name_of(studio) in (tmp_path / "report" / "report.html").read_text("utf-8")
