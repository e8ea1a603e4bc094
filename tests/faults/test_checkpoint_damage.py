"""Damaged checkpoints: each is refused by name before the music starts, and never plays wrong notes instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_samples import card, rps_weights, save_pair, small_mapper, small_rps
from safetensors.torch import save_file

from choreo_models.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from choreo_models.inference import load_pair, make_players
from choreo_models.inference.torch_kernel import mapper_of, rps_of, weights_of
from choreo_service.config import load_settings
from choreo_service.errors import ConfigError
from choreo_service.packets import MODALITIES, FloatArray
from choreo_service.service.models import load_models
from choreo_service.service.playing import build_core

Damage = Callable[[Path], None]


def truncated(folder: Path) -> None:
    path = folder / "rps.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def empty(folder: Path) -> None:
    (folder / "mapper.safetensors").write_bytes(b"")


def flipped(folder: Path) -> None:
    path = folder / "mapper.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(bytes(content))


def without(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def oversized(folder: Path) -> None:
    with (folder / "rps.safetensors").open("r+b") as file:
        file.truncate(65 * 1024 * 1024)  # sparse: it takes no room


def half_precision(folder: Path) -> None:
    save_file({"a": torch.zeros(2, dtype=torch.bfloat16)}, folder / "rps.safetensors")


def replaced(name: str, text: str) -> Damage:
    return lambda folder: (folder / name).write_text(text, "utf-8") and None


def edited(name: str, **keys: Any) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / f"{name}.json"
        path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **keys}), "utf-8")

    return damage


def card_without(name: str, key: str) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / f"{name}.json"
        path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text("utf-8")).items() if k != key}), "utf-8")

    return damage


def another_mapper(folder: Path) -> None:
    save_pair(folder.parent / "other", seed=1)
    for ending in ("json", "safetensors"):
        (folder / f"mapper.{ending}").write_bytes((folder.parent / "other" / f"mapper.{ending}").read_bytes())


def rps_weight(name: str, change: Callable[[FloatArray], Any] | None) -> Damage:
    """A checkpoint whose card fits and whose weight `name` is changed, or gone."""

    def damage(folder: Path) -> None:
        weights = rps_weights(small_rps())
        value = weights.pop(name)
        save_pair(folder, rps=weights if change is None else {**weights, name: change(value.copy())})

    return damage


def mapper_weight(name: str, change: Callable[[FloatArray], Any] | None) -> Damage:
    def damage(folder: Path) -> None:
        weights = weights_of(small_mapper())
        value = weights.pop(name)
        save_pair(folder, mapper=weights if change is None else {**weights, name: change(value.copy())})

    return damage


def poisoned(value: FloatArray) -> FloatArray:
    value.flat[3] = np.nan
    return value


def sees_itself(value: FloatArray) -> FloatArray:
    value[0, MODALITIES["heart"].latent.start] = 1e-3
    return value


OWN = "translators.heart.linear.weight"
DAMAGES = {
    "truncated": (truncated, "rps.safetensors is damaged"),
    "empty": (empty, "mapper.safetensors is damaged"),
    "flipped": (flipped, "mapper.safetensors does not belong to mapper.json"),
    "no rps weights": (without("rps.safetensors"), "rps.safetensors can't be read"),
    "no mapper weights": (without("mapper.safetensors"), "mapper.safetensors can't be read"),
    "no rps card": (without("rps.json"), "rps.json can't be read"),
    "no mapper card": (without("mapper.json"), "mapper.json can't be read"),
    "oversized": (oversized, "rps.safetensors is too large"),
    "half precision": (half_precision, "expected float32 numbers, found 'BF16'"),
    "not JSON": (replaced("rps.json", "{"), "rps.json is not a model card"),
    "a list": (replaced("rps.json", "[]"), "expected an object, found list"),
    "nested beyond reading": (replaced("rps.json", "[" * 100_000), "rps.json is not a model card"),
    "no run": (card_without("rps", "run_id"), "no run_id"),
    "another kind": (edited("rps", kind="mapper"), "expected version 1 of kind 'rps'"),
    "another version": (edited("mapper", card_version=2), "found version 2 of kind 'mapper'"),
    "no rate": (edited("rps", hz="fast"), "hz: expected 1..1000"),
    "other rates": (edited("mapper", hz=25), "rps steps at 50 Hz, the mapper at 25 Hz"),
    "wrong partner": (another_mapper, "mapper-1 was trained on other latents than those of rps-0"),
    "no partner": (card_without("mapper", "rps_sha256"), "trained on other latents"),
    "NaN": (rps_weight("encoders.heart.first.weight", poisoned), "encoders.heart.first.weight: expected finite"),
    "own block": (rps_weight(OWN, sees_itself), "translators.heart: sees its own block"),
    "no prior": (rps_weight("features.sd", None), "features.sd"),
    "a flat prior": (rps_weight("features.sd", lambda v: 0 * v), "features.sd: expected deviations above 0"),
    "a short prior": (rps_weight("features.mean", lambda v: v[:5]), "features.mean of 11"),
    "no latent scale": (rps_weight("latents.mean", None), "latents.mean of 104"),
    "a flat latent scale": (rps_weight("latents.sd", lambda v: 0 * v), "latents.sd: expected deviations above 0"),
    "missing encoder": (rps_weight("encoders.beat.second.bias", None), "encoders.beat.second.bias"),
    "narrow encoder": (rps_weight("encoders.motion.first.weight", lambda v: v[:, :5]), "encoders.motion.first.weight"),
    "encoder of one number": (rps_weight("encoders.motion.first.weight", lambda v: v[0, 0]), "encoders.motion"),
    "negative variance": (rps_weight("encoders.heart.scale.running_var", lambda v: -v - 1), "running_var: expected"),
    "wide translator": (rps_weight(OWN, lambda v: np.tile(v, 2)), f"{OWN}: expected shape"),
    "missing gate": (mapper_weight("gru.bias_hh_l0", None), "gru.bias_hh_l0"),
    "cut gate": (mapper_weight("gru.weight_ih_l0", lambda v: v[:-1]), "gru.weight_ih_l0: expected shape"),
    "gate of one number": (mapper_weight("gru.weight_hh_l0", lambda v: v[0, 0]), "gru.weight"),
    "four controls": (mapper_weight("head.weight", lambda v: v[:4]), "head.weight: expected shape [5,"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_damage_is_refused_by_name_and_told_with_a_way_out(tmp_path: Path, damage: str) -> None:
    harm, words = DAMAGES[damage]
    folder = tmp_path / "mine"
    save_pair(folder)
    harm(folder)
    with pytest.raises(CheckpointError) as refused:
        make_players(load_pair(folder), performers=1, period_s=0.02)
    assert words in str(refused.value)
    with pytest.raises(ConfigError) as told:
        load_models(folder, performers=1, period_ns=20_000_000)
    assert words in told.value.problem
    assert "engine.checkpoints=" in told.value.fix
    assert "engine.mapper=rules" in told.value.fix


def test_a_sound_pair_is_not_refused(tmp_path: Path) -> None:
    save_pair(tmp_path)
    assert make_players(load_pair(tmp_path), performers=2, period_s=0.02).name == "rps-0+mapper-0"


def test_any_flipped_bit_of_the_weights_is_found(tmp_path: Path) -> None:
    save_pair(tmp_path)
    path, rng = tmp_path / "mapper.safetensors", np.random.default_rng(0)
    good = path.read_bytes()
    for place in (*rng.integers(len(good), size=40), *range(12)):
        bad = bytearray(good)
        bad[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(bad))
        with pytest.raises(CheckpointError, match=r"mapper\.safetensors"):
            load_checkpoint(tmp_path, "mapper")


def test_a_round_trip_gives_the_same_bytes(tmp_path: Path) -> None:
    weights = rps_weights(small_rps())
    files = save_checkpoint(tmp_path, weights, {**card("rps"), "notes": ["äöü"]})
    loaded = load_checkpoint(tmp_path, "rps")
    assert {n: v.tobytes() for n, v in loaded.weights.items()} == {n: v.tobytes() for n, v in weights.items()}
    assert (loaded.run_id, loaded.hz, loaded.card["notes"]) == ("rps-0", 50.0, ["äöü"])
    assert sorted(path.name for path in files) == sorted(path.name for path in tmp_path.iterdir())  # nothing half-done
    before = [path.read_bytes() for path in files]
    save_checkpoint(tmp_path, loaded.weights, loaded.card)
    assert [path.read_bytes() for path in files] == before


def test_a_saved_checkpoint_does_not_carry_another_ones_fingerprint(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, weights_of(small_mapper()), {**card("mapper"), "weights_sha256": "of another"})
    assert load_checkpoint(tmp_path, "mapper").card["weights_sha256"] != "of another"


def test_the_trainers_own_door_refuses_what_does_not_fit_too() -> None:
    with pytest.raises(CheckpointError, match=r"miss \['encoders"):
        rps_of({n: v for n, v in rps_weights(small_rps()).items() if not n.startswith("encoders.beat")})
    with pytest.raises(CheckpointError, match="unknown"):
        mapper_of({**weights_of(small_mapper()), "tail.bias": np.zeros(1, np.float32)})


@pytest.mark.parametrize("damage", ["truncated", "wrong partner", "no mapper weights", "no rps card"])
def test_a_configuration_with_a_damaged_folder_is_a_configuration_error(
    repo_root: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "mine"
    save_pair(folder)
    DAMAGES[damage][0](folder)
    loaded = load_settings(home=repo_root, overrides=(f"engine.checkpoints={folder}",), environ={})
    with pytest.raises(ConfigError, match="checkpoints: "):
        build_core(loaded)
    rules = load_settings(home=repo_root, overrides=(f"engine.checkpoints={folder}", "engine.mapper=rules"), environ={})
    assert build_core(rules).mapper == ""
