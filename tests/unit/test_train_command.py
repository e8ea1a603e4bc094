"""`choreo-lab train`: what it writes, what it refuses, and that it can be cut off."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

pytest.importorskip("matplotlib")

from choreo_models.inference import load_pair
from choreo_pipelines import cli
from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.playing import play
from choreo_pipelines.tasks.mapper import MapperTask
from choreo_pipelines.tasks.rps import RPSTask
from choreo_pipelines.training.card import METRIC_KEYS
from choreo_service.core import Core
from choreo_service.replay import take_entries
from choreo_service.schemas import validate
from choreo_service.service.models import load_models
from choreo_service.session import open_session

STEPS = 6
SMALL = {
    "rps": ("--hidden", "8", "--batch", "32", "--steps", str(STEPS)),
    "mapper": ("--hidden", "8", "--lanes", "4", "--window", "20", "--steps", str(STEPS)),
}
TASKS: dict[str, Any] = {"rps": RPSTask, "mapper": MapperTask}
FRAMES = 1500
PERIOD_NS = 20_000_000

Train = Callable[..., int]


class Studio(NamedTuple):
    """Two dancers of half a minute, and a pair trained on them."""

    data: Path
    models: Path


def train_in(folder: Path, kind: str, *arguments: str | Path, small: bool = True) -> int:
    """The command as typed in `folder`: the card tells sys.argv."""
    words = ["train", kind, *map(str, arguments), *(SMALL[kind] if small else ())]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["choreo-lab", *words])
        return cli.run(words)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Any:
    """Weights are compared bit for bit, and tiny products are faster so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    folder = tmp_path_factory.mktemp("studio")
    list(generate(Settings(minutes=FRAMES / 3000, hr_mode="ble"), sessions=2, seed=3, out=folder / "takes"))
    for kind, dump in (("rps", "--dump-latents"), ("mapper", "--dump-controls")):
        assert train_in(folder, kind, folder / "takes", "--out", folder / "models", dump) == 0
    return Studio(folder / "takes", folder / "models")


def card(folder: Path, kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{kind}.json").read_text("utf-8"))
    return found


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_result_is_weights_a_card_and_curves(studio: Studio) -> None:
    wrote = {f"{kind}{ending}" for kind in SMALL for ending in (".safetensors", ".json", "_loss.csv", "_loss.json")}
    assert wrote | {"rps_loss.png", "mapper_loss.png"} <= set(content(studio.models))
    assert not list(studio.models.glob("*state*"))
    rows = (studio.models / "mapper_loss.csv").read_text("utf-8").splitlines()
    assert len([row for row in rows if row[:1].isdigit()]) >= STEPS


def test_a_card_says_how_to_do_it_again_on_what_and_how_well(studio: Studio) -> None:
    rps, mapper = (card(studio.models, kind) for kind in SMALL)
    assert rps["command"] == f"choreo-lab train rps takes --out models --dump-latents {' '.join(SMALL['rps'])}"
    assert mapper["rps_sha256"] == rps["weights_sha256"]
    for found in (rps, mapper):
        assert found["data"]["fingerprint"] == rps["data"]["fingerprint"] != ""
        assert sum(len(side) for side in found["data"]["performers"].values()) == 2
        assert found["hz"] == 50
        assert all(set(metric) == METRIC_KEYS for metric in found["metrics"].values())
    assert set(mapper["metrics"]["mse"]["baseline"]) == {"ridge on the instant", "constant"}
    assert all(m["baseline"] for name, m in rps["metrics"].items() if "r2" in name or "nmse" in name)


def test_no_card_knows_where_it_was_made(studio: Studio) -> None:
    """Both paths were given absolute."""
    for name in ("rps.json", "mapper.json", "rps_loss.json", "mapper_loss.json"):
        assert str(studio.data.parent) not in (studio.models / name).read_text("utf-8")


def test_the_dumps_are_tables_of_the_session_format(studio: Studio) -> None:
    names = sorted(take.name for take in studio.data.iterdir())
    assert len(names) == 2
    for name in names:
        assert validate(studio.models / f"{name}_latent.parquet", "latents") == FRAMES
        assert validate(studio.models / f"{name}_controls.parquet", "controls") == FRAMES


@pytest.mark.parametrize("kind", SMALL)
def test_an_existing_result_stays_unless_replaced(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    out = copied(studio, tmp_path)
    before = content(out)
    assert train_in(tmp_path, kind, studio.data, "--out", out) == 2
    assert "is there already" in capsys.readouterr().err
    assert content(out) == before
    assert train_in(tmp_path, kind, studio.data, "--out", out, "--replace", "--seed", "1") == 0
    assert content(out)[f"{kind}.safetensors"] != before[f"{kind}.safetensors"]


@pytest.mark.parametrize("kind", SMALL)
def test_a_run_that_was_cut_off_ends_with_the_same_weights(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    out = copied(studio, tmp_path, "rps" if kind == "mapper" else "")
    arguments = (kind, studio.data, "--out", out)
    with monkeypatch.context() as patch:
        patch.setattr(TASKS[kind], "after_step", ctrl_c_after(3, TASKS[kind].after_step))
        assert train_in(tmp_path, *arguments) == 130
    said = capsys.readouterr().err
    assert f"stopped after step 3 of {STEPS}" in said
    assert "--resume" in said
    assert not (out / f"{kind}.safetensors").exists()
    assert train_in(tmp_path, *arguments) == 2  # an unfinished run is not thrown away by the same command
    assert "is an unfinished training" in capsys.readouterr().err
    assert train_in(tmp_path, *arguments, "--resume") == 0
    assert (out / f"{kind}.safetensors").read_bytes() == (studio.models / f"{kind}.safetensors").read_bytes()
    assert card(out, kind)["run_id"] == card(studio.models, kind)["run_id"]
    assert "--resume" not in card(out, kind)["command"]
    assert not list(out.glob("*state*"))


def test_another_seed_gives_other_weights(studio: Studio, tmp_path: Path) -> None:
    """So that equal weights after an interruption say something."""
    assert train_in(tmp_path, "rps", studio.data, "--out", "models", "--seed", "1") == 0
    other, own = (card(folder, "rps")["weights_sha256"] for folder in (tmp_path / "models", studio.models))
    assert other != own


def test_a_resumed_run_must_be_the_same_run(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(RPSTask, "after_step", ctrl_c_after(2, RPSTask.after_step))
        assert train_in(tmp_path, "rps", studio.data, "--out", "models") == 130
    assert train_in(tmp_path, "rps", studio.data, "--out", "models", "--resume", "--lr", "0.01") == 2
    said = capsys.readouterr().err
    assert "--lr 0.002; now it is 0.01" in said
    assert "--replace" in said


@pytest.mark.parametrize("mistake", [("nowhere",), ("takes", "--device", "cuda:99")], ids=" ".join)
def test_a_mistyped_command_does_not_cost_an_unfinished_run(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: tuple[str, ...]
) -> None:
    (tmp_path / "takes").symlink_to(studio.data)
    with monkeypatch.context() as patch:
        patch.setattr(RPSTask, "after_step", ctrl_c_after(2, RPSTask.after_step))
        assert train_in(tmp_path, "rps", "takes", "--out", "models") == 130
    assert train_in(tmp_path, "rps", *mistake, "--out", "models", "--replace") in (2, 3)
    assert train_in(tmp_path, "rps", "takes", "--out", "models", "--resume") == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--resume", "--replace"), "contradict each other"),
        (("--resume",), "nothing to resume"),
        (("--steps", "0"), "--steps is 0"),
        (("--lr", "-1"), "--lr is -1"),
        (("--lr", "nan"), "--lr is nan"),
        (("--device", "tpu"), "--device is 'tpu'"),
        (("--hz", "5"), "10<=x<=200"),
        (("--dropout", "1"), "0<=x<=0.9"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_can_not_work_is_refused_before_any_work(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert train_in(tmp_path, "rps", studio.data, *SMALL["rps"], *arguments, "--out", "models", small=False) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert "fix:" in shown
    assert not (tmp_path / "models").exists()


def test_a_lone_dancer_can_not_be_judged(studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    take = min(studio.data.iterdir())
    assert train_in(tmp_path, "rps", take, "--out", "models") == 2
    shown = capsys.readouterr().err
    assert "can't set dancers aside" in shown
    assert "choreo-lab generate" in shown
    assert not (tmp_path / "models" / "rps.json").exists()


@pytest.mark.parametrize(
    ("data", "code", "fix"), [((), 2, "make generate-data"), (("nowhere",), 3, "make generate-data")], ids=str
)
def test_takes_that_are_not_there_are_told_with_a_way_to_make_some(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: tuple[str, ...], code: int, fix: str
) -> None:
    assert train_in(tmp_path, "rps", *data) == code
    assert fix in capsys.readouterr().err


def test_a_mapper_needs_its_rps_first(studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train_in(tmp_path, "mapper", studio.data, "--out", "models") == 2
    shown = capsys.readouterr().err
    assert "the mapper learns on M1's latents" in shown
    assert "choreo-lab train rps TAKES --out models" in shown


def test_a_mapper_of_another_cadence_is_refused(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = copied(studio, tmp_path, "rps")
    assert train_in(tmp_path, "mapper", studio.data, "--out", out, "--hz", "25") == 2
    assert "--hz 50" in capsys.readouterr().err


def test_models_of_25_frames_a_second_play_on_the_stage_of_50(studio: Studio, tmp_path: Path) -> None:
    for kind in SMALL:
        assert train_in(tmp_path, kind, studio.data, "--out", "models", "--hz", "25") == 0
        assert card(tmp_path / "models", kind)["hz"] == 25
    pair = load_pair(tmp_path / "models")
    models = load_models(tmp_path / "models", performers=1, period_ns=PERIOD_NS)
    core = Core(performers=1, period_ns=PERIOD_NS, home_bpm=110.0, models=models)
    entries = list(take_entries(open_session(min(studio.data.iterdir())), PERIOD_NS))[:400]
    played = play(entries, core, name="take")
    assert (played.mapper, core.last_fault) == (pair.name, "")
    assert np.isfinite(played.raw).all()
    changes = (np.diff(played.raw[:, 0]) != 0).mean()
    assert 0.4 < changes < 0.6  # a step of the nets every other tick


def copied(studio: Studio, folder: Path, *kinds: str) -> Path:
    """A folder `models` in `folder` with the trained parts of these kinds, all if none is named; "" copies nothing."""
    out = folder / "models"
    out.mkdir()
    for kind in filter(None, kinds or SMALL):
        for ending in (".json", ".safetensors"):
            (out / f"{kind}{ending}").write_bytes((studio.models / f"{kind}{ending}").read_bytes())
    return out


def ctrl_c_after(steps: int, after_step: Callable[[Any], None]) -> Callable[[Any], None]:
    """`after_step` of a task, which in its step number `steps` also receives a Ctrl-C."""
    done = 0

    def interrupting(task: Any) -> None:
        nonlocal done
        done += 1
        after_step(task)
        if done == steps:
            signal.raise_signal(signal.SIGINT)

    return interrupting


def test_takes_that_all_lack_a_modality_are_refused() -> None:
    from types import SimpleNamespace

    from choreo_pipelines.tasks.teach_rps import refuse_unheard
    from choreo_service.errors import ConfigError

    present = np.ones((10, 4), np.uint8)
    heartless = present.copy()
    heartless[:, 1] = 0
    refuse_unheard([SimpleNamespace(present=heartless), SimpleNamespace(present=present)])  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="none of the 2 takes to learn from has heart;"):
        refuse_unheard([SimpleNamespace(present=heartless)] * 2)  # type: ignore[list-item]
