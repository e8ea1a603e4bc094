"""What an inspection says of synthetic, real and damaged takes."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from choreo_pipelines import cli
from choreo_pipelines.generator import Settings, generate
from choreo_pipelines.importers.command import write_take
from choreo_pipelines.importers.detect import read_source
from choreo_pipelines.inspector import Features, findings, overview, read_take, report_columns, window
from choreo_pipelines.inspector import files as inspector_files
from choreo_pipelines.inspector.curves import BINS, histogram
from choreo_pipelines.inspector.report import heading
from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.packets import FEATURE_COLUMNS
from choreo_service.schemas import arrow_schema

ENERGY, JERK, HR = (FEATURE_COLUMNS.index(name) for name in ("motion_energy", "jerk", "hr"))


@pytest.fixture
def synthetic(tmp_path: Path) -> Path:
    settings = Settings(minutes=1.5, gestures=True)
    return next(generate(settings, sessions=1, seed=0, out=tmp_path))[0].path


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Twenty seconds of a phone without heart, beat or context."""
    source = tmp_path / "phone.csv"
    rows = [f"{i / 100},0,0,{9.81 + 2 * np.sin(i / 8):.4f}" for i in range(2000)]
    source.write_text("\n".join(["t,ax,ay,az", *rows]))
    return write_take(read_source(source), tmp_path / "phone").path


def edited(take: Path, column: str, rows: slice, value: float) -> None:
    """Change values as another tool would, with the seal removed."""
    table = pq.read_table(take / "frames.parquet")
    values = table[column].to_numpy().copy()
    values[rows] = value
    i = table.schema.get_field_index(column)
    table = table.set_column(i, table.schema.field(i), pa.array(values, table.schema.field(i).type))
    pq.write_table(table.cast(arrow_schema("frames")), take / "frames.parquet")
    meta = json.loads((take / "meta.json").read_text())
    del meta["files"]
    (take / "meta.json").write_text(json.dumps(meta))


def verdicts(path: Path) -> dict[str, bool | None]:
    take = read_take(path)
    return {p.name: p.kept for features in take.performers for p in findings(take, features)}


def features_of(values: np.ndarray[Any, Any], present: bool = True) -> Features:
    full = np.zeros((len(values), 11), np.float32)
    full[:, ENERGY] = values
    return Features(0, np.arange(len(values)) / 50, full, np.full(full.shape, present))


def test_a_synthetic_take_keeps_its_promises(synthetic: Path) -> None:
    found = verdicts(synthetic)
    assert set(found.values()) == {True}
    assert {"undamaged", "reproducible", "finite", "in bounds", "jerk on the beat", "heart's lag"} <= set(found)


def test_a_nan_is_shown_not_refused(synthetic: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edited(synthetic, "hip_sway", slice(10, 55), math.nan)
    found = verdicts(synthetic)
    assert found["undamaged"] is found["finite"] is found["reproducible"] is False
    sway = report_columns(read_take(synthetic).performers[0])[3]
    assert (sway.nan_share, sway.present_share) == (0.01, 1.0)
    assert sway.minimum is not None
    assert math.isfinite(sway.minimum)
    assert cli.run(["inspect", str(synthetic)]) == 1
    out = capsys.readouterr().out
    assert "expected finite numbers, found nan" in out
    assert "45 of 49500 values" in out


def test_an_edited_value_is_found(synthetic: Path) -> None:
    edited(synthetic, "hr", slice(100, 101), 150.0)
    found = verdicts(synthetic)
    assert (found["undamaged"], found["reproducible"]) == (True, False)


def test_a_flipped_bit_is_reported(synthetic: Path) -> None:
    path = synthetic / "frames.parquet"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1  # in the end mark: nothing can be read
    path.write_bytes(bytes(content))
    with pytest.raises(SessionError, match=r"frames\.parquet"):
        read_take(synthetic)


def test_another_generator_version_cannot_be_checked(synthetic: Path) -> None:
    meta = json.loads((synthetic / "meta.json").read_text())
    meta["generator"]["version"] = 99
    (synthetic / "meta.json").write_text(json.dumps(meta))
    take = read_take(synthetic)
    named = {p.name: p for p in findings(take, take.performers[0])}
    assert named["generator's promises"].kept is None
    assert "99" in named["generator's promises"].found


def test_a_real_take_says_what_cannot_be_checked_and_why(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = verdicts(real)
    assert [name for name, kept in found.items() if kept] == ["undamaged", "finite", "moves"]
    assert [name for name, kept in found.items() if kept is None] == [
        "reproducible",
        "jerk on the beat",
        "heart's lag",
        "context varies",
    ]
    assert cli.run(["inspect", str(real)]) == 0
    out = capsys.readouterr().out
    for reason in ("a body has no seed", "nobody gave a beat", "no heart in this take", "no context in this take"):
        assert reason in out


def test_a_sensor_that_stuck_breaks_a_real_take(real: Path) -> None:
    edited(real, "motion_energy", slice(None), 0.7)
    assert verdicts(real)["moves"] is False


def test_a_take_of_packets_alone_gets_frames(real: Path) -> None:
    with_frames = read_take(real).performers[0]
    (real / "frames.parquet").unlink()
    meta = json.loads((real / "meta.json").read_text())
    del meta["files"]["frames"]
    (real / "meta.json").write_text(json.dumps(meta))
    without = read_take(real).performers[0]
    np.testing.assert_array_equal(without.values, with_frames.values)
    np.testing.assert_array_equal(without.present, with_frames.present)
    np.testing.assert_allclose(without.t_s, with_frames.t_s)


def test_figures_take_whatever_a_header_calls_things(real: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = r"$\frac{ _ $" + "\n" + "x" * 5000
    meta = json.loads((real / "meta.json").read_text())
    markers = [{"t_ns": t_ns, "label": odd} for t_ns in (-(2**62), 2 * NS, 2**62)]
    (real / "meta.json").write_text(json.dumps(meta | {"source": odd, "markers": markers}))
    assert cli.run(["inspect", str(real)]) == 0, capsys.readouterr().err


def test_absent_columns_have_no_range(real: Path) -> None:
    hr = report_columns(read_take(real).performers[0])[HR]
    assert (hr.minimum, hr.median, hr.maximum, hr.outlier_share, hr.present_share) == (None, None, None, None, 0.0)


def test_outliers_are_beyond_six_robust_deviations() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, 1.0, 10_000)
    x[:50] = 100.0
    assert report_columns(features_of(x))[ENERGY].outlier_share == 0.005
    two_homes = np.where(np.arange(1000) % 9 < 5, 0.9, 1.8) + rng.normal(0.0, 0.01, 1000)
    assert report_columns(features_of(two_homes))[ENERGY].outlier_share == 0
    assert report_columns(features_of(np.ones(100)))[ENERGY].outlier_share is None


def test_the_overview_keeps_every_spike() -> None:
    x = np.ones(100_000)
    x[61_234] = 50.0
    curves = overview(features_of(x))
    assert len(curves.t_s) == BINS
    assert (np.nanmax(curves.energy_high), np.nanmin(curves.energy_low)) == (50.0, 1.0)
    absent = overview(features_of(x, present=False))
    for curve in (absent.energy_low, absent.energy, absent.energy_high, absent.hr):
        assert np.isnan(curve).all()


def test_the_window_is_the_liveliest_part() -> None:
    x = np.zeros(5000)
    x[3000:3200] = 1.0
    part = window(features_of(x))
    assert part.stop - part.start == 400
    assert part.start <= 3000
    assert part.stop >= 3200
    assert window(features_of(np.ones(30))) == slice(0, 30)


def test_histograms_hold_everything() -> None:
    rng = np.random.default_rng(0)
    _, share = histogram(features_of(rng.normal(size=1000)), "motion_energy")
    assert share.sum() == pytest.approx(1.0)
    edges, share = histogram(features_of(np.zeros(10)), "beat_idx")
    assert (edges.tolist(), share.tolist()) == ([-0.5, 0.5], [1.0])
    assert histogram(features_of(np.zeros(10), present=False), "hr")[1].sum() == 0


def test_figures_and_their_data_are_written_and_repeat(synthetic: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for name in ("one", "two"):
        assert cli.run(["inspect", str(synthetic), "--out", str(tmp_path / name)]) == 0
    one, two = ({f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert set(one) == {
        *("columns.csv", "overlay.csv", "overlay_close.csv", "histograms.csv"),
        *("overlay.png", "histograms.png"),
    }
    assert one == two
    assert one["overlay.png"].startswith(b"\x89PNG")
    with (tmp_path / "one" / "overlay_close.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 400
    assert {"t_s", "motion_energy", "hr", "beat_phase", "beat_idx"} == set(rows[0])


def test_a_take_with_nothing_but_motion_can_be_drawn(real: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert cli.run(["inspect", str(real), "--out", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "overlay.png").stat().st_size > 10_000


def test_without_matplotlib_the_table_is_printed_and_the_fix_named(
    synthetic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(inspector_files, "find_spec", lambda _: None)
    assert cli.run(["inspect", str(synthetic)]) == 0
    shown = capsys.readouterr()
    assert "motion_energy" in shown.out
    assert "matplotlib isn't installed" in shown.err
    assert "fix: make setup" in shown.err
    folder = Path("reports") / f"{synthetic.name}_inspect"
    assert f"wrote {folder}: " in shown.out
    assert {file.suffix for file in folder.iterdir()} == {".csv"}
    assert not synthetic.with_name(folder.name).exists()  # nothing among the recordings


def test_each_performer_is_inspected(synthetic: Path) -> None:
    take = read_take(synthetic)
    two = replace(take, performers=(take.performers[0], replace(take.performers[0], performer=1)))
    assert "performer 1 of 2" in heading(two, two.performers[1])
    assert "performer" not in heading(take, take.performers[0])


def test_the_command_ends_with_a_fix_for_no_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["inspect", str(tmp_path / "none")]) == 3
    assert "fix: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["columns.csv", "overlay.png"])
def test_the_users_own_files_are_not_replaced(
    real: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    folder = tmp_path / "rep"
    folder.mkdir()
    (folder / name).write_bytes(b"\xffmine")
    assert cli.run(["inspect", str(real), "--out", str(folder)]) == 2
    said = capsys.readouterr().err
    assert f"{folder} is in use and holds no inspection: found {name}" in said
    assert "--out DIR" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {name: b"\xffmine"}


def test_an_earlier_inspection_is_replaced_and_the_rest_stays(real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "rep"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    for _ in range(2):
        assert cli.run(["inspect", str(real), "--out", str(folder)]) == 0
        assert len((folder / "overlay.csv").read_text()) > 100
        (folder / "overlay.csv").write_text("old")
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_unwritable_folder_is_named(synthetic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert cli.run(["inspect", str(synthetic), "--out", str(tmp_path / "file")]) == 2
    assert "--out DIR" in capsys.readouterr().err
