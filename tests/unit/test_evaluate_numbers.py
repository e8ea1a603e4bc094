"""What is said of a played take: sound or not, used or stuck, heard or reconstructed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from metrics_takes import take
from model_samples import save_pair
from report_takes import ALL, DENSITY, played
from shows import PERIOD, make_core

from choreo_models.inference import load_pair
from choreo_pipelines.evaluation.takes.cast import POLICIES, Cast
from choreo_pipelines.evaluation.takes.hearts import read_heart
from choreo_pipelines.evaluation.takes.numbers import play_numbers
from choreo_pipelines.evaluation.takes.silence import first_part, silences
from choreo_pipelines.evaluation.takes.subjects import activities, chosen_takes, unseen_takes
from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.playing import Played
from choreo_service.cli.options import Choice
from choreo_service.clock import NS
from choreo_service.errors import ConfigError, SessionError
from choreo_service.packets import MODALITIES, SensorPacket
from choreo_service.replay import TapeEntry

SECONDS = 40


def modelled() -> Played:
    """A take played by models but for its first tick, its heart reconstructed in the second half."""
    made = played(take())
    n = len(made)
    filled = np.zeros((n, 4), np.bool_)
    filled[n // 2 :, 1] = True
    coherence = np.full(n, 0.5, np.float32)
    coherence[0] = np.nan
    return replace(made, filled=filled, coherence=coherence)


def tape(seconds: int = SECONDS) -> list[TapeEntry]:
    """A motion that swings, and no heart."""
    entries = []
    for k in range(1, seconds * 50 + 1):
        t_ns = NS + k * PERIOD
        values = (3.0 + 2.0 * np.sin(k / 20), 1.5, 40.0, 0.0, 0.0, 0.8)
        entries.append(
            TapeEntry(k, 1, t_ns, (SensorPacket("motion_features", 0, k, t_ns, t_ns, None, "test", values),))
        )
    return entries


def choice(repo_root: Path, *overrides: str) -> Choice:
    return Choice(profile=None, file=None, overrides=overrides, home=repo_root)


def test_a_sound_take_is_told_with_its_numbers() -> None:
    found = play_numbers(modelled(), ALL)
    assert found.sound
    assert found.held_ticks == 0
    assert found.coherence == pytest.approx(0.5)
    assert found.models_played == pytest.approx(1 - 1 / found.ticks)
    assert found.reconstructed == pytest.approx({"motion": 0, "heart": 0.5, "beat": 0, "context": 0}, abs=1e-3)
    assert found.controls["tension"].used_range == pytest.approx(0.8, abs=0.05)
    assert not any(control.stuck for control in found.controls.values())


@pytest.mark.parametrize(
    ("value", "finite", "in_range"), [(np.nan, False, True), (np.inf, False, True), (1.001, True, False)]
)
@pytest.mark.parametrize("where", ["raw", "controls"])
def test_one_bad_value_anywhere_is_found(where: str, value: float, finite: bool, in_range: bool) -> None:
    made = modelled()
    getattr(made, where)[7, 2] = value
    found = play_numbers(made, ALL)
    assert (found.finite, found.in_range, found.sound) == (finite, in_range, False)


def test_a_control_that_stands_still_or_lies_at_its_end_is_found() -> None:
    made = modelled()
    made.controls[:, DENSITY] = 0.995
    density = play_numbers(made, ALL).controls["density"]
    assert density.stuck
    assert density.saturated == 1.0
    assert density.used_range == 0.0


def test_a_control_without_its_sensor_says_so() -> None:
    controls = play_numbers(modelled(), frozenset({"motion"})).controls
    assert {name for name, control in controls.items() if not control.heard} == {"tension"}


def test_a_take_that_the_rules_played_has_no_coherence() -> None:
    found = play_numbers(played(take()), ALL)
    assert (found.models_played, found.coherence, set(found.reconstructed.values())) == (0.0, None, {0.0})


def test_every_silence_has_its_numbers_or_a_reason() -> None:
    cores = dict.fromkeys(POLICIES, make_core)
    two, ten, heart = silences(tape(), cores, frozenset({"motion"}), name="made", performer=0)
    assert (two.reason, ten.reason, heart.reason) == ("", "", "no heart in this take")
    assert set(two.policies) == set(POLICIES)
    assert all((row.raw_absent or 0) > 1e-5 for row in two.policies.values())
    short = silences(tape(12), {"rules": make_core}, frozenset({"motion", "heart"}), name="made", performer=0)
    assert [s.reason for s in short] == [
        "the take is shorter than the 15 s this needs",
        "the take is shorter than the 25 s this needs",
        "the take is shorter than the 95 s this needs",
    ]


def test_a_long_take_is_silenced_in_its_first_part_alone() -> None:
    assert [entry.k for entry in first_part(tape(), 0.1)] == [1, 2, 3, 4, 5]
    limited = silences(tape(), {"rules": make_core}, frozenset({"motion"}), name="made", performer=0, limit_s=20.0)
    assert limited[1].reason.startswith("the take is shorter than the 25 s")


def test_the_policies_differ_only_while_something_is_missing(repo_root: Path, tmp_path: Path) -> None:
    save_pair(tmp_path)
    cast = Cast.open(choice(repo_root), tmp_path)
    loaded = cast.settings(1)
    cores = [cast.core(loaded, absence) for absence in POLICIES.values()]
    assert {core.mapper for core in cores} == {"rps-0+mapper-0"}
    whole = [e._replace(packets=_everything(e)) for e in tape(2)]
    entries = [*whole, *(e._replace(k=e.k + 100, t_ns=e.t_ns + 100 * PERIOD, packets=()) for e in tape(20))]
    latents = [[core.step(*entry).latent for entry in entries] for core in cores]
    z = np.array([[latent.z[0] for latent in of_core if latent is not None] for of_core in latents])
    believed = slice(MODALITIES["motion"].recover_samples, 100)
    np.testing.assert_array_equal(z[0, believed], z[1, believed])
    np.testing.assert_array_equal(z[0, believed], z[2, believed])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(z[a, -1] - z[b, -1]).max() > 1e-4


def test_performers_follow_the_take_unless_an_option_says_otherwise(repo_root: Path, tmp_path: Path) -> None:
    save_pair(tmp_path)
    assert Cast.open(choice(repo_root), tmp_path).settings(3).settings.engine.performers == 3
    told = Cast.open(choice(repo_root, "engine.performers=2"), tmp_path)
    assert told.settings(3).settings.engine.performers == 2


def test_models_that_can_not_play_are_refused_with_a_way_out(repo_root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to measure") as caught:
        Cast.open(choice(repo_root), tmp_path)
    assert "choreo-lab train rps" in caught.value.fix
    save_pair(tmp_path)
    with pytest.raises(ConfigError, match=r"engine\.mapper is rules"):
        Cast.open(choice(repo_root, "engine.mapper=rules"), tmp_path)


@pytest.mark.parametrize(
    ("meta", "known"),
    [
        ({"name": "x", "performer": {"id": "ada"}}, True),
        ({"name": "x", "performer": {"id": "bob"}}, True),
        ({"name": "ada", "performer": {"id": "eve"}}, False),
        ({"name": "show"}, True),
        ({"name": "sho"}, False),
    ],
)
def test_a_dancer_of_the_training_is_known(tmp_path: Path, meta: dict[str, object], known: bool) -> None:
    taught = {"data": {"performers": {"train": ["ada", "show/p1"], "validation": ["eve"]}}}
    save_pair(tmp_path, rps_card=taught, mapper_card={"data": {"performers": {"train": ["bob"]}}})
    nobody = Choice(profile=None, file=None, overrides=(), home=None)
    assert Cast(load_pair(tmp_path), nobody).knows(meta) is known


def test_fresh_takes_are_made_once_and_kept(tmp_path: Path) -> None:
    first = [take.meta["files"] for take in unseen_takes(tmp_path)]
    again = unseen_takes(tmp_path)
    assert [take.path.name for take in again] == [f"m0_seed200_{i:03d}" for i in range(3)]
    assert [take.meta["files"] for take in again] == first
    assert all(take.meta["performer"]["id"].startswith("m0-200-") for take in again)


def test_two_takes_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in "ab":
        list(generate(Settings(minutes=0.5), sessions=1, seed=1, out=tmp_path / folder))
    with pytest.raises(ConfigError, match="two of the takes are called m0_seed1_000"):
        chosen_takes([tmp_path / "a", tmp_path / "b"], None, tmp_path)
    assert [take.path.parent.name for take in chosen_takes([tmp_path / "b"], None, tmp_path)] == ["b"]
    with pytest.raises(SessionError, match="no takes at"):
        chosen_takes([tmp_path / "c"], None, tmp_path)


def test_a_heart_too_short_to_tell_says_why(tmp_path: Path) -> None:
    made, *_ = generate(Settings(minutes=1.0), sessions=1, seed=1, out=tmp_path)
    heart = read_heart(made[0].path)
    assert (heart.assumed_tau_s, heart.presets_s) == (3.0, (3.0, 15.0, 30.0, 60.0))
    assert "not identifiable" in heart.text()
    assert heart.to_dict()["fits"][0]["tau_s"] is None
    assert heart.covering_s == {"motion_energy": ()}


@pytest.mark.data
def test_the_generators_presets_cover_a_runners_heart(data_dir: Path) -> None:
    """Its default does not, which is what the presets are for."""
    ride, run = (read_heart(path) for path in activities(data_dir))
    assert not any(fit.identifiable for fit in ride.fits)
    assert all(fit.identifiable and fit.low_s > run.assumed_tau_s for fit in run.fits)
    assert all(covering for covering in run.covering_s.values())
    assert "generator assumes 3 s" in run.text()


def _everything(entry: TapeEntry) -> tuple[SensorPacket, ...]:
    """The entry's motion, and the modalities it lacks."""
    at = (entry.t_ns, entry.t_ns, None, "test")
    heart = SensorPacket("heart_features", 0, 0, *at, (90.0, 0.0))
    beat = SensorPacket("beat", 0, 0, *at, (0.25, 1.0))
    return (*entry.packets, heart, beat, SensorPacket("context", 0, 0, *at, (0.5,)))
