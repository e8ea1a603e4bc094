"""The rig's JACK server and ears are what the other peer tests rest on, so they are proved first."""

from __future__ import annotations

import numpy as np
import pytest
from rig import Fluidsynth, JackServer, MidiSink, MidiSource, Recorder, rms_envelope, wait_until

pytestmark = pytest.mark.peer("jackd")


def test_two_servers_live_side_by_side(jack_server: JackServer) -> None:
    with JackServer() as other, MidiSink(other, "only-here") as sink:
        assert other.has_ports(sink.midi_in)
        assert not jack_server.has_ports(sink.midi_in)


def test_a_killed_server_is_gone_and_starts_again_under_its_name() -> None:
    server = JackServer().start()
    name = server.server
    server.kill()
    assert not server.alive
    assert server.ports() == []
    with server:
        assert server.server == name
        assert "system:playback_1" in server.ports()


def test_killed_servers_do_not_use_up_the_registry_of_the_machine() -> None:
    """JACK keeps places for eight servers, killed ones included."""
    for _ in range(9):
        server = JackServer().start()
        server.kill()
        server.stop()  # gives its name back


def test_sink_keeps_the_last_value_of_each_controller(jack_server: JackServer, midi_sink: MidiSink) -> None:
    with MidiSource(jack_server) as keys:
        jack_server.connect(keys.midi_out, midi_sink.midi_in)
        keys.cc(20, 10)
        keys.cc(21, 64, channel=2)
        keys.cc(20, 99)
        midi_sink.wait_for_cc(20, 99)
    state = midi_sink.state()
    assert state.count == 3
    assert state.cc == {(1, 20): 99, (2, 21): 64}
    assert state.events[0] == (0xB0, 20, 10)


def test_a_restarted_sink_has_forgotten_everything() -> None:
    with JackServer() as server, MidiSink(server) as midi_sink, MidiSource(server) as keys:
        server.connect(keys.midi_out, midi_sink.midi_in)
        keys.cc(20, 10)
        midi_sink.wait_for_cc(20, 10)
        midi_sink.kill()
        wait_until(lambda: not server.has_ports(midi_sink.midi_in), "the killed sink's port to vanish")
        midi_sink.start()
        assert midi_sink.state().count == 0
        server.connect(keys.midi_out, midi_sink.midi_in)
        keys.cc(20, 77)
        midi_sink.wait_for_cc(20, 77)


def test_recorder_hears_silence_as_silence_with_a_time_for_every_block(jack_server: JackServer) -> None:
    with Recorder(jack_server, ["system:capture_1", "system:capture_2"]) as recorder:
        heard = recorder.record(0.3)
    assert heard.samples.shape[1] == 2
    assert len(heard.samples) >= 0.3 * heard.rate
    assert not heard.samples.any()
    assert len(heard.block_ns) == len(heard.block_start) == len(heard.samples) // jack_server.period
    assert np.all(np.diff(heard.block_ns) > 0)


@pytest.mark.peer("fluidsynth")
def test_volume_controller_changes_the_level_of_fluidsynth(jack_server: JackServer, fluidsynth: Fluidsynth) -> None:
    fluidsynth.hold_organ()
    with MidiSource(jack_server) as keys, Recorder(jack_server, fluidsynth.outputs) as recorder:
        jack_server.connect(keys.midi_out, fluidsynth.midi_in)
        levels = []
        for volume in (20, 110, 20):
            keys.cc(7, volume)
            recorder.record(0.2)  # the change itself is left out
            heard = recorder.record(0.4)
            levels.append(float(rms_envelope(heard.mono, heard.rate, 0.1).mean()))
    quiet, loud, quiet_again = levels
    assert quiet > 0.0
    assert loud > 4.0 * quiet
    assert loud > 4.0 * quiet_again
