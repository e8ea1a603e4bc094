"""Synthetic takes on disk: bytes, header, command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines import cli
from choreo_pipelines.generator import Settings, check, generate, is_synthetic, regenerate, synthesize
from choreo_service.errors import ConfigError
from choreo_service.packets import FEATURE_COLUMNS
from choreo_service.schemas import validate
from choreo_service.session import Session, open_session, recorded_ticks

SHORT = Settings(minutes=0.5, gestures=True)


def written(out: Path, sessions: int = 1, seed: int = 0, settings: Settings = SHORT) -> list[Session]:
    return [take for take, _, _ in generate(settings, sessions=sessions, seed=seed, out=out)]


def content(take: Session) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(take.path.iterdir())}


def test_a_take_validates_and_holds_the_session(tmp_path: Path) -> None:
    take = written(tmp_path)[0]
    truth = synthesize(SHORT, 0, 0)
    assert take.kinds == ("frames",)
    assert validate(take.path / "frames.parquet", "frames") == SHORT.frames
    table = take.frames_table()
    np.testing.assert_array_equal(np.column_stack([table[name].to_numpy() for name in FEATURE_COLUMNS]), truth.features)
    assert list(recorded_ticks(take))[:2] == [(1, 1, 1_020_000_000), (2, 1, 1_040_000_000)]
    assert {c["fraction"] for c in take.meta["coverage"].values()} == {1.0}
    assert len(list(take.packets())) == 4 * SHORT.frames  # it can be played as a sensor


def test_the_header_tells_everything_needed_to_make_it_again(tmp_path: Path) -> None:
    take = written(tmp_path, seed=7)[0]
    assert is_synthetic(take.meta)
    assert take.meta["generator"] == {
        "name": "m0",
        "version": 1,
        "seed": 7,
        "session": 0,
        "settings": {
            "minutes": 0.5,
            "bpm": [92.0, 132.0],
            "hr_mode": "clean",
            "tau_s": 3.0,
            "dead_time_s": 0.0,
            "gestures": True,
        },
    }
    assert take.meta["performer"]["id"] == "m0-7-0"
    again = regenerate(take.meta)
    np.testing.assert_array_equal(again.features, synthesize(SHORT, 7, 0).features)
    assert {p.kept for p in check(again.features, again)} <= {True, None}


def test_same_seed_same_bytes_whatever_else_is_made(tmp_path: Path) -> None:
    alone = written(tmp_path / "a")[0]
    among = written(tmp_path / "b", sessions=3)
    assert content(alone) == content(among[0])
    assert len({content(take)["frames.parquet"] for take in among}) == 3
    other = written(tmp_path / "c", seed=1)[0]
    assert content(other)["frames.parquet"] != content(alone)["frames.parquet"]


def test_what_is_there_already_is_kept_and_completed(tmp_path: Path) -> None:
    before = content(written(tmp_path)[0])
    news = [new for _, _, new in generate(SHORT, sessions=2, seed=0, out=tmp_path)]
    assert news == [False, True]
    assert content(open_session(tmp_path / "m0_seed0_000")) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m0_seed0_000", "m0_seed0_001"]


def test_other_settings_do_not_mix_with_what_is_there(tmp_path: Path) -> None:
    written(tmp_path)
    with pytest.raises(ConfigError, match="other settings"):
        written(tmp_path, sessions=2, settings=Settings(minutes=0.5, gestures=True, tau_s=30.0))
    assert [p.name for p in tmp_path.iterdir()] == ["m0_seed0_000"]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ({"generator": {}}, "not made by"),
        ({"generator": {"name": "m0", "version": 0}}, "version 0"),
        ({"generator": {"name": "m0", "version": 1}}, "damaged"),
        ({"generator": {"name": "m0", "version": 1, "seed": 0, "session": 0, "settings": {"bpm": 3}}}, "damaged"),
    ],
)
def test_a_header_that_cannot_be_regenerated_says_why(damage: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        regenerate({**synthesize(SHORT, 0, 0).meta(), **damage})


@pytest.mark.parametrize(
    ("words", "bpm"),
    [(["--bpm", "100", "104"], [100.0, 104.0]), (["--bpm", "100-104"], [100, 104]), (["--bpm", "99.5"], [99.5, 99.5])],
)
def test_the_command_takes_a_tempo_or_a_range(
    words: list[str], bpm: list[float], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["generate", "--sessions", "1", "--minutes", "0.5", *words, "--out", str(tmp_path), "--tau", "15"]
    assert cli.run(argv) == 0
    meta = open_session(tmp_path / "m0_seed0_000").meta
    assert meta["generator"]["settings"]["bpm"] == bpm
    assert meta["generator"]["settings"]["tau_s"] == 15.0
    assert bpm[0] <= meta["bpm"] <= bpm[1]
    assert str(tmp_path / "m0_seed0_000") in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--bpm", "fast"], ["--bpm", "1", "2"], ["--tau", "0"], ["--minutes", "0.01"]])
def test_the_command_refuses_with_a_fix(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["generate", *words, "--out", str(tmp_path)]) == 2
    assert "fix: " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["generate", "--sessions", "1", "--minutes", "0.5", "--out", str(tmp_path / ("x" * 300))]) == 2
    said = capsys.readouterr().err
    assert "can't write to" in said
    assert "--out DIR" in said
