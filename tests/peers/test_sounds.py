"""A body heard: a recorded wrist moves, choreo plays three real synthesisers, and their sound follows.

The chain is that of a concert: phone -> `choreo run` -> OSC to scsynth and Pure Data, MIDI to fluidsynth -> ear.
CHOREO_SOUND_S=60 plays a longer stretch than the usual 20 s.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray
from rig import (
    Choreo,
    Fluidsynth,
    JackServer,
    Phone,
    PureData,
    Recorder,
    Recording,
    ScPatch,
    Scsynth,
    best_lag_correlation,
    bright_saw,
    free_udp_port,
    rms_envelope,
    steady_centroid,
)
from rig.one_grid import latest, window_times

pytestmark = [pytest.mark.peer("jackd", "scsynth", "fluidsynth", "puredata"), pytest.mark.data, pytest.mark.slow]

Series = NDArray[np.float64]

NODE: Final = 1000
GESTURES_END_S: Final = 486  # S25 keeps still until about 460 s, then gestures for 25 s
MOVING_S: Final = float(os.environ.get("CHOREO_SOUND_S", "20"))
STILL_S: Final = 5.0
STANDARD_GRAVITY: Final = 9.80665
WINDOW_S: Final = 0.1
MAX_LAG: Final = 5  # windows: what features, smoothing, network and JACK may take together
VOLUME_CC: Final = 7
DENSITY: Final = "/choreo/density"


@dataclass(frozen=True, slots=True)
class Heard:
    """One performance on a common grid of WINDOW_S: [n] each, first STILL_S without motion."""

    motion: Series  # standard deviation of |acceleration| in m/s^2, of the samples just sent
    control: Series  # density as it arrived over OSC
    sound: dict[str, Series]  # synth -> the measure of its sound that density sets, on a scale linear in density

    def moving(self, series: Series) -> Series:
        return series[int(STILL_S / WINDOW_S) :]

    def still(self, series: Series) -> Series:
        """The second half of the still part: smoothing has come to rest."""
        return series[int(STILL_S / WINDOW_S / 2) : int(STILL_S / WINDOW_S)]


@pytest.fixture(scope="module")
def heard(jack_server: JackServer, data_dir: Path) -> Iterator[Heard]:
    wrist, rate = _wrist(data_dir)
    with ExitStack() as stage, tempfile.TemporaryDirectory() as folder:
        scsynth = stage.enter_context(Scsynth(jack_server))
        fluidsynth = stage.enter_context(Fluidsynth(jack_server))
        pure_data = stage.enter_context(PureData(jack_server))
        scsynth.play(bright_saw(), NODE)
        fluidsynth.hold_organ()
        patch = stage.enter_context(ScPatch(scsynth, NODE, {DENSITY: "brightness"}))
        phone_port = free_udp_port()
        settings = _settings(Path(folder), phone_port, patch.port, pure_data.port)
        choreo = Choreo(Path(folder), settings, osc_port=phone_port, server=jack_server, midi_client="choreo")
        stage.enter_context(choreo)
        jack_server.connect(str(choreo.midi_out), fluidsynth.midi_in)
        outputs = (scsynth.outputs[0], fluidsynth.outputs[0], pure_data.outputs[0])
        recorder = stage.enter_context(Recorder(jack_server, outputs))
        recorder.clear()
        Phone(phone_port).play(wrist, rate)
        yield _on_one_grid(recorder.take(), patch.values(DENSITY), wrist, rate)


def test_the_played_stretch_really_moves_the_control(heard: Heard) -> None:
    assert np.ptp(heard.moving(heard.control)) > 0.4
    assert heard.still(heard.motion).max() == 0.0


@pytest.mark.parametrize(
    ("synth", "least"),
    [
        pytest.param("scsynth", 0.97, id="OSC to scsynth: brightness of a saw"),
        pytest.param("pure_data", 0.9, id="OSC to Pure Data: loudness of noise"),
        pytest.param("fluidsynth", 0.9, id="MIDI to fluidsynth: volume of an organ"),
    ],
)
def test_what_sounds_follows_what_was_sent(heard: Heard, synth: str, least: float) -> None:
    score, _ = best_lag_correlation(heard.control, heard.sound[synth], MAX_LAG)
    assert score > least


@pytest.mark.parametrize("synth", ["scsynth", "pure_data", "fluidsynth"])
def test_what_sounds_follows_the_body(heard: Heard, synth: str) -> None:
    """Against the raw acceleration alone: nothing choreo says about itself enters."""
    score, _ = best_lag_correlation(heard.motion, heard.sound[synth], MAX_LAG)
    assert score > 0.6


@pytest.mark.parametrize("synth", ["scsynth", "fluidsynth"])
def test_a_still_body_leaves_the_sound_alone(heard: Heard, synth: str) -> None:
    sound = heard.sound[synth]
    assert heard.moving(sound).std() > 5.0 * heard.still(sound).std()


def _wrist(data_dir: Path) -> tuple[Series, float]:
    """Acceleration [n, 3] in m/s^2 and its rate in Hz: STILL_S of an unmoved wrist, then MOVING_S of gestures."""
    path = data_dir / "stress_predict" / "S25" / "ACC.csv"
    rate = float(np.loadtxt(path, delimiter=",", skiprows=1, max_rows=1)[0])
    end, count = int(GESTURES_END_S * rate), int(MOVING_S * rate)
    raw = np.loadtxt(path, delimiter=",", skiprows=2 + end - count, max_rows=count)
    moving = raw / 64.0 * STANDARD_GRAVITY  # the file is in 1/64 g
    still = np.repeat(moving[:1], int(STILL_S * rate), axis=0)
    return np.concatenate((still, moving)), rate


def _settings(folder: Path, phone_port: int, sc_port: int, pd_port: int) -> dict[str, Any]:
    """Density goes everywhere: to the saw's brightness, to Pure Data's gain, to the organ's volume."""
    names = ("tempo_scale", "density", "tension", "brightness", "fx_send")
    control_map = {name: {"min": 0, "max": 1, "cc": 20 + index} for index, name in enumerate(names)}
    control_map["density"]["cc"] = VOLUME_CC
    (folder / "map.yaml").write_text(json.dumps(control_map), encoding="utf-8")
    to_pd = {"density": "/choreo/gain", "brightness": "/unused"}  # its low-pass stays where it is
    return {
        "control_map": str(folder / "map.yaml"),
        "sensors": {"phone": {"type": "osc_motion", "port": phone_port}},
        "bridges": {
            "bars": None,
            "synth": {"type": "osc_out", "port": sc_port},
            "pd": {"type": "osc_out", "port": pd_port, "addresses": to_pd},
            "midi": {"type": "midi_cc", "api": "jack", "client_name": "choreo"},
        },
    }


def _on_one_grid(recording: Recording, control: Series, wrist: Series, rate: float) -> Heard:
    """Everything by the clock of the machine, which stamped both the audio blocks and the OSC messages."""
    saw, organ, noise = recording.samples.T
    sound = {
        "scsynth": np.log(steady_centroid(saw, recording.rate, WINDOW_S)),  # brightness: cut-off on a log scale
        "fluidsynth": np.sqrt(rms_envelope(organ, recording.rate, WINDOW_S)),  # MIDI volume is squared
        "pure_data": rms_envelope(noise, recording.rate, WINDOW_S),
    }
    at_s = window_times(recording, WINDOW_S)
    return Heard(_motion(wrist, rate, np.arange(len(at_s))), latest(control, at_s), sound)


def _motion(wrist: Series, rate: float, windows: NDArray[np.int64]) -> Series:
    """How much |acceleration| varied within the last half second, for each window."""
    size = np.linalg.norm(wrist, axis=1)
    ends = np.clip(((windows + 1) * WINDOW_S * rate).astype(int), 1, len(size))
    return np.array([size[max(0, end - int(rate / 2)) : end].std() for end in ends])
