"""The report's folder: complete under its name or not there, and never in the place of something else."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from metrics_takes import take
from report_takes import ALL, DENSITY, played, subject, variants

pytest.importorskip("matplotlib")

from choreo_pipelines.report import measure, write_report
from choreo_pipelines.report import write as report_write
from choreo_service.errors import ConfigError

DANCER = take(minutes=1.0)
FIGURES = {f"{name}.{end}" for name in ("phase", "energy", "controls") for end in ("pdf", "svg", "png", "csv", "json")}


def write(folder: Path, given: frozenset[str] = ALL, **meta: object) -> None:
    one = subject(played(DANCER), given, path=Path("made"), **meta)
    fakes = variants(DANCER)
    write_report(folder, one, fakes, *measure(one, fakes))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of DANCER, to look at."""
    folder = tmp_path_factory.mktemp("reports") / "made"
    write(folder)
    return folder


@pytest.fixture
def made(written: Path, tmp_path: Path) -> Path:
    """The same, to write over."""
    return shutil.copytree(written, tmp_path / "made")


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def test_everything_is_there_and_nothing_besides(written: Path) -> None:
    found = files(written.parent)
    assert set(found) == {f"made/{n}" for n in ("report.json", "report.md", "report.html")} | {
        f"made/figures/{name}" for name in FIGURES
    }
    assert written.stat().st_mode & 0o777 == 0o755


def test_the_document_holds_every_number_with_its_gate_and_its_fakes(written: Path) -> None:
    document = json.loads((written / "report.json").read_text())
    assert document["schema_version"] == 1
    assert document["mapper"] == "made by hand"
    assert document["take"]["name"] == "made"
    assert {gate["name"]: gate["verdict"]["outcome"] for gate in document["gates"]}["on the beat"] == "pass"
    assert all(gate["gate"] and gate["asks"] for gate in document["gates"])
    readings = document["measured"]["readings"]
    assert set(readings) == {"take", "clock only", "swapped body", "motion masked", "shuffled"}
    assert readings["clock only"]["phase"]["c0"] > readings["take"]["phase"]["c0"] > 0.6
    assert str(written.parent) not in json.dumps(document)


def test_figures_carry_their_numbers_and_their_captions(written: Path) -> None:
    with (written / "figures" / "controls.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    lows, highs = ([float(row[f"density_{end}"]) for row in rows] for end in ("low", "high"))
    sent = played(DANCER).controls[:, DENSITY]
    assert (min(lows), max(highs)) == pytest.approx((sent.min(), sent.max()), abs=1e-6)
    caption = json.loads((written / "figures" / "phase.json").read_text())
    assert caption["take"]["name"] == "made"
    assert caption["mapper"] == "made by hand"
    with (written / "figures" / "phase.csv").open(newline="") as file:
        counts = [int(row["density_count"]) for row in csv.DictReader(file) if row["density_count"]]
    assert sum(counts) == caption["n"] == caption["n_peaks"]


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    write(tmp_path / "made", ALL - {"beat"})
    assert not (tmp_path / "made" / "figures" / "phase.svg").exists()
    document = json.loads((tmp_path / "made" / "report.json").read_text())
    assert document["figures"] == {
        "phase": "no running beat in this take",
        "energy": "drawn",
        "controls": "drawn",
    }
    assert "Not drawn: no running beat in this take." in (tmp_path / "made" / "report.html").read_text()


@pytest.mark.parametrize("given", [frozenset(), ALL - {"motion"}, ALL - {"heart"}, frozenset({"beat"})])
def test_every_poor_take_gets_a_report(tmp_path: Path, given: frozenset[str]) -> None:
    made = played(DANCER, absent=ALL - given)
    one, fakes = subject(made, given), variants(DANCER, swapped=made)
    write_report(tmp_path / "made", one, fakes, *measure(one, fakes))
    assert (tmp_path / "made" / "figures" / "phase.svg").exists() is ("beat" in given)
    assert (tmp_path / "made" / "figures" / "energy.svg").exists() is ("motion" in given)
    assert (tmp_path / "made" / "figures" / "controls.svg").exists()


@pytest.mark.parametrize("ticks", [2, 3, 30])
def test_the_shortest_takes_get_a_report(tmp_path: Path, ticks: int) -> None:
    names = ("t_ns", "features", "present", "raw", "controls", "held")
    whole = played(DANCER)
    made = dataclasses.replace(whole, **{name: getattr(whole, name)[:ticks] for name in names})
    one, fakes = subject(made), dataclasses.replace(variants(DANCER), swapped=made, masked=made)
    measured, clip = measure(one, fakes)
    write_report(tmp_path / "made", one, fakes, measured, clip)
    assert not measured.separation.verdict.passed


def test_the_same_take_replaces_its_report_and_nothing_besides(made: Path, tmp_path: Path) -> None:
    first = files(tmp_path)
    mine = {f"made/{name}": b"mine" for name in ("notes.txt", "sub/x", "figures/mine.svg", "take/meta.json")}
    for name, content in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (made / "report.md").write_text("old")
    write(made)
    assert files(tmp_path) == first | mine


def test_a_figure_that_is_no_longer_drawn_goes(made: Path, tmp_path: Path) -> None:
    write(made, ALL - {"beat"})
    write(tmp_path / "fresh", ALL - {"beat"})
    assert not list(made.glob("figures/phase.*"))
    assert files(made) == files(tmp_path / "fresh")


def test_a_link_to_a_folder_stays_a_link(made: Path, tmp_path: Path) -> None:
    first = files(made)
    (made / "report.html").write_text("old")
    (tmp_path / "link").symlink_to("made")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert files(made) == first
    assert {path.name for path in tmp_path.iterdir()} == {"made", "link"}


def test_a_folder_under_the_name_of_a_file_is_found_before_anything_is_replaced(made: Path, tmp_path: Path) -> None:
    (made / "report.md").unlink()
    (made / "report.md").mkdir()
    (made / "report.md" / "mine").write_text("mine")
    (made / "figures" / "phase.csv").write_text("old")
    first = files(tmp_path)
    with pytest.raises(ConfigError, match=r"report\.md is a folder"):
        write(made)
    assert files(tmp_path) == first


def test_a_report_cut_off_between_two_files_can_be_read_and_is_replaced(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill leaves it: every file is the old or the new one, and report.json still tells whose they are."""
    first, order, move = files(tmp_path), [], Path.replace

    def killed(path: Path, target: Path) -> Path:
        order.append(target.name)
        if target.name == "report.html":
            raise KeyboardInterrupt
        return move(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write(made)
    assert files(tmp_path) == first
    monkeypatch.undo()
    write(made)
    assert files(tmp_path) == first
    assert order[-2:] == ["report.md", "report.html"]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b"])
def test_a_name_that_cannot_be_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="can't write to") as refused:
        write(tmp_path / name)
    assert "--out" in refused.value.fix


def test_another_takes_report_is_not_replaced(made: Path, tmp_path: Path) -> None:
    first = files(tmp_path)
    with pytest.raises(ConfigError, match="another take called made") as refused:
        write(made, created="another day")
    assert "--out" in refused.value.fix
    assert files(tmp_path) == first


@pytest.mark.parametrize("content", ["{", "[]", '{"take": 3}', '{"take": {"name": "made"}}'])
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, content: str) -> None:
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "report.json").write_text(content)
    with pytest.raises(ConfigError, match="holds no report"):
        write(tmp_path / "made")
    assert files(tmp_path) == {"made/report.json": content.encode()}


def test_an_empty_folder_may_be_filled_and_a_file_may_not(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    write(tmp_path / "made")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        write(tmp_path / "file")
    with pytest.raises(ConfigError, match="can't write"):
        write(tmp_path / "file" / "made")


def test_a_failure_leaves_the_earlier_report_whole(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = files(tmp_path)

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_write, "page", full)
    with pytest.raises(ConfigError, match="No space left"):
        write(made)
    assert files(tmp_path) == first
