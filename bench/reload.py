"""What reading configuration and checkpoints again costs the tick: the same service, ten seconds left alone, then ten
reloads one after the other, each of which puts in other models and another control map, and again. On a machine with
nothing else to do, and beside programs that only compute, which both kinds of window have to bear."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.page import free_tcp_port
from bench.surroundings import hogs
from choreo_models.checkpoint import load_checkpoint, save_checkpoint
from choreo_service.config.locate import shipped_homes
from choreo_service.config.yaml_source import read_yaml

WINDOW_S: Final = 10.0  # what the service's own `recent` figures look back on
RELOADS: Final = 10  # in a window of the second kind
POLL_S: Final = 0.1
PRIORITY: Final = 20  # of the systemd unit
HOGS: Final = (0, 4)


def reload(rounds: int) -> None:
    """Print lateness and missing ticks per condition: without priority and with that of the systemd unit, without and
    with programs that only compute. `load` is the system's average of a minute at the end of the windows."""
    with tempfile.TemporaryDirectory() as folder:
        home = _workspace(Path(folder))
        if home is None:
            print("\nReload: no checkpoints came with choreo, nothing to swap")
            return
        print(f"\nReloads that swap models, ms: windows of {WINDOW_S:g} s or as long as the reloads take, alternating")
        print(f"{'':44}{'late p50':>9}{'p99':>8}{'max':>8}{'ticks missing':>16}{'load':>7}")
        for count, fifo in itertools.product(HOGS, (False, True)):
            print(f"beside {count} programs that only compute")
            with hogs(count):
                _run(home, rounds, fifo=fifo)


def _run(home: Path, rounds: int, *, fifo: bool) -> None:
    service = _Service(home, fifo=fifo)
    rows: dict[str, list[Mapping[str, Any]]] = {"left alone": [], f"{RELOADS} reloads": []}
    for _ in range(rounds):
        for name, reloads in zip(rows, (0, RELOADS), strict=True):
            rows[name].append(service.window(reloads))
    said = service.end()
    for kind, found in rows.items():
        name = f"{kind}, {'real-time' if fifo else 'no'} priority"
        late = "".join(f"{median(one['late'][key] for one in found):{w}.2f}" for key, w in _COLUMNS.items())
        missing, ticks = sum(one["missing"] for one in found), sum(one["ticks"] for one in found)
        load = median(one["load"] for one in found)
        print(f"{f'  {name}':44}{late}{f'{missing} of {ticks}':>16}{load:7.1f}")
    counts = ", ".join(f"{said[event]} {event}" for event in ("config.reloaded", "models.changed", "config.refused"))
    print(f"    {rounds * RELOADS} asked for: {counts}")


_COLUMNS: Final = {"p50": 9, "p99": 8, "max": 8}


class _Service:
    """`choreo demo` in a process of its own, steered by its page's door."""

    def __init__(self, home: Path, *, fifo: bool) -> None:
        self._home, self._turn = home, 0
        self._url = f"http://127.0.0.1:{(port := free_tcp_port())}"
        self._choose()
        options = [f"dashboard.port={port}", "bridges.midi=null", "doors.osc=null", "log.format=json"]
        argv = [sys.executable, "-m", "choreo_service", "demo", "--headless", "--home", str(home)]
        argv += [part for option in options for part in ("-o", option)]
        quiet = subprocess.DEVNULL
        self._log = (home / "log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(argv, stdin=quiet, stdout=quiet, stderr=self._log)
        if fifo:
            _real_time(self._process.pid)
        self._answers()

    def window(self, reloads: int) -> Mapping[str, Any]:
        """At least WINDOW_S, and until each reload, asked for when the one before was done, has put its models in."""
        before, ends = self._state(), time.monotonic() + WINDOW_S
        for _ in range(reloads):
            playing = self._state()["models"]
            self._choose()
            self._ask({"verb": "reload"})
            while self._state()["models"] == playing:
                time.sleep(POLL_S)
        time.sleep(max(0.0, ends - time.monotonic()))
        after = self._state()
        missing = after["skipped"] - before["skipped"]
        ticks = after["ticks"] - before["ticks"] + missing
        return {
            "late": after["recent"]["late_ms"],
            "missing": missing,
            "ticks": ticks,
            "load": os.getloadavg()[0],
        }

    def end(self) -> Counter[str]:
        """How often it logged which event."""
        self._process.terminate()
        self._process.wait()
        with self._log:
            self._log.seek(0)
            return Counter(json.loads(line)["event"] for line in self._log if line.startswith("{"))

    def _choose(self) -> None:
        """The other checkpoints and the other range, for the next start or reload."""
        self._turn += 1
        name = ("ours", "other")[self._turn % 2]
        path = self._home / "configs" / "profiles" / "demo.yaml"
        kept = path.read_text("utf-8").partition("\nengine:")[0]
        path.write_text(f"{kept}\nengine:\n  checkpoints: {name}\n", "utf-8")
        path = self._home / "configs" / "control_map.yaml"
        controls = read_yaml(path).data
        controls["density"]["max"] = 1 + self._turn % 2
        path.write_text(json.dumps(controls), "utf-8")

    def _answers(self) -> None:
        while self._process.poll() is None:
            try:
                self._state()
            except OSError:
                time.sleep(0.2)
            else:
                time.sleep(3.0)  # past the start
                return
        raise SystemExit(f"choreo ended before it began: {(self._home / 'log').read_text()}")

    def _state(self) -> Mapping[str, Any]:
        with urllib.request.urlopen(f"{self._url}/api/state") as answer:
            state: Mapping[str, Any] = json.load(answer)
            return state

    def _ask(self, command: Mapping[str, Any]) -> None:
        body, headers = json.dumps(command).encode(), {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{self._url}/api/command", body, headers)).close()


def _workspace(folder: Path) -> Path | None:
    """A copy of what came with choreo, with a second pair of checkpoints that plays a little differently."""
    shipped = next(home for home in shipped_homes() if (home / "configs" / "default.yaml").is_file())
    if not (shipped / "checkpoints" / "rps.json").is_file():
        return None
    shutil.copytree(shipped / "configs", folder / "configs")
    shutil.rmtree(folder / "configs" / "scenes")  # they would leave the changing control map's ranges
    shutil.copytree(shipped / "checkpoints", folder / "ours")
    rps, mapper = (load_checkpoint(folder / "ours", kind) for kind in ("rps", "mapper"))
    save_checkpoint(folder / "other", rps.weights, rps.card)
    nudged = {name: value * value.dtype.type(1.05) for name, value in mapper.weights.items()}
    save_checkpoint(folder / "other", nudged, {**mapper.card, "run_id": f"{mapper.run_id}-nudged"})
    return folder


def _real_time(pid: int) -> None:
    """As the systemd unit has it: the loop comes first, threads and children get no priority of their own."""
    try:
        os.sched_setscheduler(pid, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except OSError as error:
        sys.stderr.write(f"no real-time priority ({error.strerror}): other programs are measured too\n")
