"""A real service without a terminal: SIGHUP is another configuration, not the end, and nobody hears a gap."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

pytestmark = pytest.mark.slow

TICK_S = 0.02
LISTEN_S = 4.0
PATIENCE_S = 60.0  # a busy machine may take its time
MOST = 1 / 2  # of the time that reading takes, by which the longest gap may be longer than it is without a reload
DENSITY = "  min: 0\n  max: 1\n  cc: 21\n"  # of the control map that comes with choreo

SCENES = 60  # so that reading takes far longer than a busy machine stalls


class Show:
    """`choreo demo` as a service manager starts it; every tick sends, as each control is repeated every 20 ms."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.ear.bind(("127.0.0.1", 0))
        self.ear.settimeout(30)
        options = [f"bridges.synth.port={self.ear.getsockname()[1]}", "bridges.midi=null", "dashboard.port=0"]
        options += ["output.refresh_s=0.02", "output.exit_ease_s=0.1"]
        argv = [sys.executable, "-m", "choreo_service", "demo", "--headless", "--home", str(home)]
        argv += [part for option in options for part in ("-o", option)]
        self.told_s = 0.0  # when the log was seen to say what was waited for
        self.log, quiet = home / "log", subprocess.DEVNULL
        with self.log.open("w") as log:
            self.process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=log)
        self.hear(1.0)

    def hear(self, seconds: float, until: str = "") -> tuple[float, dict[str, list[float]]]:
        """The longest silence, in ticks, and the values of each control: for `seconds`, after `until` was logged."""
        times, values = list[float](), dict[str, list[float]]()
        self.ear.recv(512)
        end, latest = monotonic() + seconds, monotonic() + PATIENCE_S
        while (now := monotonic()) < end:
            data = self.ear.recv(512)
            times.append(now)
            if until and now < latest:
                end = now + seconds
                if f'"{until}"' in self.log.read_text():
                    until, self.told_s = "", now
            name = data.split(b"\0")[0].decode().rpartition("/")[2]
            values.setdefault(name, []).append(struct.unpack(">f", data[-4:])[0])
        return max(b - a for a, b in itertools.pairwise(times)) / TICK_S, values

    def hang_up_while_heard(self, until: str) -> tuple[float, float, dict[str, list[float]]]:
        """The longest silence and how long reading took, in ticks, and the values."""
        asked_s = list[float]()

        def hang_up() -> None:
            asked_s.append(monotonic())
            self.process.send_signal(signal.SIGHUP)

        hangs_up = threading.Timer(LISTEN_S / 4, hang_up)
        hangs_up.start()
        longest, values = self.hear(LISTEN_S, until)
        hangs_up.join()
        return longest, (self.told_s - asked_s[0]) / TICK_S, values

    def end(self) -> list[dict[str, object]]:
        """What it logged, after an orderly end."""
        self.process.terminate()
        assert self.process.wait(timeout=30) == 0
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


@pytest.fixture
def show(tmp_path: Path, repo_root: Path) -> Iterator[Show]:
    shutil.copytree(repo_root / "configs", tmp_path / "configs")
    (tmp_path / "checkpoints").symlink_to(repo_root / "checkpoints")
    for number in range(SCENES):
        shutil.copy(tmp_path / "configs/scenes/calm.yaml", tmp_path / f"configs/scenes/calm_{number}.yaml")
    running = Show(tmp_path)
    yield running
    running.process.kill()
    running.process.wait()
    running.ear.close()


def test_a_hang_up_reloads_without_a_gap(show: Show) -> None:
    undisturbed, _ = show.hear(LISTEN_S)
    path = show.home / "configs" / "control_map.yaml"
    before = path.read_text()
    assert DENSITY in before
    path.write_text(before.replace(DENSITY, DENSITY.replace("max: 1", "max: 3")))
    reloaded, reading, values = show.hang_up_while_heard(until="config.reloaded")
    path.write_text("density: {max: -5.0}\n")
    refused, refusing, _ = show.hang_up_while_heard(until="config.refused")
    log = show.end()
    print(f"longest gap in ticks: {undisturbed:.1f} undisturbed, {reloaded:.1f} reloaded, {refused:.1f} refused")
    print(f"reading took {reading:.1f} ticks, {refusing:.1f} where it was refused")
    said = {str(line["event"]): line for line in log if str(line["event"]).startswith("config.")}
    assert list(said) == ["config.reloaded", "config.refused"]
    assert "control_map.density.max" in said["config.reloaded"]["changed"]  # type: ignore[operator]
    assert "density" in str(said["config.refused"]["reason"])
    assert max(values["density"][-50:]) > 1.0  # the new range is heard
    assert reloaded <= undisturbed + MOST * reading
    assert refused <= undisturbed + MOST * refusing
