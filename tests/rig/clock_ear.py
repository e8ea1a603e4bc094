"""Hears MIDI clocks side by side: one JACK client, one input per clock, every message with its time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from rig.jack_client import JackClient
from rig.jack_server import SAMPLE_RATE, JackServer

if TYPE_CHECKING:
    import jack

CLIENT: Final = "rig-clock-ear"
CLOCK: Final = 0xF8
START: Final = 0xFA
PER_BEAT: Final = 24


class ClockEar(JackClient):
    """Times are time.monotonic() in s."""

    name = CLIENT

    def __init__(self, server: JackServer, names: Sequence[str]) -> None:
        super().__init__(server)
        self._heard: dict[str, list[tuple[float, tuple[int, ...]]]] = {name: [] for name in names}
        self._ports: dict[str, Any] = {}

    def midi_in(self, name: str) -> str:
        return f"{CLIENT}:{name}"

    def messages(self, name: str) -> list[tuple[float, tuple[int, ...]]]:
        """(time, message) in order of arrival."""
        return list(self._heard[name])

    def ticks(self, name: str) -> NDArray[np.float64]:
        return np.array([t for t, message in self.messages(name) if message[0] == CLOCK])

    def beats(self, name: str, *, even: bool) -> NDArray[np.float64]:
        """The times of every 24th tick since the first Start: where a receiver has the beat, whatever was lost."""
        heard = self.messages(name)
        begun = next(i for i, (_, message) in enumerate(heard) if message[0] == START)
        return beats_of(np.array([t for t, message in heard[begun:] if message[0] == CLOCK]), even=even)

    def register(self, client: jack.Client) -> None:
        self._ports = {name: client.midi_inports.register(name) for name in self._heard}

    def process(self, frames: int) -> None:
        now = time.monotonic()
        for name, port in self._ports.items():
            for offset, data in port.incoming_midi_events():
                self._heard[name].append((now + offset / SAMPLE_RATE, tuple(bytes(data))))


def beats_of(ticks: NDArray[np.float64], *, even: bool) -> NDArray[np.float64]:
    """The times of every 24th tick. An overrun of JACK loses messages, and a browser that stutters leaves ticks out:
    they are numbered by their times. Of `even` ticks each gap tells how many there were, whatever the tempo; others
    come early and late around a tempo that stays."""
    if even:
        steps = np.diff(ticks) / np.median(np.diff(ticks))
        numbers = np.concatenate(([0], np.cumsum(np.rint(steps)))).astype(int)
        return np.asarray(ticks[numbers % PER_BEAT == 0])
    numbers = _along_a_tempo(ticks)
    known, first = np.unique(numbers, return_index=True)
    return np.asarray(np.interp(np.arange(0, known[-1] + 1, PER_BEAT), known, ticks[first]))


def missing(ticks: NDArray[np.float64]) -> int:
    """How many ticks are not there: whoever counts those that are is off by as many."""
    numbers = _along_a_tempo(ticks)
    return int(numbers[-1]) + 1 - len(np.unique(numbers))


def _along_a_tempo(ticks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers of the ticks: those of the first beat are counted, as some come at once when a player begins; then a loop
    follows them slowly: a late one, which would be a step to who counts gaps, moves it by a tenth."""
    period = np.median([(ticks[i + PER_BEAT] - ticks[i]) / PER_BEAT for i in range(len(ticks) - PER_BEAT)])
    numbers = np.arange(len(ticks), dtype=float)
    begun = slice(PER_BEAT // 2, PER_BEAT)
    expected = np.median(ticks[begun] - numbers[begun] * period) + (PER_BEAT - 1) * period
    for i in range(PER_BEAT, len(ticks)):
        steps = np.rint((ticks[i] - expected) / period)
        numbers[i] = numbers[i - 1] + steps
        expected += steps * period
        expected += 0.1 * (ticks[i] - expected)
    return np.maximum.accumulate(numbers)


def bpm_of(ticks: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The tempo, and how far each tick is off its line, in s. The line has the median of the slopes over half the time
    (Theil and Sen): neither a lost tick nor a stall that bunches some moves it."""
    numbers, half = _along_a_tempo(ticks), len(ticks) // 2
    slope = np.median((ticks[half:] - ticks[:-half]) / (numbers[half:] - numbers[:-half]))
    off = ticks - slope * numbers
    return float(60.0 / (slope * PER_BEAT)), off - np.median(off)


def behind_ms(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of our beats, how long after the nearest of theirs it came."""
    nearest = theirs[np.argmin(np.abs(ours[:, None] - theirs[None, :]), axis=1)]
    return np.asarray(1e3 * (ours - nearest))
