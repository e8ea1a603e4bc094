"""How the rig starts, disturbs and ends programs, shown with the shell."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from rig import PeerError, Process, process, wait_until


class Shell(Process):
    """A shell that is ready once it has printed `ready`."""

    def __init__(self, script: str) -> None:
        super().__init__(("sh", "-c", script))

    def is_ready(self) -> bool:
        return "ready" in self.output()


def test_a_program_that_ends_at_once_shows_what_it_printed() -> None:
    with pytest.raises(PeerError, match=r"sh ended at once with 3\nno sound card"):
        Shell("echo no sound card; exit 3").start()


def test_a_program_that_never_answers_is_ended() -> None:
    silent = Shell("exec sleep 60")
    with pytest.raises(PeerError, match="sh ready: not within"):
        silent.start(timeout_s=0.1)
    assert not silent.alive


def test_stop_asks_and_its_output_survives() -> None:
    polite = Shell("trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    polite.start()
    assert polite.stop() == 7
    assert polite.output() == "ready\nbye\n"
    assert polite.stop() == 7


def test_stop_ends_a_program_that_does_not_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "STOP_S", 0.1)
    deaf = Shell("trap '' TERM; echo ready; while :; do sleep 0.01; done")
    deaf.start()
    assert deaf.stop() == -signal.SIGKILL


def test_a_paused_program_does_nothing_until_resumed_and_can_be_stopped() -> None:
    with Shell("echo ready; while :; do echo tick; sleep 0.01; done") as ticking:
        ticking.pause()
        wait_until(lambda: _state(ticking) == "T", "the shell to stand still")
        heard = ticking.output()
        assert ticking.output() == heard
        ticking.resume()
        wait_until(lambda: len(ticking.output()) > len(heard), "the shell to go on")
        ticking.pause()
    assert not ticking.alive


def _state(program: Process) -> str:
    """The kernel's letter for what the process is doing; T is stopped by a signal."""
    return Path(f"/proc/{program.pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
