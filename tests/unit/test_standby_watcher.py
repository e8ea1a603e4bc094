"""The watcher lets one engine play and another take over, and knows when a show is over, when to wait and when to kill.

Its engines are programs of a few lines that beat, fall, hang or end as they are told, and write down what they were
told themselves.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rig.process import wait_until

from choreo_service.clock import NS, MonotonicClock
from choreo_service.errors import ChoreoError
from choreo_service.standby import watcher as module
from choreo_service.standby.watcher import Watcher, watch

# argv: the book, then what the engine does when its turn comes after so many falls; the last one holds for all others.
ENGINE = """
import json, os, select, signal, socket, sys, time
from choreo_service.standby.channel import VARIABLE, Channel
from choreo_service.standby.mirror import Mirror

channel, memory, place = os.environ[VARIABLE].split()
channel, mirror = Channel(socket.socket(fileno=int(channel))), Mirror(int(memory))
book, *deeds = sys.argv[1:]

def write(**facts):
    with open(book, "a") as file:
        file.write(json.dumps({"pid": os.getpid(), "place": place, **facts}) + "\\n")

def hear():
    while True:
        select.select([channel], [], [], 0.005)
        yield from channel.receive() or [None]
        if beating:
            mirror.beat()

beating, left = False, mirror.read()
if deeds[0] == "refuse":
    sys.exit(2)
channel.send("warm")
for message in hear():
    if message is None:
        continue
    write(heard=message.what, **message.facts)
    if message.what == "reload":
        channel.send("reread")
    if message.what == "end":
        channel.send("ending")
        sys.exit(0)
    if message.what != "go":
        continue
    deed = deeds[min(message.facts["takeovers"], len(deeds) - 1)]
    mirror.beat()
    left = mirror.read()
    mirror.write(b"state of %d" % os.getpid())
    write(played=deed, left=left and left[0].decode(), fds=len(message.fds))
    if not message.facts["takeovers"]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            channel.send("keep", [udp.fileno()], key="udp", pid=0)
    if deed == "fall":
        os.kill(os.getpid(), signal.SIGKILL)
    elif deed == "hang":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif deed == "raise":
        sys.exit(70)
    elif deed == "end":
        channel.send("ending")
        sys.exit(7)
    beating = True
"""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stalls a process for a while fells no engine, and lets none look healthy."""
    monkeypatch.setattr(module, "HANG_NS", 60 * NS)
    monkeypatch.setattr(module, "HEALTHY_NS", 600 * NS)


class Show:
    """A watcher with such engines, and what these wrote down."""

    def __init__(self, folder: Path, *deeds: str, environ: Mapping[str, str] = os.environ) -> None:
        self.book = folder / "book"
        self.book.touch()
        argv = [sys.executable, "-c", ENGINE, str(self.book), *deeds]
        self.watcher = Watcher(argv, environ, MonotonicClock())

    def run(self) -> int:
        return self.watcher.run()

    def played(self) -> list[dict[str, Any]]:
        return [entry for entry in self._entries() if "played" in entry]

    def heard(self, what: str) -> list[dict[str, Any]]:
        return [entry for entry in self._entries() if entry.get("heard") == what]

    def _entries(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.book.read_text().splitlines()]


def test_an_engine_that_is_killed_is_followed_by_the_one_that_stood_by(tmp_path: Path) -> None:
    show = Show(tmp_path, "fall", "end")
    assert show.run() == 7
    first, second = show.played()
    assert (first["place"], second["place"]) == ("first", "spare")
    assert second["left"] == f"state of {first['pid']}"
    assert (first["fds"], second["fds"]) == (0, 1)  # the socket outlived its engine
    told = show.heard("go")[1]
    assert (told["takeovers"], told["cause"], told["kept"]) == (1, "killed by SIGKILL", [["udp", 1, 0]])


def test_one_that_hangs_is_killed_before_the_other_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HANG_NS", NS // 4)
    show = Show(tmp_path, "hang", "end")
    assert show.run() == 7
    first, second = show.played()
    assert show.heard("go")[1]["cause"] == "hung"
    with pytest.raises(ProcessLookupError):
        os.kill(first["pid"], 0)
    assert second["left"] == f"state of {first['pid']}"


def test_one_that_ends_by_an_error_is_followed_too(tmp_path: Path) -> None:
    show = Show(tmp_path, "raise", "end")
    assert show.run() == 7
    assert show.heard("go")[1]["cause"] == "ended with exit code 70"


def test_engines_that_fall_one_after_the_other_are_let_play_ever_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.0, 0.0, 0.2, 0.4, 0.8))
    falls = 5
    show = Show(tmp_path, *["fall"] * falls, "end")
    began_ns = MonotonicClock().now_ns()
    assert show.run() == 7
    waited_s = (MonotonicClock().now_ns() - began_ns) / NS
    assert len(show.played()) == falls + 1
    assert waited_s >= sum(module.BACKOFF_S[:falls])
    assert [told["trusted"] for told in show.heard("go")] == [True, True, True, False, False, False]


def test_what_the_first_engine_cannot_start_with_ends_the_show_with_its_code(tmp_path: Path) -> None:
    show = Show(tmp_path, "refuse")
    assert show.run() == 2
    assert show.played() == []


def _until_played(show: Show, count: int) -> None:
    wait_until(lambda: len(show.played()) == count, f"{count} engines that played", timeout_s=30)


def test_an_asked_for_end_is_the_engine_s_own_and_nobody_follows(tmp_path: Path) -> None:
    show = Show(tmp_path, "play")
    codes: list[int] = []
    running = threading.Thread(target=lambda: codes.append(show.run()))
    running.start()
    _until_played(show, 1)
    show.watcher.ask_end()
    running.join(30)
    assert codes == [0]
    assert len(show.played()) == len(show.heard("end")) == 1


def test_a_new_configuration_is_read_by_both(tmp_path: Path) -> None:
    show = Show(tmp_path, "play")
    codes: list[int] = []
    running = threading.Thread(target=lambda: codes.append(show.run()))
    running.start()
    _until_played(show, 1)
    wait_until(lambda: any(h["state"] == "warm" for h in show.heard("spare")), "a spare", timeout_s=30)
    show.watcher.ask_reload()
    wait_until(lambda: sum(h["state"] == "warm" for h in show.heard("spare")) == 2, "another spare", timeout_s=30)
    assert len(show.heard("reload")) == 1
    os.kill(show.played()[0]["pid"], signal.SIGKILL)
    _until_played(show, 2)
    show.watcher.ask_end()
    running.join(30)
    assert codes == [0]


def test_systemd_hears_of_the_show_and_not_of_its_engines(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        codes: list[int] = []
        show = Show(tmp_path, "fall", "end", environ=environ)
        running = threading.Thread(target=lambda: codes.append(show.run()))
        running.start()
        heard = [systemd.recv(100).decode()]
        while heard[-1] != "STOPPING=1":
            heard.append(systemd.recv(100).decode())
        running.join(60)
    assert codes == [7]
    assert heard.count("READY=1") == heard.count("STOPPING=1") == 1
    assert set(heard) == {"READY=1", "WATCHDOG=1", "STOPPING=1"}


def test_windows_is_told_what_to_do_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(os, "name", "nt")
        with pytest.raises(ChoreoError) as refused:
            watch(["run", "--standby"])
    assert "Windows" in refused.value.problem
    assert "leave --standby out" in refused.value.fix
