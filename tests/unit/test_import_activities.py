"""TCX and FIT."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from choreo_pipelines.importers import SourceError, read_source
from choreo_pipelines.importers.tcx import epoch_ns

NAMESPACE = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"


def _tcx(path: Path, points: list[tuple[str, str]], *, extra: str = "") -> Path:
    body = "".join(
        f"<Trackpoint><Time>{time}</Time><Cadence>80</Cadence>"
        + (f"<HeartRateBpm><Value>{bpm}</Value></HeartRateBpm>" if bpm else "")
        + "</Trackpoint>"
        for time, bpm in points
    )
    lap = f'<Lap StartTime="2026-01-01T00:00:00Z"><Track>{body}</Track></Lap>'
    path.write_text(f'{extra}<TrainingCenterDatabase xmlns="{NAMESPACE}">{lap}</TrainingCenterDatabase>')
    return path


def test_tcx_heart_rate_with_its_pause(tmp_path: Path) -> None:
    points = [(f"2026-01-01T00:00:{s:02d}Z", str(100 + s)) for s in (0, 1, 2, 3, 9, 10)]
    recording = read_source(_tcx(tmp_path / "run.tcx", points))
    (track,) = recording.tracks
    assert [p.values for p in recording.packets()] == [(100.0 + s,) for s in (0, 1, 2, 3, 9, 10)]
    assert [length for _, length in track.gaps()] == [6.0]
    assert recording.meta()["created"] == "2026-01-01T00:00:00+00:00"
    assert recording.ignored == ("Cadence (6)",)
    assert recording.markers[0][1] == "lap 1"


def test_tcx_points_without_a_heart_rate_are_no_samples(tmp_path: Path) -> None:
    path = _tcx(tmp_path / "run.tcx", [("2026-01-01T00:00:00Z", ""), ("2026-01-01T00:00:01Z", "99")])
    assert len(read_source(path).tracks[0].at_ns) == 1


def test_tcx_time_that_steps_back_is_put_in_order_and_said(tmp_path: Path) -> None:
    path = _tcx(tmp_path / "run.tcx", [("2026-01-01T00:00:05Z", "90"), ("2026-01-01T00:00:01Z", "80")])
    recording = read_source(path)
    assert [p.values[0] for p in recording.packets()] == [80.0, 90.0]
    assert "stepped back 1 times" in recording.notes[0]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("points", "extra", "problem"),
    [
        ([("2026-01-01T00:00:00Z", "")], "", "has no heart rate; found only Cadence"),
        ([], "", "found only no track point"),
        ([("yesterday", "90")], "", "'yesterday' is no time"),
        ([("2026-13-01T00:00:00Z", "90")], "", "is no time"),
        ([("2026-01-01T00:00:00Z", "fast")], "", "heart rate is 'fast'"),
        ([("2026-01-01T00:00:00Z", "90")], BOMB, "no readable XML"),
        ([("2026-01-01T00:00:00Z", "90")], "<a>", "no readable XML"),
    ],
)
def test_a_bad_tcx_is_explained(tmp_path: Path, points: list[tuple[str, str]], extra: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_source(_tcx(tmp_path / "run.tcx", points, extra=extra))
    assert problem in caught.value.problem
    assert caught.value.fix


def test_xml_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.tcx"
    path.write_text("<gpx></gpx>")
    with pytest.raises(SourceError, match="found <gpx>"):
        read_source(path)


@pytest.mark.parametrize(
    "text", ["2026-05-01T20:15:00Z", "2026-05-01 22:15:00.000+02:00", "2026-05-01T14:15:00-0600", "2026-05-01T20:15:00"]
)
def test_times_with_and_without_offset_mean_the_same(text: str) -> None:
    assert epoch_ns(text, Path("x")) == 1_777_666_500 * 10**9


# A FIT file of two kinds of messages: record (timestamp, heart_rate) and hrv (intervals in ms).
FIT_EPOCH = 631_065_600  # 1989-12-31
FIT_START = 1_000_000_000  # small numbers would be times since power-on
RECORD_DEFINITION = bytes([0x40, 0, 0]) + struct.pack("<HB", 20, 2) + bytes([253, 4, 0x86, 3, 1, 0x02])
HRV_DEFINITION = bytes([0x41, 0, 0]) + struct.pack("<HB", 78, 1) + bytes([0, 2, 0x84])


def _fit(*messages: bytes) -> bytes:
    data = RECORD_DEFINITION + HRV_DEFINITION + b"".join(messages)
    header = struct.pack("<BBHI4s", 14, 0x10, 2132, len(data), b".FIT")
    header += struct.pack("<H", _crc(header))
    return header + data + struct.pack("<H", _crc(header + data))


def _record(at_s: int, bpm: int) -> bytes:
    return struct.pack("<BIB", 0, FIT_START + at_s, bpm)


def _hrv(ms: int) -> bytes:
    return struct.pack("<BH", 1, ms)


def _crc(data: bytes) -> int:
    """The 16-bit CRC of the FIT protocol (reflected 0x8005)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def test_fit_heart_rate_and_beats(tmp_path: Path) -> None:
    path = tmp_path / "ride.fit"
    beats = [_hrv(800), _hrv(700)]
    path.write_bytes(_fit(_record(0, 70), *beats, _record(1, 71), _record(30, 72), _hrv(900)))
    recording = read_source(path)
    tracks = {track.stream: track for track in recording.tracks}
    assert tracks["heart_rate"].values.ravel().tolist() == [70.0, 71.0, 72.0]
    assert tracks["heart_rate"].at_ns[0] == (FIT_EPOCH + FIT_START) * 10**9
    after_s = (tracks["rr_interval"].at_ns - tracks["heart_rate"].at_ns[0]) / 1e9
    np.testing.assert_allclose(after_s, [0.0, 0.7, 30.0])  # counted on, and tied to the records again after the pause
    assert tracks["rr_interval"].values.ravel().tolist() == [0.8, 0.7, 0.9]


def test_an_invalid_fit_heart_rate_is_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "ride.fit"
    path.write_bytes(_fit(_record(0, 70), _record(1, 0xFF)))
    assert read_source(path).tracks[0].values.ravel().tolist() == [70.0]


@pytest.mark.parametrize("damage", ["torn", "flipped", "empty of heart"])
def test_a_bad_fit_is_explained(tmp_path: Path, damage: str) -> None:
    data = bytearray(_fit(*(_record(i, 70) for i in range(50))))
    if damage == "flipped":
        data[60] ^= 4
    content = {"torn": bytes(data[:150]), "flipped": bytes(data), "empty of heart": _fit(_record(5, 0xFF))}[damage]
    path = tmp_path / "ride.fit"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="has no heart rate" if damage == "empty of heart" else "no intact FIT file"):
        read_source(path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "samples", "pause_s"), [("3173437224.tcx", 3507, 398.7), ("2020-06-01-16-52-40.fit", 96, 32.0)]
)
def test_real_activities(data_dir: Path, name: str, samples: int, pause_s: float) -> None:
    (track,) = read_source(data_dir / "sweat_sport" / name).tracks
    assert len(track.at_ns) == samples
    assert [length for _, length in track.gaps()] == [pytest.approx(pause_s, abs=0.05)]
