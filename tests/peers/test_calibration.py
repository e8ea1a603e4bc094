"""`choreo calibrate latency` against receivers whose latency is known, and against real synthesisers.

`pytest -s` prints the figures of docs/measurements.md.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import yaml
from rig import ClickSynth, Fluidsynth, JackServer, PureData, Scsynth, bright_saw
from rig.midi_bridge import DirectMidi

from choreo_service.clock import MS, MonotonicClock
from choreo_service.config import load_settings
from choreo_service.latency import Measured, measure
from choreo_service.latency.jack_ears import JackEars
from choreo_service.service.build import build_paths

pytestmark = [pytest.mark.peer("jackd"), pytest.mark.slow]

NODE: Final = 1000
DELAY_MS: Final = 40


@pytest.fixture
def home(repo_root: Path, tmp_path: Path) -> Path:
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    return tmp_path


def _direct(server: JackServer, home: Path, monkeypatch: pytest.MonkeyPatch, *, pulses: int, delay_ms: int) -> Measured:
    """The click synth, with nothing but JACK between its controller and us."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.server)
    loaded = load_settings(home=home, environ={})
    with ClickSynth(server) as synth, JackEars([synth.out]) as ears:
        return asyncio.run(
            measure(
                DirectMidi(server, synth.midi_in, loaded.control_map.wires()),
                build_paths(loaded.control_map, loaded.settings.output),
                ears,
                MonotonicClock(),
                control="density",
                pulses=pulses,
                window_s=0.06,
                delay_ns=delay_ms * MS,
                wait_s=1.0,
            )
        )


def _calibrate(server: JackServer, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = (sys.executable, "-m", "choreo_service", "calibrate", "latency", "--home", str(home), *arguments)
    result = subprocess.run(argv, env=server.env, capture_output=True, text=True, timeout=300, check=False)
    print(result.stdout + result.stderr)
    return result


def test_the_known_distribution_is_recovered(
    jack_server: JackServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that isn't in step with the server waits uniformly 0 to 1 period: median a half, sd 1/sqrt(12)."""
    measured = _direct(jack_server, home, monkeypatch, pulses=150, delay_ms=0)
    print(f"click synth, {jack_server.period} frames: {measured.text()}")
    period_ms = jack_server.period / jack_server.sample_rate * 1e3
    assert measured.judged.missed == 0
    assert len(measured.latencies_ms) >= 0.9 * 150  # overruns of a busy machine may take a few away, and say so
    assert measured.percentile_ms(50) == pytest.approx(period_ms / 2, abs=0.3 * period_ms / 2)
    assert measured.sd_ms == pytest.approx(period_ms / np.sqrt(12), rel=0.25)
    meant = np.clip(np.sort(measured.latencies_ms) / period_ms, 0.0, 1.0)  # the distribution where they fell
    found = (np.arange(len(meant)) + 0.5) / len(meant)
    assert np.abs(meant - found).max() < 0.15  # Kolmogorov-Smirnov: how far each fell, late wake-ups do, doesn't count


def test_an_injected_delay_is_recovered(jack_server: JackServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = _direct(jack_server, home, monkeypatch, pulses=40, delay_ms=0)
    late = _direct(jack_server, home, monkeypatch, pulses=40, delay_ms=DELAY_MS)
    print(f"median {plain.percentile_ms(50):.2f} ms, delayed {late.percentile_ms(50):.2f} ms")
    assert late.judged.missed == 0
    assert late.percentile_ms(50) - plain.percentile_ms(50) == pytest.approx(DELAY_MS, abs=2.5)


def test_a_muted_receiver_is_all_missed_and_nothing_is_kept(jack_server: JackServer, home: Path) -> None:
    with ClickSynth(jack_server, muted=True) as synth:
        result = _calibrate(
            jack_server, home, "--bridge", "midi", "-o", "bridges.midi.api=jack", "-o", "bridges.midi.port=clicks",
            "--listen", synth.out, "--window-ms", "60", "--save", "clicks",
        )  # fmt: skip
    assert result.returncode == 1
    assert "25 pulses: 0 heard, 25 missed" in result.stdout
    assert "only 0 of 25 pulses were heard" in result.stderr
    assert not (home / "calibration").exists()


def test_what_is_kept_leaves_our_own_delay_out_and_aligns_the_other_bridges(
    jack_server: JackServer, home: Path
) -> None:
    with ClickSynth(jack_server) as synth:
        result = _calibrate(
            jack_server, home, "--bridge", "midi", "-o", "bridges.midi.api=jack", "-o", "bridges.midi.port=clicks",
            "-o", f"bridges.midi.latency_offset_ms={DELAY_MS}",
            "--listen", synth.out, "--window-ms", "60", "--save", "clicks",
        )  # fmt: skip
    assert result.returncode == 0
    kept = yaml.safe_load((home / "calibration" / "latency" / "clicks.yaml").read_text("utf-8"))
    assert kept["missed"] == 0
    assert 0.0 < kept["median_ms"] < 15.0
    loaded = load_settings(home=home, environ={}, overrides=["bridges.midi.latency_profile=clicks"])
    assert loaded.latency["midi"].median_ms == kept["median_ms"]


@pytest.mark.peer("fluidsynth")
def test_fluidsynth_by_its_volume(jack_server: JackServer, home: Path, fluidsynth: Fluidsynth) -> None:
    text = (home / "configs" / "control_map.yaml").read_text("utf-8").replace("cc: 21", "cc: 7")
    (home / "configs" / "control_map.yaml").write_text(text, encoding="utf-8")
    fluidsynth.hold_organ()
    result = _calibrate(
        jack_server, home, "--bridge", "midi", "-o", "bridges.midi.api=jack", "-o", "bridges.midi.port=fluidmidi",
        "--listen", fluidsynth.outputs[0], "--window-ms", "150", "--save", "fluidsynth",
    )  # fmt: skip
    assert result.returncode == 0
    assert 0.0 < _kept(home, "fluidsynth")["median_ms"] < 20.0


@pytest.mark.alone  # a spread of half a millisecond is the machine's where something beside it wants the processor
@pytest.mark.peer("scsynth")
def test_scsynth_by_n_set_and_on_time_by_time_tags(jack_server: JackServer, home: Path, scsynth: Scsynth) -> None:
    scsynth.play(bright_saw(), NODE)
    common = (
        "--bridge", "synth", "-o", "bridges.synth.layout=n_set", "-o", f"bridges.synth.port={scsynth.port}",
        "-o", "bridges.synth.names={density: gain}", "--listen", scsynth.outputs[0], "--window-ms", "150",
    )  # fmt: skip
    for name, ahead in (("osc-sc", 0), ("osc-sc-ahead", 60)):
        arguments = (*common, "-o", f"bridges.synth.schedule_ahead_ms={ahead}", "--save", name, "--pulses", "40")
        assert _calibrate(jack_server, home, *arguments).returncode == 0
    at_once, on_time = _kept(home, "osc-sc"), _kept(home, "osc-sc-ahead")
    assert 0.0 < at_once["median_ms"] < 20.0
    assert on_time["median_ms"] == pytest.approx(60.0, abs=10.0)
    assert on_time["sd_ms"] < at_once["sd_ms"] / 2


@pytest.mark.peer("puredata")
def test_pure_data_by_its_gain(jack_server: JackServer, home: Path) -> None:
    with ExitStack() as stage:
        pd = stage.enter_context(PureData(jack_server))
        result = _calibrate(
            jack_server, home, "--bridge", "synth", "-o", f"bridges.synth.port={pd.port}",
            "-o", "bridges.synth.addresses={density: /choreo/gain, brightness: /unused}",
            "--listen", pd.outputs[0], "--window-ms", "150", "--save", "pd",
        )  # fmt: skip
    assert result.returncode == 0
    assert 5.0 < _kept(home, "pd")["median_ms"] < 60.0  # its audio buffer is 25 ms


def _kept(home: Path, name: str) -> dict[str, float]:
    kept = yaml.safe_load((home / "calibration" / "latency" / f"{name}.yaml").read_text("utf-8"))
    assert isinstance(kept, dict)
    return kept
