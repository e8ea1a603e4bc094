"""However a person ends the service, the receivers are left where they should be and nobody sees a traceback."""

from __future__ import annotations

import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator

import pytest

from choreo_service.packets import CONTROLS

EASE_S = 0.4


class Show:
    """`choreo demo` at a terminal, with its OSC sent to a socket of ours."""

    def __init__(self, ease_s: float) -> None:
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind(("127.0.0.1", 0))
        self.ear.settimeout(30)
        port = self.ear.getsockname()[1]
        argv = [sys.executable, "-m", "choreo_service", "demo", "--headless"]
        argv += ["-o", f"bridges.synth.port={port}", "-o", "bridges.midi=null", "-o", f"output.exit_ease_s={ease_s}"]
        self._keys, terminal = os.openpty()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=terminal, stdout=pipe, stderr=pipe, text=True)
        os.close(terminal)
        for _ in range(50):  # it plays
            self.ear.recv(512)

    def end(self) -> tuple[int, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out + err

    def last_values(self) -> dict[str, float]:
        """The last value of each control that is still in the socket."""
        self.ear.setblocking(False)
        values: dict[str, float] = {}
        while True:
            try:
                data = self.ear.recv(512)
            except BlockingIOError:
                return values
            name = data.split(b"\0")[0].decode().rpartition("/")[2]
            values[name] = struct.unpack(">f", data[-4:])[0]

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.ear.close()
        os.close(self._keys)


@pytest.fixture
def show(request: pytest.FixtureRequest) -> Iterator[Show]:
    running = Show(request.param)
    yield running
    running.close()


@pytest.mark.parametrize("show", [EASE_S], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda n: n.name)
def test_one_signal_eases_to_neutral(show: Show, number: signal.Signals) -> None:
    show.process.send_signal(number)
    code, said = show.end()
    assert code == 0
    assert f"easing to neutral ({EASE_S:g} s)" in said
    assert "Traceback" not in said
    values = show.last_values()
    tempo = values.pop("tempo_scale")
    assert tempo == pytest.approx(1.0, abs=1e-6)
    assert values == pytest.approx({n: CONTROLS[n].neutral for n in values}, abs=1e-6)
    assert len(values) == 4


@pytest.mark.parametrize("show", [20], indirect=True)
def test_a_second_signal_stops_at_once_at_the_safe_values(show: Show) -> None:
    show.process.send_signal(signal.SIGINT)
    for _ in range(20):  # the ease has begun
        show.ear.recv(512)
    show.process.send_signal(signal.SIGINT)
    code, said = show.end()
    assert code == 130
    assert "stopped at once" in said
    assert "ticks " in said  # the summary comes all the same
    assert "Traceback" not in said
    values = show.last_values()
    values.pop("tempo_scale")
    assert values == pytest.approx({n: CONTROLS[n].safe for n in values}, abs=1e-6)
    assert len(values) == 4
