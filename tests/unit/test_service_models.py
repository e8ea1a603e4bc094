"""From a folder of checkpoints to music: what plays when, without torch, exactly again, and on when a net fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from model_samples import save_pair
from shows import PERIOD, make_core

from choreo_models.inference import load_pair, make_players
from choreo_models.inference.numpy_kernel import NumpyCoherence, NumpyReflex
from choreo_service.clock import NS
from choreo_service.config import Loaded, load_settings
from choreo_service.core import Core
from choreo_service.engine import FAILURES_TO_FALL_BACK, RETRY_S
from choreo_service.errors import ConfigError
from choreo_service.packets import LATENT_DIM, FloatArray, SensorPacket, Step
from choreo_service.protocols import Models
from choreo_service.replay import TapeEntry, first_difference, replay_tape
from choreo_service.service.models import chosen_models, has_checkpoints, load_models
from choreo_service.service.playing import build_core


def settings(repo_root: Path, folder: Path, *more: str) -> Loaded:
    return load_settings(home=repo_root, overrides=(f"engine.checkpoints={folder}", *more), environ={})


def tape(ticks: int, *, performers: int = 1, heart_until: int = 10**9) -> Iterator[TapeEntry]:
    """A body at 50 Hz and a heart at 1 Hz for every performer, a skipped tick now and then."""
    rng, k, seq = np.random.default_rng(4), 0, 0
    for i in range(ticks):
        dk = 2 if i % 97 == 96 else 1
        k += dk
        t_ns, packets = NS + k * PERIOD, []
        for performer in range(performers):
            swing = 4.0 * np.sin(2 * np.pi * 1.8 * k * 0.02 + performer) + rng.normal(0, 0.5)
            body = ("linear_acceleration", (float(swing), float(rng.normal()), float(rng.normal())))
            heart = [("heart_rate", (90.0 + 20.0 * np.sin(k / 400.0),))] if i % 50 == 0 and i < heart_until else []
            for stream, values in (body, *heart):
                seq += 1
                packets.append(SensorPacket(stream, performer, seq, t_ns, t_ns, None, "test", values))
        yield TapeEntry(k, dk, t_ns, tuple(packets))


def core(folder: Path, performers: int = 1) -> Core:
    return make_core(performers, load_models(folder, performers=performers, period_ns=PERIOD))


def test_the_models_of_a_folder_play_and_their_names_are_told(repo_root: Path, tmp_path: Path) -> None:
    save_pair(tmp_path)
    played = build_core(settings(repo_root, tmp_path))
    steps = list(replay_tape(played, tape(100)))
    assert played.mapper == "rps-0+mapper-0"
    assert {s.mapper for s in steps} == {"rps-0+mapper-0"}
    assert played.last_fault == ""


def test_an_empty_folder_means_the_rules(repo_root: Path, tmp_path: Path) -> None:
    assert not has_checkpoints(tmp_path)
    assert chosen_models(settings(repo_root, tmp_path)) is None
    assert build_core(settings(repo_root, tmp_path)).mapper == ""


def test_a_named_folder_that_is_not_there_is_an_error(repo_root: Path, tmp_path: Path) -> None:
    absent = settings(repo_root, tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"no folder .*absent") as caught:
        chosen_models(absent)
    assert "engine.mapper=rules" in caught.value.fix


def test_a_workspace_without_the_usual_folder_plays_the_rules(repo_root: Path, tmp_path: Path) -> None:
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    assert chosen_models(load_settings(home=tmp_path, environ={})) is None


@pytest.mark.parametrize("name", ["rps.json", "rps.safetensors", "mapper.json", "mapper.safetensors"])
def test_any_part_of_a_pair_counts_as_checkpoints(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    assert has_checkpoints(tmp_path)


def test_the_rules_can_be_asked_for_beside_sound_models(repo_root: Path, tmp_path: Path) -> None:
    save_pair(tmp_path)
    assert build_core(settings(repo_root, tmp_path, "engine.mapper=rules")).mapper == ""
    assert build_core(settings(repo_root, tmp_path, "engine.mapper=auto")).mapper != ""


def test_every_step_carries_the_latent_it_was_played_from(tmp_path: Path) -> None:
    save_pair(tmp_path)
    steps = list(replay_tape(core(tmp_path, 3), tape(600, performers=3, heart_until=100)))
    latents = [s.latent for s in steps if s.latent is not None]
    assert len(latents) == len(steps)
    assert latents[-1].z.shape == latents[-1].z_norm.shape == (3, LATENT_DIM)
    strap_silent_fader_unmoved = [False, True, False, True]
    assert latents[-1].filled.tolist() == [strap_silent_fader_unmoved] * 3
    assert all(((p.coherence >= 0) & (p.coherence <= 1)).all() for p in latents)
    assert (latents[-1].k, latents[-1].t_ns) == (steps[-1].frame.k, steps[-1].frame.t_ns)
    assert np.ptp([s.raw for s in steps[200:]], axis=0).min() > 1e-4


def differences(a: list[Step], b: list[Step]) -> list[str]:
    return [d for x, y in zip(a, b, strict=True) if (d := first_difference(x, y))]


def test_the_same_packets_give_the_same_bytes_again(tmp_path: Path) -> None:
    save_pair(tmp_path)
    first, second = (list(replay_tape(core(tmp_path, 2), tape(500, performers=2))) for _ in range(2))
    assert differences(first, second) == []


def test_another_model_is_another_music(tmp_path: Path) -> None:
    for seed in (0, 1):
        save_pair(tmp_path / str(seed), seed=seed)
    first, second = (list(replay_tape(core(tmp_path / str(seed)), tape(20))) for seed in (0, 1))
    assert len(differences(first, second)) == 20


@pytest.mark.parametrize("cut", [3, 250, 463])
def test_a_core_goes_on_from_its_saved_state_with_the_same_bytes(tmp_path: Path, cut: int) -> None:
    save_pair(tmp_path)
    entries = list(tape(520, heart_until=50))  # the heart is called missing within these ticks
    whole, resumed = core(tmp_path), core(tmp_path)
    list(replay_tape(whole, entries[:cut]))
    resumed.load_state(whole.state())
    assert differences(list(replay_tape(whole, entries[cut:])), list(replay_tape(resumed, entries[cut:]))) == []


class Moody(NumpyCoherence):
    """Raises while told to."""

    failing = False

    def encode(self, x: FloatArray) -> FloatArray:
        if self.failing:
            raise MemoryError("no room")
        return super().encode(x)


def test_a_kernel_that_raises_is_held_then_replaced_by_the_rules_then_tried_again(tmp_path: Path) -> None:
    save_pair(tmp_path)
    pair = load_pair(tmp_path)
    moody = Moody(pair.rps.weights)
    players = make_players(pair, performers=1, period_s=0.02, kernels=(moody, NumpyReflex(pair.mapper.weights)))
    played = make_core(1, Models(players.name, players.coherence, players.normaliser, players.mapper))
    entries = tape(600)

    def some(count: int) -> list[Step]:
        return list(replay_tape(played, [next(entries) for _ in range(count)]))

    assert {s.held for s in some(100)} == {False}
    moody.failing = True
    held = some(FAILURES_TO_FALL_BACK)
    assert {(s.held, s.mapper) for s in held} == {(True, "rps-0+mapper-0")}
    assert "MemoryError: no room" in played.last_fault
    moody.failing = False
    ruled = some(round(RETRY_S / 0.02))
    assert {(s.held, s.mapper, s.latent) for s in ruled} == {(False, "rules", None)}
    back = some(50)
    assert {(s.held, s.mapper) for s in back} == {(False, "rps-0+mapper-0")}
    controls = np.concatenate([s.controls for s in (*held, *ruled, *back)])
    assert np.isfinite(controls).all()
    assert ((controls >= 0) & (controls <= 1)).all()


WITHOUT_TORCH = """
import sys
from pathlib import Path
from choreo_service.service.models import load_models
from choreo_service.core import Core
models = load_models(Path(sys.argv[1]), performers=1, period_ns=20_000_000)
core = Core(performers=1, period_ns=20_000_000, home_bpm=110.0, models=models)
played = [core.step(k, 1, k * 20_000_000, ()).mapper for k in range(1, 20)]
print(set(played), core.last_fault, "torch" in sys.modules)
"""


def test_models_play_without_torch(tmp_path: Path) -> None:
    save_pair(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "{'rps-0+mapper-0'}  False"
