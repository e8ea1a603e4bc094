"""systemd hears that the show is ready, alive by its ticks, and ending; without systemd nothing happens."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from choreo_service.clock import MS, NS
from choreo_service.notify import Notifier

PERIOD = 20 * MS


@pytest.fixture
def systemd() -> Iterator[tuple[socket.socket, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear,
    ):
        path = str(Path(folder) / "notify")
        ear.bind(path)
        ear.setblocking(False)
        yield ear, path


def heard(ear: socket.socket) -> list[str]:
    out = []
    try:
        while True:
            out.append(ear.recv(100).decode())
    except BlockingIOError:
        return out


def notifying(environ: Mapping[str, str]) -> closing[Notifier]:
    return closing(Notifier(environ))


def play(notifier: Notifier, seconds: float, since_s: float = 0.0) -> None:
    first = round(since_s * NS / PERIOD) + 1
    for k in range(first, first + round(seconds * NS / PERIOD)):
        notifier.alive(NS + k * PERIOD)


def test_ready_ticks_and_the_end_are_told(systemd: tuple[socket.socket, str]) -> None:
    ear, path = systemd
    with notifying({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}) as notifier:
        notifier.ready()
        said = heard(ear)
        for second in range(10):
            play(notifier, 1.0, since_s=second)
            said += heard(ear)  # a socket of systemd queues about ten
        notifier.stopping()
        said += heard(ear)
        assert (said[0], said[-1]) == ("READY=1", "STOPPING=1")
        assert said[1:-1] == ["WATCHDOG=1"] * 20  # four pings within each of the two seconds systemd waits


def test_a_tick_that_stops_is_silence(systemd: tuple[socket.socket, str]) -> None:
    ear, path = systemd
    with notifying({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"}) as notifier:
        play(notifier, 1.0)
        heard(ear)
        assert heard(ear) == []


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "/no/such/socket", "WATCHDOG_USEC": "2000000"},
        {"NOTIFY_SOCKET": "@nobody-listens-here", "WATCHDOG_USEC": "soon"},
    ],
)
def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    with notifying(environ) as notifier:
        notifier.ready()
        play(notifier, 1.0)


def test_a_systemd_that_went_away_or_reads_nothing_does_not_stop_the_tick(systemd: tuple[socket.socket, str]) -> None:
    ear, path = systemd
    with notifying({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "40000"}) as notifier:
        play(notifier, 60.0)  # more than its queue holds
        full = len(heard(ear))
        assert 0 < full < 3000
        ear.close()
        play(notifier, 1.0)
