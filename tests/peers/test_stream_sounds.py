"""Recorded bodies on stage: `choreo-lab import` and `stream` stand in for the phone, and two synthesisers are heard.

Beside each voice that follows density plays one that holds still: what the synthesiser does by itself.
CHOREO_SOUND_S=60 plays a longer stretch of the wrist than the usual 20 s.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Sequence
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
    Process,
    Recorder,
    Recording,
    ScPatch,
    Scsynth,
    SynthDef,
    Ugen,
    best_lag_correlation,
    bright_saw,
    free_udp_port,
    rms_envelope,
    steady_centroid,
    synthdef,
    wait_until,
)
from rig.one_grid import latest, window_times
from rig.show import CONTROL_MAP

pytestmark = [pytest.mark.peer("jackd", "scsynth", "fluidsynth"), pytest.mark.data, pytest.mark.slow]

Series = NDArray[np.float64]

LAB: Final = str(Path(sys.executable).with_name("choreo-lab"))
DIGITS: Final = ("4_20251106_214302", "8_20251106_181521", "7_20251106_215514")
GESTURES_END_S: Final = 486  # S25 keeps still until about 460 s, then gestures for 25 s
WRIST_S: Final = float(os.environ.get("CHOREO_SOUND_S", "20"))
FOLLOWER: Final = 1000  # node of the voice that is played, on the first output
STILL: Final = 1001  # node of the voice that isn't, on the second
DENSITY: Final = "/choreo/density"
WINDOW_S: Final = 0.1
MAX_LAG: Final = 5  # windows: what features, smoothing, network and JACK may take together
SETTLED_S: Final = 1.0  # left out at the start: the controls' way from rest to the first motion


@dataclass(frozen=True, slots=True)
class Take:
    """One recorded movement: its source file or folder, and |acceleration| [n] in m/s^2 at times [n] in s from 0."""

    source: Path
    at_s: Series
    size: Series


@dataclass(frozen=True, slots=True)
class Heard:
    """One performance on a grid of WINDOW_S, [n] each."""

    motion: Series  # how much |acceleration| varied within the last half second
    control: Series  # density as it arrived over OSC
    follower: dict[str, Series]  # synth -> the measure of its sound that density sets, on a scale linear in density
    still: dict[str, Series]  # the same of the voice nobody plays


class Streaming(Process):
    """`choreo-lab stream`, ready when it has begun to send."""

    def __init__(self, take: Path, app: str, port: int) -> None:
        super().__init__((LAB, "stream", str(take), "--as", app, "--to", f"127.0.0.1:{port}"))

    def is_ready(self) -> bool:
        return self.output().startswith("as ") and "Hz" in self.output()


def digits(data_dir: Path, folder: Path, count: int) -> list[Take]:
    """A phone in the hand that draws digits in the air, five seconds each."""
    takes = []
    with tarfile.open(data_dir / "android_digits" / "data.tar.gz") as archive:
        for name in DIGITS[:count]:
            source = folder / f"{name}.csv"
            member = archive.extractfile(f"data/imu_complete_data_{name}.csv")
            assert member is not None
            source.write_bytes(member.read())
            table = np.genfromtxt(source, delimiter=",", names=True, dtype=None, encoding="utf-8")
            size = np.linalg.norm([table[f"accelerometer_{axis}"] for axis in "xyz"], axis=0)
            takes.append(Take(source, (table["timestamp"] - table["timestamp"][0]) / 1000.0, size))
    return takes


def wrist(data_dir: Path, folder: Path) -> list[Take]:
    """WRIST_S of an Empatica E4 whose wearer gestures, cut out as a folder of the same format."""
    cut = folder / "S25"
    cut.mkdir()
    begin_s = GESTURES_END_S - WRIST_S
    rows: list[str] = []
    for name in ("HR.csv", "ACC.csv"):
        start, rate, *rows = (data_dir / "stress_predict" / "S25" / name).read_text("ascii").splitlines()
        late_s = 10.0 if name == "HR.csv" else 0.0
        hz = float(rate.split(",")[0])
        first = round((begin_s - late_s) * hz)
        rows = rows[first : first + round(WRIST_S * hz)]
        starts = ", ".join(f"{float(value) + begin_s - late_s:.6f}" for value in start.split(","))
        (cut / name).write_text("\n".join((starts, rate, *rows, "")), "ascii")
    size = np.linalg.norm(np.loadtxt(rows, delimiter=",") / 64.0 * 9.80665, axis=1)
    return [Take(cut, np.arange(len(size)) / hz, size)]


PERFORMANCES: Final[dict[str, tuple[str, Callable[[Path, Path], list[Take]]]]] = {
    "digits as Sensors2OSC": ("sensors2osc", lambda data, folder: digits(data, folder, 3)),
    "digits as GyrOSC": ("gyrosc", lambda data, folder: digits(data, folder, 2)),
    "wrist as Sensors2OSC": ("sensors2osc", wrist),
}


@pytest.fixture(scope="module", params=list(PERFORMANCES))
def heard(
    request: pytest.FixtureRequest, jack_server: JackServer, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Heard:
    app, record = PERFORMANCES[request.param]
    folder = tmp_path_factory.mktemp("stream")
    takes = record(data_dir, folder)
    imported = [_import(take, folder / "takes") for take in takes]
    with ExitStack() as stage:
        scsynth = stage.enter_context(Scsynth(jack_server))
        organ = stage.enter_context(Fluidsynth(jack_server))
        scsynth.play(_saw_on(0), FOLLOWER)
        scsynth.play(_saw_on(1), STILL)
        _hold_two_organs(organ)
        patch = stage.enter_context(ScPatch(scsynth, FOLLOWER, {DENSITY: "brightness"}))
        phone_port = free_udp_port()
        settings = _settings(folder, phone_port, patch.port)
        choreo = Choreo(folder, settings, osc_port=phone_port, server=jack_server, midi_client="choreo")
        stage.enter_context(choreo)
        jack_server.connect(str(choreo.midi_out), organ.midi_in)
        recorder = stage.enter_context(Recorder(jack_server, (*scsynth.outputs, *organ.outputs)))
        recorder.clear()
        begun_s = [_stream(path, app, phone_port) for path in imported]
        return _on_one_grid(recorder.take(), patch.values(DENSITY), takes, begun_s)


def test_the_recorded_body_moves_the_control(heard: Heard) -> None:
    assert np.ptp(heard.control) > 0.3
    score, _ = best_lag_correlation(heard.motion, heard.control, MAX_LAG)
    assert score > 0.5


@pytest.mark.parametrize(
    ("synth", "least"),
    [
        pytest.param("scsynth", 0.95, id="OSC to scsynth: brightness of a saw"),
        pytest.param("fluidsynth", 0.9, id="MIDI to fluidsynth: volume of an organ"),
    ],
)
def test_what_sounds_follows_what_was_sent(heard: Heard, synth: str, least: float) -> None:
    score, _ = best_lag_correlation(heard.control, heard.follower[synth], MAX_LAG)
    assert score > least


@pytest.mark.parametrize("synth", ["scsynth", "fluidsynth"])
def test_a_voice_that_nobody_plays_stays_as_it_is(heard: Heard, synth: str) -> None:
    assert heard.follower[synth].std() > 5.0 * heard.still[synth].std()


def _import(take: Take, folder: Path) -> Path:
    """The take `choreo-lab import` makes of it."""
    folder.mkdir(exist_ok=True)
    argv = (LAB, "import", str(take.source), "--out", str(folder), "--name", take.source.stem)
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
    return folder / take.source.stem


def _stream(take: Path, app: str, port: int) -> float:
    """Send the whole take; when that began, CLOCK_MONOTONIC in s."""
    with Streaming(take, app, port) as streaming:
        begun_s = time.monotonic()
        wait_until(lambda: not streaming.alive, "the take's end", timeout_s=WRIST_S + 30.0)
    assert streaming.stop() == 0, streaming.output()
    assert "not delivered" not in streaming.output()
    return begun_s


def _settings(folder: Path, phone_port: int, synth_port: int) -> dict[str, Any]:
    (folder / "map.yaml").write_text(json.dumps(CONTROL_MAP), encoding="utf-8")
    return {
        "control_map": str(folder / "map.yaml"),
        "sensors": {"phone": {"type": "osc_motion", "port": phone_port}},
        "bridges": {
            "bars": None,
            "synth": {"type": "osc_out", "port": synth_port},
            "midi": {"type": "midi_cc", "api": "jack", "client_name": "choreo"},
        },
        "output": {"exit_ease_s": 0.2},
    }


def _saw_on(output: int) -> SynthDef:
    """The rig's saw on one output alone."""
    saw = bright_saw(f"choreo-{output}")
    ugens = (*saw.ugens[:-1], Ugen("Out", synthdef.AUDIO, (float(output), (4, 0)), outputs=0))
    return dataclasses.replace(saw, ugens=ugens)


def _hold_two_organs(organ: Fluidsynth) -> None:
    """The first MIDI channel, which is played, hard left; the second, at fluidsynth's own volume, hard right."""
    organ.command("cc 0 10 0", "cc 1 10 127")
    for channel in (1, 2):
        organ.hold_organ(channel)


def _on_one_grid(recording: Recording, control: Series, takes: Sequence[Take], begun_s: Sequence[float]) -> Heard:
    at_s = window_times(recording, WINDOW_S)
    played = at_s > begun_s[0] + SETTLED_S
    saw, still_saw, organ, still_organ = recording.samples.T
    centroids = [np.log(steady_centroid(voice, recording.rate, WINDOW_S)) for voice in (saw, still_saw)]
    volumes = [np.sqrt(rms_envelope(voice, recording.rate, WINDOW_S)) for voice in (organ, still_organ)]
    return Heard(
        _motion(takes, begun_s, at_s)[played],
        latest(control, at_s)[played],
        {"scsynth": centroids[0][played], "fluidsynth": volumes[0][played]},
        {"scsynth": centroids[1][played], "fluidsynth": volumes[1][played]},
    )


def _motion(takes: Sequence[Take], begun_s: Sequence[float], at_s: Series) -> Series:
    """Standard deviation of |acceleration| over the half second before each time; 0 where nothing was sent."""
    sent_s = np.concatenate([begun + take.at_s for take, begun in zip(takes, begun_s, strict=True)])
    size = np.concatenate([take.size for take in takes])
    ends, starts = np.searchsorted(sent_s, at_s), np.searchsorted(sent_s, at_s - 0.5)
    return np.array([size[a:b].std() if b > a else 0.0 for a, b in zip(starts, ends, strict=True)])
