"""Progress is a bar on a terminal and a few plain lines elsewhere."""

from __future__ import annotations

import io

import pytest

from choreo_pipelines.training.progress import BarProgress, LineProgress, open_progress
from choreo_service.clock import NS, VirtualClock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def lines(steps: int, first: int = 0) -> list[str]:
    """What a pipe gets of a run of `steps` steps, half a second each, validated at every fifth."""
    stream, clock = io.StringIO(), VirtualClock()
    progress = open_progress("rps", stream, clock)
    progress.begin(first, steps)
    for step in range(first + 1, steps + 1):
        clock.advance(NS // 2)
        if step % 5 == 0:
            progress.validated(step, {"nmse": 0.25})
        progress.step(step, 1.0 / step)
    progress.end()
    text = stream.getvalue()
    assert text.replace("\n", "").isprintable()
    return text.splitlines()


def test_a_pipe_gets_about_ten_plain_lines() -> None:
    said = lines(1000)
    assert len(said) == 11
    assert said[0] == "rps: 1000 steps"
    assert said[1] == "rps: step 100 of 1000, loss 0.01, nmse 0.25, 2 steps/s, 450 s left"
    assert said[-1] == "rps: step 1000 of 1000, loss 0.001, nmse 0.25, 2 steps/s, 0 s left"


def test_a_short_run_gets_a_line_per_step() -> None:
    assert len(lines(3)) == 4


def test_a_resumed_run_says_so_and_measures_its_own_rate() -> None:
    said = lines(1000, first=550)
    assert said[0] == "rps: 1000 steps, 550 of them done before"
    assert said[1] == "rps: step 600 of 1000, loss 0.001667, nmse 0.25, 2 steps/s, 200 s left"
    assert len(said) == 6


def test_a_terminal_gets_a_bar_with_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    stream = Terminal()
    progress = open_progress("rps", stream)
    assert isinstance(progress, BarProgress)
    progress.begin(10, 40)
    progress.validated(20, {"nmse[x]": 0.25})
    progress.step(20, 0.125)
    progress.end()
    text = stream.getvalue()
    assert "\x1b[" in text
    for shown in ("rps", "20/40", "loss 0.125", "nmse[x] 0.25"):
        assert shown in text


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_progress("rps", Terminal()), LineProgress)
