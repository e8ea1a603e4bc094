from __future__ import annotations

import math
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines.importers import Options, Recording, SourceError, read_source
from choreo_pipelines.importers.columns import map_columns
from choreo_pipelines.importers.time_axis import read_times

G = 9.80665
EPOCH_MS = 1_762_436_540_298


def _csv(path: Path, header: str, rows: Sequence[str]) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def _values(recording: Recording) -> dict[str, list[list[float]]]:
    return {track.stream: track.values.tolist() for track in recording.tracks}


def test_one_file_with_all_sensors_of_an_android_logger(tmp_path: Path) -> None:
    header = "session_id,timestamp,quaternion_w,accelerometer_x,accelerometer_y,accelerometer_z,gyroscope_x,"
    header += "gyroscope_y,gyroscope_z,linear_acceleration_x,linear_acceleration_y,linear_acceleration_z,"
    header += "gravity_x,gravity_y,gravity_z"
    rows = [f"s1,{EPOCH_MS + 19 * i},0.5,1,2,{i},4,5,6,7,8,9,0,0,9.8" for i in range(5)]
    recording = read_source(_csv(tmp_path / "a.csv", header, rows))
    values = _values(recording)
    assert list(values) == ["acceleration", "rotation_rate", "linear_acceleration", "gravity"]
    assert values["acceleration"] == [[1, 2, i] for i in range(5)]
    assert values["gravity"][0] == [0, 0, 9.8]
    assert recording.ignored == ("session_id", "quaternion_w")
    assert recording.wall
    assert recording.tracks[0].step_s == 0.019
    assert any("timestamp in ms (since 1970)" in note for note in recording.notes)


def test_phyphox_states_its_units(tmp_path: Path) -> None:
    header = (
        '"Time (s)","Linear Acceleration x (m/s^2)","Linear Acceleration y (m/s^2)","Linear Acceleration z (m/s^2)"'
    )
    header += ',"Absolute acceleration (m/s^2)"'
    recording = read_source(_csv(tmp_path / "p.csv", header, ["1.0E-2,1.0,2.0,3.0,3.7", "2.0E-2,1.5,2.0,3.0,3.8"]))
    assert _values(recording) == {"linear_acceleration": [[1, 2, 3], [1.5, 2, 3]]}
    assert recording.tracks[0].unit == "m/s^2 (column name)"
    assert recording.tracks[0].step_s == pytest.approx(0.01)
    assert not recording.wall
    assert "created" not in recording.meta()
    assert recording.ignored == ("Absolute acceleration (m/s^2)",)


def test_phyphox_folder_with_one_file_a_sensor(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    axes = '"Time (s)","X ({0})","Y ({0})","Z ({0})"'
    _csv(folder / "Accelerometer.csv", axes.format("m/s^2"), ["0.01,1,2,3", "0.02,1,2,3"])
    _csv(folder / "Gyroscope.csv", axes.format("°/s"), ["0.015,180,0,0", "0.025,180,0,0"])
    _csv(folder / "Light.csv", '"Time (s)","Illuminance (lx)"', ["0.1,5"])
    recording = read_source(folder)
    assert _values(recording)["rotation_rate"][0] == [pytest.approx(math.pi), 0, 0]
    assert [p.stream for p in recording.packets()] == ["acceleration", "rotation_rate"] * 2
    assert recording.ignored == ("Light.csv",)


def test_sensor_logger_means_linear_by_accelerometer_and_writes_z_first(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    rows = [f"{EPOCH_MS + 10 * i}000001,{i / 100},3,2,1" for i in range(3)]
    _csv(folder / "Accelerometer.csv", "time,seconds_elapsed,z,y,x", rows)
    _csv(folder / "TotalAcceleration.csv", "time,seconds_elapsed,z,y,x", rows)
    _csv(folder / "AccelerometerUncalibrated.csv", "time,seconds_elapsed,z,y,x", rows)
    _csv(folder / "HeartRate.csv", "time,seconds_elapsed,bpm", [f"{EPOCH_MS}000001,0,71"])
    recording = read_source(folder)
    values = _values(recording)
    assert values["linear_acceleration"][0] == values["acceleration"][0] == [1, 2, 3]
    assert values["heart_rate"] == [[71]]
    assert recording.ignored == ("AccelerometerUncalibrated.csv",)
    assert recording.start_ns == EPOCH_MS * 1_000_000 + 1  # epoch nanoseconds would not fit a float


def test_sensorlog_names_and_units(tmp_path: Path) -> None:
    header = (
        "loggingTime(txt),accelerometerAccelerationX(G),accelerometerAccelerationY(G),accelerometerAccelerationZ(G),"
    )
    header += "motionUserAccelerationX(G),motionUserAccelerationY(G),motionUserAccelerationZ(G),"
    header += "motionRotationRateX(rad/s),motionRotationRateY(rad/s),motionRotationRateZ(rad/s)"
    row = "2026-05-01T22:15:00.{:03d}+02:00,0,0,-1,0.5,0,0,1,2,3"
    recording = read_source(_csv(tmp_path / "log.csv", header, [row.format(0), row.format(10)]))
    values = _values(recording)
    assert values["acceleration"][0] == [0, 0, -G]
    assert values["linear_acceleration"][0] == [G / 2, 0, 0]
    assert values["rotation_rate"][0] == [1, 2, 3]
    assert recording.start_ns == 1_777_666_500 * 10**9


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    recording = read_source(_csv(tmp_path / "eu.csv", "t;ax;ay;az", ["0,00;1,5;2;3", "0,01;1,5;2;3"]))
    assert _values(recording) == {"acceleration": [[1.5, 2, 3]] * 2}
    assert recording.tracks[0].step_s == pytest.approx(0.01)


def test_sparse_rows_are_left_out_stream_by_stream(tmp_path: Path) -> None:
    rows = ["0.00,1,2,3,", "0.01,1,2,,", "0.02,,,,72", ",9,9,9,9", "0.03,1,2,3,"]
    recording = read_source(_csv(tmp_path / "s.csv", "t,ax,ay,az,hr", rows))
    values = _values(recording)
    assert len(values["acceleration"]) == 2
    assert values["heart_rate"] == [[72]]
    assert "acceleration: 2 rows without numbers left out" in recording.notes
    assert "1 rows without a time left out" in recording.notes


def test_the_user_may_name_columns_and_units(tmp_path: Path) -> None:
    path = _csv(tmp_path / "own.csv", "when,A,B,C", ["5000,0,0,1", "5010,0,0,1"])
    options = Options(
        columns={"time": ["when"], "acceleration": ["A", "B", "C"]}, units={"acceleration": "g", "time": "us"}
    )
    recording = read_source(path, options=options)
    assert _values(recording)["acceleration"] == [[0, 0, G]] * 2
    assert recording.tracks[0].step_s == pytest.approx(1e-5)
    assert recording.tracks[0].unit == "g (as you said)"


def test_an_assumed_unit_that_looks_like_g_is_doubted(tmp_path: Path) -> None:
    recording = read_source(_csv(tmp_path / "g.csv", "t,ax,ay,az", ["0.00,0,0,1", "0.01,0,0,1.01"]))
    assert any("--unit acceleration=g" in note for note in recording.notes)
    recording = read_source(_csv(tmp_path / "si.csv", "t,ax,ay,az", ["0.00,0,0,9.8", "0.01,0,0,9.9"]))
    assert not any("--unit acceleration" in note for note in recording.notes)


@pytest.mark.parametrize(
    ("header", "rest", "stated", "likely"),
    [
        ("t,ax,ay,az", 9.81, "g", "m/s^2"),
        ("t,ax,ay,az", 9.81, "mg", "m/s^2"),
        ("t,ax (g),ay (g),az (g)", 9.81, "", "m/s^2"),
        ("t,ax,ay,az", 1.0, "m/s^2", "g"),
        ("t,ax,ay,az", 9.81, "m/s^2", ""),
        ("t,ax,ay,az", 1.0, "g", ""),
        ("t,ax,ay,az", 1000.0, "mg", ""),
    ],
)
def test_a_stated_unit_is_doubted_where_gravity_says_otherwise(
    tmp_path: Path, header: str, rest: float, stated: str, likely: str
) -> None:
    path = _csv(tmp_path / "phone.csv", header, [f"{i / 100},0,0,{rest}" for i in range(3)])
    options = Options(units={"acceleration": stated} if stated else {})
    doubts = [note for note in read_source(path, options=options).notes if "as if in" in note]
    assert [note.rpartition("=")[2] for note in doubts] == ([likely] if likely else [])


@pytest.mark.parametrize(
    ("step", "unit"), [(0.01, "s"), (0.02, "s"), (10, "ms"), (19, "ms"), (10_000, "us"), (10_000_000, "ns")]
)
def test_the_unit_of_uptime_is_judged_by_its_steps(step: float, unit: str) -> None:
    cells = [str(5000 + i * step) for i in range(10)]
    axis = read_times(cells, Path("x.csv"), stated="", chosen="", expected_hz=100.0)
    assert axis.unit.startswith(f"{unit} (judged")
    assert not axis.wall


@pytest.mark.parametrize(("factor", "unit"), [(1, "s"), (1000, "ms"), (10**6, "us"), (10**9, "ns")])
def test_the_unit_of_epoch_times_is_judged_by_their_size(factor: int, unit: str) -> None:
    cells = [str(1_700_000_000 * factor + i) for i in range(3)]
    axis = read_times(cells, Path("x.csv"), stated="", chosen="", expected_hz=1.0)
    assert axis.unit == f"{unit} (since 1970)"
    assert axis.wall
    assert axis.at_ns[0] == 1_700_000_000 * 10**9


def test_a_heart_once_a_second_is_read_in_seconds() -> None:
    cells = [str(i) for i in range(10)]
    axis = read_times(cells, Path("x.csv"), stated="", chosen="", expected_hz=1.0)
    np.testing.assert_array_equal(np.diff(axis.at_ns), 10**9)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (["t", "accX", "accY", "accZ"], {"acceleration": (1, 2, 3)}),
        (["t", "Acc_x", "Acc_y", "Acc_z", "index"], {"acceleration": (1, 2, 3)}),
        (["t", "gx", "gy", "gz", "wx"], {"rotation_rate": (1, 2, 3)}),
        (["t", "Heart Rate (bpm)"], {"heart_rate": (1,)}),
        (["t", "RR-interval [ms]"], {"rr_interval": (1,)}),
        (["t", "ax", "ay"], {}),
        (["t", "latency", "proxy", "matrix"], {}),
    ],
)
def test_columns_are_told_by_their_names(header: list[str], found: Mapping[str, tuple[int, ...]]) -> None:
    mapped, _, _ = map_columns(header, "log", Options())
    assert {m.stream: m.columns for m in mapped} == found


@pytest.mark.parametrize(
    ("text", "options", "problem"),
    [
        ("", Options(), "has no motion or heart columns; found: nothing"),
        ("t,foo\n1,2\n", Options(), "has no motion or heart columns; found: t, foo"),
        ("ax,ay,az\n1,2,3\n", Options(), "has no time column"),
        ("t,ax,ay,az\n", Options(), "has a header and no row"),
        ("t,ax,ay,az\n0.0,1,2,3\n0.1,1,abc,3\n", Options(), "line 3: ay is 'abc'"),
        ("t,ax,ay,az\n0.0,1,2,3\n0.0,1,2,3\n", Options(), "never advances"),
        ("t,ax,ay,az\nnan,1,2,3\n0.0,1,2,3\n", Options(), "'nan' in the time column"),
        ("t,ax,ay,az\n0.0,1,2,3\nsoon,1,2,3\n", Options(), "'soon' in the time column"),
        ("t,ax,ay,az\n0.0,,,\n0.1,,,\n", Options(), "no complete row"),
        ("t,ax,ay,az\n1e30,1,2,3\n2e30,1,2,3\n", Options(), "leaves the range"),
        ("t,A\n0,1\n", Options(columns={"heart_rate": ["B"]}), "no column B; the file has: t, A"),
        ("t,A\n0,1\n", Options(columns={"acceleration": ["A"]}), "acceleration needs 3 columns"),
        ("t,hr\n0,1\n1,2\n", Options(units={"heart_rate": "g"}), "expected one of bpm"),
        ("t,hr\n0,1\n1,2\n", Options(units={"time": "days"}), "expected one of s, ms"),
    ],
)
def test_a_bad_csv_is_explained(tmp_path: Path, text: str, options: Options, problem: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(SourceError) as caught:
        read_source(path, "csv", options)
    assert problem in caught.value.problem
    assert caught.value.fix


def test_binary_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"t,ax\n\xff\xfe")
    with pytest.raises(SourceError, match="is no text: found byte 0xff at 5"):
        read_source(tmp_path / "x.csv")


def test_where_it_is_no_text_is_told_however_far_in_it_is(tmp_path: Path) -> None:
    start = b"\xef\xbb\xbft,ax,ay,az\n" + b"0.00,1,2,3\n" * 5000
    (tmp_path / "x.csv").write_bytes(start + b"0.01,1,\xff,3\n")
    with pytest.raises(SourceError, match=f"is no text: found byte 0xff at {len(start) + 7}, expected UTF-8"):
        read_source(tmp_path / "x.csv")


@pytest.mark.parametrize(
    ("limit", "problem"),
    [
        ("phone_csv._MAX_ROWS", "has more than 9 rows"),
        ("reading.MAX_TEXT_BYTES", "expected at most 9"),
        ("reading.MAX_LINE", "line 1, has more than 9 characters"),
    ],
)
def test_what_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, problem: str
) -> None:
    path = _csv(tmp_path / "long.csv", "t,ax,ay,az", [f"{i / 100},1,2,3" for i in range(10)])
    read_source(path)
    monkeypatch.setattr(f"choreo_pipelines.importers.{limit}", 9)
    with pytest.raises(SourceError, match=problem) as caught:
        read_source(path)
    assert caught.value.fix


@pytest.mark.parametrize("name", ["run.tcx", "run.fit"])
def test_what_is_read_as_a_whole_is_refused_where_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_bytes(b"<TrainingCenterDatabase/>" if name == "run.tcx" else b"\x0e\x10\0\0\0\0\0\0.FIT")
    monkeypatch.setattr("choreo_pipelines.importers.reading.MAX_WHOLE_BYTES", 9)
    monkeypatch.setattr("choreo_pipelines.importers.fit.MAX_WHOLE_BYTES", 9)
    with pytest.raises(SourceError, match="expected at most 9"):
        read_source(tmp_path / name)


def test_a_pile_of_recordings_is_not_one_recording(tmp_path: Path) -> None:
    for name in ("one", "two"):
        _csv(tmp_path / "pile" / f"{name}.csv", "t,ax,ay,az", ["0.00,0,0,1", "0.01,0,0,1"])
    with pytest.raises(SourceError, match=r"several recordings: acceleration is in one\.csv and two\.csv"):
        read_source(tmp_path / "pile")


@pytest.mark.data
def test_real_phone_gestures(data_dir: Path, tmp_path: Path) -> None:
    with tarfile.open(data_dir / "android_digits" / "data.tar.gz") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".csv"))[::50]
        for name in names:
            archive.extract(name, tmp_path, filter="data")
    assert len(names) == 10
    for name in names:
        tracks = {track.stream: track for track in read_source(tmp_path / name).tracks}
        assert set(tracks) == {"acceleration", "rotation_rate", "linear_acceleration", "gravity"}
        assert tracks["acceleration"].step_s == 0.019
        # Its gravity is low-passed, so its length wanders during the gesture; before and after, it tells the unit.
        assert np.median(np.linalg.norm(tracks["gravity"].values, axis=1)) == pytest.approx(G, rel=0.1)
