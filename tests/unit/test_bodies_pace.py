"""Heart rate beside effort: what stands in a file is what is fitted, second by second."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from choreo_pipelines.bodies import read_paces
from choreo_pipelines.bodies.command import fit_heart
from choreo_pipelines.importers import SourceError
from choreo_service.errors import SessionError
from choreo_service.packets import SensorPacket
from choreo_service.session import write_session

HEAD = '<?xml version="1.0"?><TrainingCenterDatabase xmlns="urn:tcx"><Activities><Activity><Lap><Track>'
FOOT = "</Track></Lap></Activity></Activities></TrainingCenterDatabase>"


def tcx(path: Path, seconds: list[int], *, cadence: bool = True) -> Path:
    """One point per second at 2 m/s; bpm is 100 plus the second modulo 10, cadence the second modulo 7."""
    points = [
        f"<Trackpoint><Time>2026-01-01T00:{s // 60:02d}:{s % 60:02d}Z</Time>"
        f"<DistanceMeters>{2 * s}</DistanceMeters><HeartRateBpm><Value>{100 + s % 10}</Value></HeartRateBpm>"
        f"{f'<Cadence>{s % 7}</Cadence>' if cadence else ''}</Trackpoint>"
        for s in seconds
    ]
    path.write_text(HEAD + "".join(points) + FOOT)
    return path


def test_speed_is_the_way_of_the_second_before(tmp_path: Path) -> None:
    paces = {pace.effort: pace for pace in read_paces(tcx(tmp_path / "a.tcx", list(range(200))))}
    assert set(paces) == {"speed", "cadence"}
    (speed,), (cadence,) = paces["speed"].bouts, paces["cadence"].bouts
    np.testing.assert_allclose(speed.effort, 2.0)
    np.testing.assert_array_equal(speed.hr, 100 + np.arange(200) % 10)
    np.testing.assert_array_equal(cadence.effort, np.arange(200) % 7)


def test_a_pause_ends_a_bout_and_a_lost_point_does_not(tmp_path: Path) -> None:
    seconds = [s for s in range(400) if s != 50 and not 100 < s < 200]
    (pace,) = read_paces(tcx(tmp_path / "a.tcx", seconds, cadence=False))
    assert [len(bout.hr) for bout in pace.bouts] == [101, 200]
    assert pace.seconds == 301
    assert max(bout.effort.max() for bout in pace.bouts) == 2.0  # the way of a pause is no speed


def test_points_of_one_second_count_once(tmp_path: Path) -> None:
    (pace,) = read_paces(tcx(tmp_path / "a.tcx", sorted([*range(100), 20, 20, 21]), cadence=False))
    assert pace.seconds == 100


def test_a_take_without_frames_is_read_through_the_features(tmp_path: Path) -> None:
    def packets() -> list[SensorPacket]:
        out = []
        for i in range(50 * 60):
            t_ns = 1_000_000_000 + i * 20_000_000
            out.append(
                SensorPacket("motion_features", 0, 2 * i, t_ns, t_ns, None, "test", (i % 50 / 10, 1, 1, 0, 0, 1))
            )
            out.append(SensorPacket("heart_features", 0, 2 * i + 1, t_ns, t_ns, None, "test", (90.0 + i / 50, 0.0)))
        return out

    session = write_session(tmp_path / "take", packets=packets(), steps=None, meta={})
    (pace,) = read_paces(session.path)
    (bout,) = pace.bouts
    assert 58 <= len(bout.hr) <= 61
    assert bout.effort[1:-1] == pytest.approx(np.full(len(bout.hr) - 2, 2.45), abs=0.1)  # the mean over the second
    seconds = np.arange(len(bout.hr) - 1)
    assert bout.hr[:-1] == pytest.approx(91.0 + seconds, abs=0.1)  # as it is at the end of the second


def test_the_command_says_what_it_found(tmp_path: Path) -> None:
    result = CliRunner().invoke(fit_heart, [str(tcx(tmp_path / "run.tcx", list(range(100))))])
    assert result.exit_code == 0, result.output
    assert "3, 15, 30, 60 s" in result.output
    assert "cadence" in result.output
    assert "not identifiable: 100 s without pauses" in result.output


def test_a_recording_without_effort_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "still.csv"
    path.write_text("time,hr\n" + "".join(f"{s},80\n" for s in range(100)))
    result = CliRunner().invoke(fit_heart, [str(path)])
    assert isinstance(result.exception, SessionError)
    assert "speed, cadence or power" in result.exception.fix


def test_values_that_are_no_numbers_are_named_or_left_out(tmp_path: Path) -> None:
    path = tcx(tmp_path / "a.tcx", list(range(100)), cadence=False)
    text = path.read_text()
    path.write_text(text.replace("<DistanceMeters>40<", "<DistanceMeters>nan<"))
    (pace,) = read_paces(path)
    assert np.isfinite(pace.bouts[0].effort).all()
    path.write_text(text.replace("<DistanceMeters>40<", "<DistanceMeters>far<"))
    with pytest.raises(SourceError, match="DistanceMeters is 'far'"):
        read_paces(path)


def test_no_file_is_the_importers_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file or folder"):
        read_paces(tmp_path / "nothing.tcx")
