"""A private JACK server on the dummy driver: audio and MIDI between programs, no sound card."""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

from rig.process import PeerError, Process, wait_until

SAMPLE_RATE: Final = 48_000
REALTIME_PERIOD: Final = 256  # frames; 5.3 ms
PLAIN_PERIOD: Final = 1024  # without real-time scheduling smaller periods overrun on a loaded machine

NAMES: Final = tuple(f"choreo-rig-{number}" for number in range(6))


class JackServer(Process):
    """jackd under a name of its own, so that parallel runs never meet. Programs that join it are built after `start()`.

    Names are reused: JACK's registry holds eight servers per machine and frees the place of a killed one only when its
    name is taken again. `-p 64` keeps it within a container's 64 MB of shared memory; `--no-mlock` because the limit of
    locked memory is small. Never `--sync`: with overruns its clock diverges.
    """

    def __init__(self, period: int | None = None, realtime: bool | None = None) -> None:
        self.realtime = realtime_permitted() if realtime is None else realtime
        self.period = period or (REALTIME_PERIOD if self.realtime else PLAIN_PERIOD)
        self.sample_rate = SAMPLE_RATE
        self.server = ""  # its name, once started
        scheduling = ("--realtime", "-P", "60") if self.realtime else ("--no-realtime",)
        driver = ("-d", "dummy", "--rate", str(SAMPLE_RATE), "--period", str(self.period))
        self._options = ("--no-mlock", *scheduling, "-p", "64", *driver, "--capture", "2", "--playback", "2")
        self._name_lock: int | None = None
        super().__init__(("jackd",))

    def start(self, timeout_s: float = 10.0) -> Self:
        """Start under the first free name, ours until `stop()`; after a kill it starts under the same one."""
        if self._name_lock is not None:
            return super().start(timeout_s)
        for name in NAMES:
            self._name_lock = _lock(name)
            if self._name_lock is None:
                continue
            self.server, self.argv, self.env = name, ("jackd", "--name", name, *self._options), jack_env(name)
            try:
                return super().start(timeout_s)
            except PeerError as error:  # start() has stopped what it started, and stop() gave the name back
                if "already active" not in str(error):
                    raise
        raise PeerError(f"no free JACK server among {NAMES}: are older test runs still going?")

    def stop(self) -> int | None:
        status = super().stop()
        if self._name_lock is not None:
            os.close(self._name_lock)
            self._name_lock = None
        return status

    def is_ready(self) -> bool:
        return "system:playback_1" in self.ports()

    def ports(self) -> list[str]:
        """Full names of all ports, such as `fluidmidi:midi_00`; empty while the server doesn't answer."""
        return self._tool("jack_lsp").stdout.splitlines()  # a name may hold spaces

    def has_ports(self, *names: str) -> bool:
        return set(names) <= set(self.ports())

    def find_port(self, prefix: str) -> str | None:
        """The first port whose name begins with `prefix`; JACK clients choose some names themselves."""
        return next((port for port in self.ports() if port.startswith(prefix)), None)

    def connect(self, source: str, target: str, timeout_s: float = 5.0) -> None:
        """Connect two ports, waiting for both to exist; PeerError when JACK refuses."""
        wait_until(lambda: self.has_ports(source, target), f"ports {source} and {target}", timeout_s)
        result = self._tool("jack_connect", source, target)
        if result.returncode:
            raise PeerError(f"jack_connect {source} {target}: {result.stdout}{result.stderr}")

    def _tool(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = (command, "-s", self.env["JACK_DEFAULT_SERVER"], *arguments)
        return subprocess.run(argv, env=self.env, capture_output=True, text=True, timeout=10, check=False)


def jack_env(server: str) -> dict[str, str]:
    """The environment in which a program finds the JACK server called `server` and never starts one of its own."""
    return {
        **os.environ,
        "JACK_DEFAULT_SERVER": server,
        "JACK_NO_START_SERVER": "1",
        "JACK_NO_AUDIO_RESERVATION": "1",
    }


def realtime_permitted() -> bool:
    """Whether this user may run real-time threads; found by asking for one and giving it back."""
    before, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(60))
    except PermissionError:
        return False
    os.sched_setscheduler(0, before, parameters)
    return True


def _lock(name: str) -> int | None:
    """A file descriptor that keeps `name` for this process, however it ends; None while another has it."""
    lock = os.open(Path(tempfile.gettempdir()) / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    return lock
