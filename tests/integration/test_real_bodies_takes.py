"""Real bodies of the development data: what their owners' documents say of them comes out, and they can be played."""

from pathlib import Path

import numpy as np
import pytest
from shows import PERIOD, make_core

from choreo_pipelines.bodies import Gap, fit_heart_rate, missing_modality, read_mocap, read_paces, real_takes
from choreo_pipelines.importers.command import write_take
from choreo_pipelines.playing import play, with_body_of
from choreo_service.packets import CONTROL_NAMES
from choreo_service.replay import take_entries

pytestmark = pytest.mark.data


def test_the_dancers_hip_bounces_at_the_tempo_of_the_music(data_dir: Path) -> None:
    """SOURCE.md: the vertical hip acceleration has a sharp line at 115.0 bpm (or its double, one bounce a step)."""
    vertical = read_mocap(data_dir / "mocaptoolbox_demo" / "dance1.npz").tracks[0].values[:, 2]
    spectrum = np.abs(np.fft.rfft((vertical - vertical.mean()) * np.hanning(len(vertical)), 1 << 16))
    bpm = 60.0 * float(np.fft.rfftfreq(1 << 16, 1 / 60.0)[int(spectrum.argmax())])
    assert min(abs(bpm - 115.0), abs(bpm - 230.0) / 2) < 1.0


def test_the_dancer_plays_every_control_but_the_hearts(data_dir: Path, tmp_path: Path) -> None:
    take = write_take(read_mocap(data_dir / "mocaptoolbox_demo" / "dance1.npz"), tmp_path / "dance1")
    played = play(take_entries(take, PERIOD), make_core(), name="dance1")
    ranges = dict(zip(CONTROL_NAMES, np.ptp(np.percentile(played.controls, [5, 95], axis=0), axis=0), strict=True))
    assert played.present[:, 0].mean() > 0.98
    assert not played.present[:, 1].any()
    assert all(ranges[name] > 0.3 for name in ("density", "brightness", "fx_send"))
    assert 0.01 < ranges["tempo_scale"] < 0.25  # she keeps one tempo
    assert ranges["tension"] < 0.01
    result, *_ = missing_modality(
        list(take_entries(take, PERIOD)), {"rules": make_core}, name="dance1", gaps=[Gap("motion", 2.0, 6.0)]
    )
    assert result.spans == 2
    assert result.raw_absent is not None
    assert result.raw_absent > 0.005  # without her motion the rules play something else


def test_a_runners_heart_is_far_slower_than_the_generators_default(data_dir: Path) -> None:
    fits = [fit_heart_rate(pace) for pace in read_paces(data_dir / "sweat_sport" / "3173437224.tcx")]
    assert {fit.effort for fit in fits} == {"speed", "cadence"}
    for fit in fits:
        assert fit.identifiable, fit.reason
        assert fit.seconds > 3000
        assert fit.low_s > 20
        assert fit.high_s < 100
        assert fit.r2 > fit.r2_default + 0.1


def test_a_ride_of_a_minute_and_a_half_tells_nothing_of_the_heart(data_dir: Path) -> None:
    paces = read_paces(data_dir / "sweat_sport" / "2020-06-01-16-52-40.fit")
    assert {pace.effort for pace in paces} == {"speed", "cadence", "power"}
    assert not any(fit_heart_rate(pace).identifiable for pace in paces)


@pytest.mark.slow
def test_the_real_takes_are_made_once_and_then_opened(data_dir: Path, tmp_path: Path) -> None:
    takes = real_takes(data_dir, tmp_path)
    assert set(takes) == {"S21", "S25", "S32", "dance1"}
    assert {name: take.path for name, take in real_takes(data_dir, tmp_path).items()} == {
        name: take.path for name, take in takes.items()
    }
    assert len(list(tmp_path.iterdir())) == 4
    dance, wrist = (take_entries(takes[name], PERIOD) for name in ("dance1", "S32"))
    played = play(with_body_of(dance, wrist), make_core(), name="dance1 with another body")
    assert len(played) < 25 * 50
    assert played.present[-1, :2].all()  # the dancer had no heart; this one has
