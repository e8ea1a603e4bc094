from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines.importers import Recording, SourceError, read_source
from choreo_service.packets import SensorPacket

START = 1_600_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    export = tmp_path / "S1"
    export.mkdir()
    header = f"{START}.000000, {START}.000000, {START}.000000\n32.000000, 32.000000, 32.000000\n"
    (export / "ACC.csv").write_text(header + "".join(f"{i},0,64\n" for i in range(64)))
    (export / "HR.csv").write_text(f"{START + 10}.000000\n1.000000\n60.00\n61.50\n")
    (export / "IBI.csv").write_text(f"{START}.000000, IBI\n1.250000,0.750000\n2.125000,0.875000\n9.0,0.5\n")
    (export / "tags_S1.csv").write_text(f"{START + 1}\n{START + 2.5}\n")
    (export / "EDA.csv").write_text("not read")
    return export


def _of(recording: Recording, stream: str) -> list[SensorPacket]:
    return [p for p in recording.packets() if p.stream == stream]


def test_acceleration_is_in_si_on_a_regular_grid(folder: Path) -> None:
    packets = _of(read_source(folder), "acceleration")
    assert len(packets) == 64
    assert packets[32].t_ns - packets[0].t_ns == 1_000_000_000
    assert packets[32].values == pytest.approx((9.80665 / 2, 0.0, 9.80665))


def test_the_three_files_share_one_clock(folder: Path) -> None:
    recording = read_source(folder)
    assert _of(recording, "acceleration")[0].t_ns == 1_000_000_000
    assert [p.t_ns for p in _of(recording, "heart_rate")] == [11_000_000_000, 12_000_000_000]
    assert [p.values[0] for p in _of(recording, "heart_rate")] == [60.0, 61.5]
    beats = _of(recording, "rr_interval")
    assert [(p.t_ns, p.values) for p in beats[:2]] == [(2_250_000_000, (0.75,)), (3_125_000_000, (0.875,))]


def test_packets_are_merged_by_time_and_numbered(folder: Path) -> None:
    packets = list(read_source(folder).packets())
    assert [p.seq for p in packets] == list(range(69))
    assert all(a.t_ns <= b.t_ns for a, b in itertools.pairwise(packets))
    assert all(p.rx_ns == p.t_ns and p.source_ns is None for p in packets)


def test_tags_date_and_the_rest_are_kept(folder: Path) -> None:
    recording = read_source(folder)
    meta = recording.meta()
    assert meta["created"] == "2020-09-13T12:26:40+00:00"
    assert [m["t_ns"] for m in meta["markers"]] == [2_000_000_000, 3_500_000_000]
    assert recording.ignored == ("EDA.csv",)
    assert recording.missing() == ("beat", "context")


def test_gaps_are_longer_than_a_second_beyond_the_usual_step(folder: Path) -> None:
    lines = [f"{i},1.0" for i in range(1, 20)] + ["25,1.0", "26,1.0"]
    (folder / "IBI.csv").write_text(f"{START}.0, IBI\n" + "\n".join(lines))
    (beats,) = (t for t in read_source(folder).tracks if t.stream == "rr_interval")
    assert beats.gaps() == [((START + 19) * 10**9, 6.0)]


def test_one_file_is_enough(folder: Path) -> None:
    for name in ("HR.csv", "IBI.csv", "tags_S1.csv"):
        (folder / name).unlink()
    assert read_source(folder).missing() == ("heart", "beat", "context")


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("ACC.csv", "", "ACC.csv is empty"),
        ("ACC.csv", "1,2,3\n32,32,32\n1,2\n", "ACC.csv: expected numbers"),
        ("ACC.csv", "1,2,3\n32,32,32\na,b,c\n", "ACC.csv: expected numbers, found: could not convert string 'a'"),
        ("ACC.csv", "1,2,3\n", "ACC.csv has no header"),
        ("ACC.csv", "1,2,3\n0,0,0\n1,2,3\n", "ACC.csv has no header"),
        ("HR.csv", "1,2\n1,1\n60,60\n", "HR.csv has 2 columns; expected 1"),
        ("IBI.csv", "start, IBI\n1,1\n", "IBI.csv: expected numbers"),
    ],
)
def test_a_broken_file_is_named(folder: Path, name: str, text: str, problem: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(SourceError) as caught:
        read_source(folder)
    assert problem in caught.value.problem
    assert caught.value.fix


def test_an_export_without_samples_is_refused(folder: Path) -> None:
    for name in ("ACC.csv", "HR.csv"):
        (folder / name).unlink()
    (folder / "IBI.csv").write_text(f"{START}.0, IBI\n")
    with pytest.raises(SourceError, match="has no sample"):
        read_source(folder)


@pytest.mark.data
@pytest.mark.parametrize(("person", "samples", "beats"), [("S21", 103_266, 1500), ("S25", 102_822, 810)])
def test_real_wristbands(data_dir: Path, person: str, samples: int, beats: int) -> None:
    recording = read_source(data_dir / "stress_predict" / person)
    tracks = {track.stream: track for track in recording.tracks}
    assert len(tracks["acceleration"].at_ns) == samples
    assert len(tracks["rr_interval"].at_ns) == beats
    assert tracks["acceleration"].step_s == 1 / 32
    # A person at rest most of the time: gravity tells that the unit is right.
    assert np.median(np.linalg.norm(tracks["acceleration"].values, axis=1)) == pytest.approx(9.81, rel=0.05)
    assert 40 < np.median(tracks["heart_rate"].values) < 120
    assert len(recording.markers) == 7
