"""The OSC synthesisers of the rig really sound different when they are told to."""

from __future__ import annotations

import pytest
from pythonosc.udp_client import SimpleUDPClient
from rig import (
    JackServer,
    OscDump,
    PeerError,
    PureData,
    Recorder,
    Recording,
    Scsynth,
    bright_saw,
    rms_envelope,
    spectral_centroid,
    wait_until,
)

NODE = 1000


def _heard_after_settling(recorder: Recorder) -> Recording:
    recorder.record(0.15)  # the change itself is left out
    return recorder.record(0.3)


@pytest.mark.peer("jackd", "scsynth")
def test_brightness_moves_the_spectral_centroid_of_scsynth(jack_server: JackServer, scsynth: Scsynth) -> None:
    scsynth.play(bright_saw(), NODE)
    centroids = []
    with Recorder(jack_server, scsynth.outputs) as recorder:
        for brightness in (0.0, 0.5, 1.0):
            scsynth.set(NODE, brightness=brightness)
            heard = _heard_after_settling(recorder)
            centroids.append(float(spectral_centroid(heard.mono, heard.rate).mean()))
    dark, middle, bright = centroids
    assert 50.0 < dark < middle / 1.5
    assert middle < bright / 1.5


@pytest.mark.peer("jackd", "scsynth")
def test_gain_moves_the_level_of_scsynth(jack_server: JackServer, scsynth: Scsynth) -> None:
    scsynth.play(bright_saw(), NODE)
    levels = []
    with Recorder(jack_server, scsynth.outputs) as recorder:
        for gain in (0.0, 0.1, 0.4):
            scsynth.set(NODE, gain=gain)
            heard = _heard_after_settling(recorder)
            levels.append(float(rms_envelope(heard.mono, heard.rate).mean()))
    silent, soft, loud = levels
    assert silent == pytest.approx(0.0, abs=1e-6)
    assert loud / soft == pytest.approx(4.0, rel=0.1)  # gain is linear


@pytest.mark.peer("jackd", "scsynth")
def test_scsynth_holds_what_it_was_told_and_refuses_what_it_has_not(scsynth: Scsynth) -> None:
    scsynth.play(bright_saw(), NODE)
    scsynth.set(NODE, brightness=0.25)
    wait_until(lambda: scsynth.get(NODE, "brightness") == 0.25, "brightness to arrive")
    with pytest.raises(PeerError, match="4242"):
        scsynth.get(4242, "brightness")


@pytest.mark.peer("jackd", "puredata")
def test_pure_data_follows_osc_by_its_own_parser(jack_server: JackServer, pure_data: PureData) -> None:
    client = SimpleUDPClient("127.0.0.1", pure_data.port)
    with client, Recorder(jack_server, pure_data.outputs) as recorder:
        client.send_message("/choreo/gain", 0.5)
        heard = []
        for brightness in (0.1, 1.0):
            client.send_message("/choreo/brightness", brightness)
            heard.append(_heard_after_settling(recorder))
    dark, bright = (float(spectral_centroid(one.mono, one.rate).mean()) for one in heard)
    assert bright > 1.5 * dark
    assert "gain: 0.5" in pure_data.output()


@pytest.mark.peer("oscdump")
def test_oscdump_shows_address_types_and_values(osc_dump: OscDump) -> None:
    client = SimpleUDPClient("127.0.0.1", osc_dump.port)
    with client:
        client.send_message("/choreo/tension", 0.25)
        client.send_message("/choreo/controls", [0.5, 0.25, 1.0])
        client.send_message("/choreo/panic", [])
    osc_dump.wait_for("/choreo/panic")
    one, many, none = osc_dump.messages()
    assert (one.address, one.types, one.floats) == ("/choreo/tension", "f", (0.25,))
    assert (many.types, many.floats) == ("fff", (0.5, 0.25, 1.0))
    assert none.arguments == ()
    assert osc_dump.messages("/choreo/tension") == [one]
