"""The whole service while its receivers die and come back: what they hold afterwards, and what the log says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from rig import Fluidsynth, JackServer, MidiSink, PureData, Recorder, Scsynth, bright_saw, rms_envelope, wait_until
from rig.jack_server import jack_env
from rig.service_log import log_events
from rig.show import NEVER, Show, show

pytestmark = [pytest.mark.peer("jackd", "fluidsynth", "scsynth"), pytest.mark.slow]

RESTARTS: Final = 3
DOWN_S: Final = 1.5  # how long a killed program stays away
NOTICED_S: Final = 1.0  # what the log's durations may be off: the service looks at its receivers once a second
RIGHT_AGAIN_S: Final = 3.0
REFRESH_S: Final = 1.0 + 0.5  # output.refresh_s offers what rests, midi_cc.repeat_s may keep one offer back
LOADED_S: Final = 0.3  # what a busy machine adds
NODE: Final = 1000
BRIGHTNESS: Final = "/choreo/brightness"
MIDI: Final = {"type": "midi_cc", "api": "jack"}


class TellingFluidsynth(Fluidsynth):
    """fluidsynth that prints every controller it takes: `cc`, channel, number and value, by tabs."""

    def __init__(self, server: JackServer) -> None:
        super().__init__(server)
        self.argv = (*self.argv[:-1], "-o", "synth.verbose=1", self.argv[-1])

    def cc(self) -> dict[int, int]:
        """Controller -> the last value on the first channel."""
        return {int(number): int(value) for number, value in re.findall(r"\bcc\t0\t(\d+)\t(\d+)\n", self.output())}


@dataclass(slots=True)
class Restarts:
    """One show in which a sink and a fluidsynth were killed and started again, RESTARTS times."""

    sink_right_s: list[float] = field(default_factory=list)  # from its port's return until all five were right
    synth_right_s: list[float] = field(default_factory=list)
    loudness: list[float] = field(default_factory=list)  # of fluidsynth per volume; the first before any kill
    log: list[Mapping[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def server() -> Iterator[JackServer]:
    """A JACK server of our own: killed clients leave traces in it that other tests needn't meet."""
    with JackServer() as own:
        yield own


@pytest.fixture(scope="module")
def restarts(server: JackServer, tmp_path_factory: pytest.TempPathFactory) -> Restarts:
    seen = Restarts()
    bridges = {
        "midi": {**MIDI, "port": "sink"},
        "organ": {**MIDI, "port": "fluidmidi", "client_name": "choreo-organ"},
    }
    with ExitStack() as stage:
        sink = stage.enter_context(MidiSink(server))
        synth = stage.enter_context(TellingFluidsynth(server))
        playing = stage.enter_context(show(tmp_path_factory.mktemp("restarts"), server, bridges))
        playing.seconds_until_right(synth.cc)
        seen.loudness.append(_loudness(playing, server, synth))
        for _ in range(RESTARTS):
            playing.stretch(NOTICED_S + LOADED_S)
            sink.kill()
            synth.kill()
            time.sleep(DOWN_S)
            sink.start()
            seen.sink_right_s.append(playing.seconds_until_right(lambda: _held(sink)))
            synth.start()
            seen.synth_right_s.append(playing.seconds_until_right(synth.cc))
            seen.loudness.append(_loudness(playing, server, synth))
        playing.stretch(NOTICED_S + LOADED_S)
        seen.log += log_events(playing.choreo)
    return seen


def test_every_restarted_sink_is_right_again_within_three_seconds(restarts: Restarts) -> None:
    assert len(restarts.sink_right_s) == RESTARTS
    assert max(restarts.sink_right_s) <= RIGHT_AGAIN_S


def test_every_restarted_fluidsynth_is_right_again_within_three_seconds(restarts: Restarts) -> None:
    assert len(restarts.synth_right_s) == RESTARTS
    assert max(restarts.synth_right_s) <= RIGHT_AGAIN_S


def test_every_restarted_fluidsynth_sounds_as_before(restarts: Restarts) -> None:
    """Its own volume after a start, 100, would be heard: density stays below a half most of the time."""
    before, *after = restarts.loudness
    assert after == pytest.approx([before] * RESTARTS, rel=0.25)


@pytest.mark.parametrize("adapter", ["midi", "organ"])
def test_each_restart_is_one_warning_and_one_info_with_its_duration(restarts: Restarts, adapter: str) -> None:
    events = [event for event in restarts.log if event.get("adapter") == adapter]
    assert [event["level"] for event in events] == ["warning", "info"] * RESTARTS
    for back in events[1::2]:
        assert DOWN_S - NOTICED_S <= back["down_s"] <= DOWN_S + RIGHT_AGAIN_S + NOTICED_S


@pytest.mark.parametrize("dancers", [0, 1], ids=["controls at rest", "controls in motion"])
def test_a_sink_that_reconnects_by_itself_has_everything_within_the_refresh(
    server: JackServer, tmp_path: Path, dancers: int
) -> None:
    with MidiSink(server) as sink, show(tmp_path, server, {"midi": MIDI}, dancers=dancers) as playing:
        for _ in range(2):
            assert sink.state().count == 0
            server.connect(str(playing.choreo.midi_out), sink.midi_in)
            assert playing.seconds_until_right(lambda: _held(sink)) <= REFRESH_S + LOADED_S
            sink.kill()
            sink.start()


def test_without_any_midi_system_it_plays_on_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in jack_env("choreo-nobody").items():
        monkeypatch.setenv(name, value)
    with show(tmp_path, None, {"midi": MIDI}) as playing:
        wait_until(lambda: "no-midi" in playing.choreo.output(), "the service to say that there is no MIDI")
        playing.stretch(6.0)  # it asks again every five seconds
        assert playing.choreo.stop() == 0
    said = [line for line in playing.choreo.output().splitlines() if "no-midi" in line]
    assert len(said) == 1
    assert "JACK server not running" in said[0]
    assert np.ptp(playing.ear.values("/choreo/density")[:, 1]) > 0.05  # and it played


def test_a_killed_scsynth_is_missed_once_and_right_again_once_its_synth_plays(
    server: JackServer, tmp_path: Path
) -> None:
    with ExitStack() as stage:
        synth = stage.enter_context(Scsynth(server))
        synth.play(bright_saw(), NODE)
        bridge = {"type": "osc_out", "layout": "n_set", "node": NODE, "port": synth.port}
        playing = stage.enter_context(show(tmp_path, None, {"sc": bridge}))
        playing.stretch(2 * DOWN_S)
        assert _told(playing, "sc") == []
        synth.kill()
        playing.stretch(2 * DOWN_S)
        assert [event.get("state") for event in _told(playing, "sc")] == ["nobody-listens"]
        synth.start()
        synth.play(bright_saw(), NODE)
        begun = time.monotonic()
        wait_until(lambda: abs(synth.get(NODE, "brightness") - playing.ear.latest(BRIGHTNESS)) < 0.1, "brightness")
        assert time.monotonic() - begun <= RIGHT_AGAIN_S
        playing.stretch(3 * DOWN_S)
        lost, back = _told(playing, "sc")
    assert (lost["level"], lost["state"]) == ("warning", "nobody-listens")
    assert (back["level"], back["state"]) == ("info", "sending")
    assert 2 * DOWN_S - NOTICED_S <= back["down_s"] <= 2 * DOWN_S + RIGHT_AGAIN_S + NOTICED_S


@pytest.mark.peer("puredata")
def test_a_killed_pure_data_is_right_again_within_three_seconds(server: JackServer, tmp_path: Path) -> None:
    with ExitStack() as stage:
        pd = stage.enter_context(PureData(server))
        bridge = {"type": "osc_out", "port": pd.port, "addresses": {"density": "/choreo/gain"}}
        playing = stage.enter_context(show(tmp_path, None, {"pd": bridge}))
        wait_until(lambda: "gain:" in pd.output() and "brightness:" in pd.output(), "both controls at Pure Data")
        pd.kill()
        time.sleep(DOWN_S)
        pd.start()
        begun = time.monotonic()
        wait_until(lambda: "gain:" in pd.output() and "brightness:" in pd.output(), "both controls once more")
        assert time.monotonic() - begun <= RIGHT_AGAIN_S
        heard = float(re.findall(r"brightness: ([-\d.e]+)", pd.output())[-1])
        assert heard == pytest.approx(playing.ear.latest(BRIGHTNESS), abs=0.1)


def test_what_scsynth_refuses_is_one_warning_that_says_why(server: JackServer, tmp_path: Path) -> None:
    with ExitStack() as stage:
        synth = stage.enter_context(Scsynth(server))
        bridge = {"type": "osc_out", "layout": "n_set", "node": NODE, "port": synth.port}
        playing = stage.enter_context(show(tmp_path, None, {"sc": bridge}))
        wait_until(lambda: f"Node {NODE} not found" in playing.choreo.output(), "the refusal in the opening lines")
        playing.stretch(4 * DOWN_S)
        synth.play(bright_saw(), NODE)
        wait_until(lambda: bool(log_events(playing.choreo, event="peer.back")), "the end of the refusals in the log")
        told = _told(playing, "sc")
    assert [event["state"] for event in told] == ["sending"]  # a fault of the first second is in the opening lines


def _held(sink: MidiSink) -> dict[int, int]:
    """Controller -> the sink's last value on the first channel."""
    return {number: value for (channel, number), value in sink.state().cc.items() if channel == 1}


def _told(playing: Show, adapter: str) -> list[Mapping[str, Any]]:
    return log_events(playing.choreo, adapter=adapter)


def _loudness(playing: Show, server: JackServer, synth: Fluidsynth) -> float:
    """Level of a held organ note per MIDI volume: General MIDI squares the volume, which is the density."""
    synth.hold_organ()
    with Recorder(server, synth.outputs) as recorder:
        heard = recorder.record(0.6)
    begun_s, ended_s = heard.at_s(np.array([0.0, len(heard.samples)]))
    density = playing.ear.values("/choreo/density")
    volume = density[(density[:, 0] >= begun_s) & (density[:, 0] <= ended_s), 1]
    return float(np.sqrt(rms_envelope(heard.mono, heard.rate).mean()) / volume.mean()) if len(volume) else NEVER
