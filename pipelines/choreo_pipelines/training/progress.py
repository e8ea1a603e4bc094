"""How far a training is: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol, TextIO

from choreo_pipelines.importers.recording import lab_module
from choreo_service.clock import NS, Clock, MonotonicClock

LINES: Final = 10  # of a whole run, where there is no terminal


class Progress(Protocol):
    """Told by the loop what happens; steps are counted as finished steps."""

    def begin(self, first: int, steps: int) -> None:
        """The run has `steps` steps, of which `first` were finished before."""
        ...

    def step(self, step: int, loss: float) -> None: ...

    def validated(self, step: int, metrics: Mapping[str, float]) -> None: ...

    def end(self) -> None:
        """Nothing more will come, finished or not."""
        ...


def open_progress(label: str, stream: TextIO | None = None, clock: Clock | None = None) -> Progress:
    """A bar where `stream` (standard output if not given) is a terminal that can move its cursor, else plain lines."""
    stream = stream or sys.stdout
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return BarProgress(label, stream)
    return LineProgress(label, stream, clock or MonotonicClock())


class LineProgress:
    """About ten lines for the whole run, without control characters: for pipes, log files and CI."""

    def __init__(self, label: str, stream: TextIO, clock: Clock) -> None:
        self._label = label
        self._stream = stream
        self._clock = clock
        self._first = self._steps = self._told = 0
        self._start_ns = 0
        self._loss = float("nan")
        self._metrics: Mapping[str, float] = {}

    def begin(self, first: int, steps: int) -> None:
        self._first, self._steps = first, steps
        self._told = first * LINES // steps
        self._start_ns = self._clock.now_ns()
        self._say(f"{self._label}: {steps} steps" + (f", {first} of them done before" if first else ""))

    def step(self, step: int, loss: float) -> None:
        self._loss = loss
        tenth = step * LINES // self._steps
        if tenth > self._told:
            self._told = tenth
            self._say(self._line(step))

    def validated(self, step: int, metrics: Mapping[str, float]) -> None:
        self._metrics = metrics

    def end(self) -> None:
        self._stream.flush()

    def _line(self, step: int) -> str:
        elapsed_s = (self._clock.now_ns() - self._start_ns) / NS
        rate = (step - self._first) / elapsed_s if elapsed_s > 0 else 0.0
        parts = [f"{self._label}: step {step} of {self._steps}", f"loss {self._loss:.4g}", *_texts(self._metrics)]
        if rate:
            parts.append(f"{rate:.3g} steps/s")
            parts.append(f"{(self._steps - step) / rate:.0f} s left")
        return ", ".join(parts)

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class BarProgress:
    """A live bar: steps, loss, the last validation, rate and time left."""

    def __init__(self, label: str, stream: TextIO) -> None:
        parts = lab_module("rich.progress")
        console = lab_module("rich.console").Console(file=stream, highlight=False)
        self._bar: Any = parts.Progress(
            parts.TextColumn("{task.description}"),
            parts.BarColumn(bar_width=24),
            parts.MofNCompleteColumn(),
            parts.TextColumn("{task.fields[rate]}", markup=False),
            parts.TimeRemainingColumn(),
            parts.TextColumn("{task.fields[facts]}", markup=False),
            console=console,
        )
        self._task = self._bar.add_task(label, total=None, facts="", rate="")
        self._validation: tuple[str, ...] = ()

    def begin(self, first: int, steps: int) -> None:
        self._bar.reset(self._task, total=steps, completed=first)
        self._bar.start()

    def step(self, step: int, loss: float) -> None:
        speed = self._bar.tasks[0].speed
        facts = "  ".join((f"loss {loss:.4g}", *self._validation))
        self._bar.update(self._task, completed=step, facts=facts, rate=f"{speed:.3g} steps/s" if speed else "")

    def validated(self, step: int, metrics: Mapping[str, float]) -> None:
        self._validation = _texts(metrics)

    def end(self) -> None:
        self._bar.stop()


def _texts(metrics: Mapping[str, float]) -> tuple[str, ...]:
    return tuple(f"{name} {value:.4g}" for name, value in metrics.items())
