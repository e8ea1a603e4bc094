"""MIDI under `choreo run --standby`: an engine dies, its port and what is connected to it don't, and it plays on."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from rig import JackServer, MidiSink, wait_until
from rig.choreo import Choreo
from rig.service_log import log_events

pytestmark = [pytest.mark.peer("jackd"), pytest.mark.slow]

PATIENCE_S = 60.0
CLIENT = "choreo-standby"


def _helpers() -> set[int]:
    """The MIDI helpers of this client: an engine's death makes them somebody else's children."""
    commands = {p.pid: " ".join(p.info["cmdline"] or ()) for p in psutil.process_iter(["cmdline"])}
    return {pid for pid, command in commands.items() if CLIENT in command and "midi_cc" in command}


def _engines(watcher: int) -> list[psutil.Process]:
    return sorted(psutil.Process(watcher).children(), key=lambda process: process.create_time())


def test_the_port_and_its_connection_outlive_the_engine(tmp_path: Path) -> None:
    settings = {
        "sensors": {"phone": None, "dancer": {"type": "synthetic"}},
        "bridges": {"bars": None, "synth": None, "midi": {"type": "midi_cc", "api": "jack", "client_name": CLIENT}},
        "doors": {"osc": None},
        "dashboard": {"port": 0},
    }
    with JackServer() as server, MidiSink(server) as sink:
        choreo = Choreo(tmp_path, settings, server=server, midi_client=CLIENT)
        choreo.argv = (*choreo.argv[:4], "--standby", *choreo.argv[4:])
        choreo.start(PATIENCE_S)
        try:
            port = choreo.midi_out
            assert port is not None
            server.connect(port, sink.midi_in)  # by hand: nobody makes this connection again
            wait_until(lambda: sink.state().count > 0, "MIDI at the sink", PATIENCE_S)
            wait_until(lambda: bool(log_events(choreo, event="standby.warm")), "a spare", PATIENCE_S)
            helpers = _helpers()
            os.kill(_engines(choreo.pid)[0].pid, signal.SIGKILL)
            wait_until(lambda: bool(log_events(choreo, event="standby.took_over")), "a take-over", PATIENCE_S)
            before = sink.state().count
            wait_until(lambda: sink.state().count > before + 50, "more MIDI at the sink", PATIENCE_S)
            assert choreo.midi_out == port
            assert _helpers() == helpers
            assert len(helpers) == 1
        finally:
            choreo.stop()
        wait_until(lambda: not _helpers(), "the helper's end", PATIENCE_S)
        assert server.find_port(f"{CLIENT}:") is None
