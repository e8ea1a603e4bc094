"""Accents on a real JACK MIDI port: every hit is one note with its end, and the port of the controls carries none."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pytest
from rig import Choreo, JackServer, MidiSink, Phone, free_udp_port, wait_until

pytestmark = [pytest.mark.peer("jackd"), pytest.mark.slow]

RATE: Final = 100.0
REST: Final = (0.0, 0.0, 9.80665)
HITS: Final = 5


def test_each_hit_is_a_note_that_ends_on_a_port_of_its_own(jack_server: JackServer, tmp_path: Path) -> None:
    phone_port = free_udp_port()
    settings = {
        "sensors": {"phone": {"type": "osc_motion", "port": phone_port}},
        "bridges": {
            "bars": None,
            "synth": None,
            "midi": {"type": "midi_cc", "api": "jack"},
            "notes": {"type": "midi_notes", "enabled": True, "api": "jack", "note": 40, "channel": 3},
        },
        "output": {"exit_ease_s": 0.2},
    }
    choreo = Choreo(tmp_path, settings, osc_port=phone_port, server=jack_server, midi_client="choreo")
    with MidiSink(jack_server, "controls") as controls, MidiSink(jack_server, "notes") as notes, choreo:
        wait_until(lambda: jack_server.find_port("choreo notes:") is not None, "the port of the notes")
        jack_server.connect(str(choreo.midi_out), controls.midi_in)
        jack_server.connect(str(jack_server.find_port("choreo notes:")), notes.midi_in)
        phone = Phone(phone_port)
        phone.play(np.tile(REST, (100, 1)), RATE)
        for _ in range(HITS):
            phone.play(np.array([(0.0, 0.0, 50.0), *[REST] * 39]), RATE)
        wait_until(lambda: notes.state().count >= 2 * HITS, "every note and its end")
        wait_until(lambda: len(controls.state().cc) == 5, "five controls")
        statuses = [event[0] for event in notes.state().events]
        assert statuses == [0x92, 0x82] * HITS
        assert {event[1] for event in notes.state().events} == {40}
        assert all(event[2] > 60 for event in notes.state().events[::2])  # hard, also beside those before
        assert {event[0] for event in controls.state().events} == {0xB0}
