"""The curves of a run: every number as a table, and a figure that is the same at every run."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines.training import History, write_curves
from choreo_pipelines.training.curves import draw_curves, smoothed


def history(steps: int = 200, *, validated: bool = True) -> History:
    rng = np.random.default_rng(0)
    made = History()
    for step in range(1, steps + 1):
        loss = 2.0 * 0.97**step + 0.01 * (1.0 + rng.random())
        made.add_step({"lr": 0.01 * step / steps, "loss": loss, "cross": loss / 2, "grad_norm": loss * 3})
        if validated and step % 50 == 0:
            made.add_validation({"nmse": loss * 1.1})
    return made


def test_table_figure_and_caption_are_written(tmp_path: Path) -> None:
    files = write_curves(history(), tmp_path, "rps", caption={"run_id": "rps-1"})
    assert sorted(file.name for file in files) == ["rps_loss.csv", "rps_loss.json", "rps_loss.png"]
    assert json.loads((tmp_path / "rps_loss.json").read_text("utf-8"))["run_id"] == "rps-1"
    with (tmp_path / "rps_loss.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["step", "lr", "loss", "cross", "grad_norm", "validation_nmse"]
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 201)]
    assert [row["step"] for row in rows if row["validation_nmse"]] == ["50", "100", "150", "200"]
    assert float(rows[99]["loss"]) == pytest.approx(history().steps["loss"][99], rel=1e-6)


def test_the_same_run_gives_the_same_files(tmp_path: Path) -> None:
    first, second = (write_curves(history(), tmp_path / name, "rps") for name in "ab")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in second]


def test_a_range_of_decades_is_drawn_on_a_logarithmic_axis_and_a_narrow_one_is_not() -> None:
    assert draw_curves(history()).axes[0].get_yscale() == "log"
    assert draw_curves(history(10)).axes[0].get_yscale() == "linear"


def test_a_run_that_was_never_validated_or_has_one_step_can_be_drawn(tmp_path: Path) -> None:
    assert write_curves(history(1, validated=False), tmp_path, "rps")
    with pytest.raises(ValueError, match="without steps"):
        write_curves(History(), tmp_path, "rps")


def test_the_running_mean_stands_at_the_centre_of_what_it_averages() -> None:
    at, mean = smoothed(np.arange(1.0, 11.0), 4)
    np.testing.assert_allclose(mean, at)  # of a straight line it is the line itself
    assert (at[0], at[-1]) == (2.5, 8.5)
