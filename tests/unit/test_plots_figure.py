"""Figures: the promised sizes, files and bytes, with the numbers beside every drawing."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl

from choreo_pipelines.plots import (
    CONTROL_COLOURS,
    CONTROL_LINESTYLES,
    DOUBLE_MM,
    SINGLE_MM,
    new_figure,
    save_figure,
    styled,
)
from choreo_service.errors import ConfigError
from choreo_service.packets import CONTROL_NAMES

DRAW = """
import sys
from pathlib import Path
import numpy as np
from choreo_pipelines.plots import new_figure, save_figure, styled

with styled():
    figure = new_figure("single", 50.0)
    axes = figure.subplots()
    axes.plot([0, 1, 2], [1, 4, 2], marker="o", label="peaks")
    axes.fill_between([0, 1, 2], [0, 1, 0], hatch="///", alpha=0.3)
    axes.set_title("φ of the peaks")
    axes.legend()
save_figure(figure, Path(sys.argv[1]) / "fig", data={"x": np.arange(3.0)}, caption={"take": "one"})
"""


def drawn(folder: Path, **env: str) -> dict[str, bytes]:
    """The files a process of its own writes."""
    subprocess.run([sys.executable, "-c", DRAW, str(folder)], check=True, timeout=60, env=os.environ | env)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_two_processes_write_the_same_bytes(tmp_path: Path) -> None:
    one = drawn(tmp_path / "one", PYTHONHASHSEED="1", SOURCE_DATE_EPOCH="1")
    two = drawn(tmp_path / "two", PYTHONHASHSEED="2", SOURCE_DATE_EPOCH="999999999")
    assert set(one) == {f"fig.{ending}" for ending in ("pdf", "svg", "png", "csv", "json")}
    assert one == two


def test_text_stays_text_and_no_type_3_font_gets_in(tmp_path: Path) -> None:
    files = drawn(tmp_path)
    svg = files["fig.svg"].decode()
    assert ">φ of the peaks</text>" in svg
    assert "sans-serif" in svg
    assert "http" not in svg.replace("http://www.w3.org/", "")  # name spaces, nothing to fetch
    assert b"/TrueType" in files["fig.pdf"] or b"/CIDFontType2" in files["fig.pdf"]
    assert b"/Type3" not in files["fig.pdf"]


def test_a_matplotlibrc_of_the_machine_does_not_show_through(tmp_path: Path) -> None:
    settings = tmp_path / "matplotlibrc"
    settings.write_text("lines.linewidth: 9\naxes.facecolor: red\nfont.size: 30\n")
    plain, changed = drawn(tmp_path / "plain"), drawn(tmp_path / "changed", MATPLOTLIBRC=str(settings))
    assert plain == changed


@pytest.mark.parametrize(("width", "millimetres"), [("single", SINGLE_MM), ("double", DOUBLE_MM)])
def test_sizes_are_those_of_a_column(width: str, millimetres: float) -> None:
    figure = new_figure(width, 40.0)  # type: ignore[arg-type]
    assert figure.get_size_inches() * 25.4 == pytest.approx([millimetres, 40.0])


def test_axes_are_styled_and_global_settings_stay(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    axes = new_figure().subplots()
    assert not axes.spines["top"].get_visible()
    assert axes.spines["left"].get_linewidth() == 0.6
    with styled():
        assert mpl.rcParams["pdf.fonttype"] == 42
    save_figure(axes.figure, tmp_path / "x", data={}, caption={}, formats=["png"])
    assert dict(mpl.rcParams) == before


def test_ragged_columns_nan_and_counts_are_written_as_a_spreadsheet_reads_them(tmp_path: Path) -> None:
    columns = {
        "t_ns": np.array([2**60 + 1, 2**60 + 2]),
        "value": np.array([0.25, np.nan, 1 / 3], np.float64),
        "held": np.array([True, False]),
        "name": np.array(["a, b", "c"]),
    }
    caption = {"n": np.int64(2), "r": np.float32("nan"), "window": (0.0, float("inf")), "at": np.arange(2)}
    paths = save_figure(new_figure(), tmp_path / "sub" / "x.1", data=columns, caption=caption, formats=["svg"])
    assert [path.name for path in paths] == ["x.1.svg", "x.1.csv", "x.1.json"]
    with paths[1].open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["t_ns", "value", "held", "name"],
        [str(2**60 + 1), "0.25", "1", "a, b"],
        [str(2**60 + 2), "", "0", "c"],
        ["", "0.3333333", "", ""],
    ]
    assert json.loads(paths[2].read_text()) == {"n": 2, "r": None, "window": [0.0, None], "at": [0, 1]}


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    figure = new_figure()
    with pytest.raises(ValueError, match="one column"):
        save_figure(figure, tmp_path / "x", data={"a": np.zeros((2, 2))}, caption={})
    with pytest.raises(ValueError, match="gif"):
        save_figure(figure, tmp_path / "x", data={}, caption={}, formats=["gif"])
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't write") as refused:
        save_figure(figure, tmp_path / "file" / "x", data={}, caption={})
    assert "--out" in refused.value.fix


def test_without_matplotlib_the_fix_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "choreo_pipelines.plots.style", raising=False)
    monkeypatch.delattr("choreo_pipelines.plots.style", raising=False)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="matplotlib") as refused:
        new_figure()
    assert "make setup" in refused.value.fix


def test_the_package_itself_needs_no_matplotlib() -> None:
    code = "import sys, choreo_pipelines.plots; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_every_control_has_a_colour_and_a_line_of_its_own() -> None:
    assert tuple(CONTROL_COLOURS) == tuple(CONTROL_LINESTYLES) == CONTROL_NAMES
    assert len(set(CONTROL_COLOURS.values())) == len({str(line) for line in CONTROL_LINESTYLES.values()}) == 5
