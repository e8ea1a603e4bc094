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
        """The times of every 24th tick since the first Start: where a receiver has the beat.

        An overrun of JACK loses messages; ticks that are `even` are numbered by their times, so that none is missed.
        """
        heard = self.messages(name)
        begun = next(i for i, (_, message) in enumerate(heard) if message[0] == START)
        ticks = np.array([t for t, message in heard[begun:] if message[0] == CLOCK])
        steps = np.diff(ticks) / np.median(np.diff(ticks)) if even else np.ones(len(ticks) - 1)
        numbers = np.concatenate(([0], np.cumsum(np.rint(steps)))).astype(int)
        return np.asarray(ticks[numbers % PER_BEAT == 0])

    def register(self, client: jack.Client) -> None:
        self._ports = {name: client.midi_inports.register(name) for name in self._heard}

    def process(self, frames: int) -> None:
        now = time.monotonic()
        for name, port in self._ports.items():
            for offset, data in port.incoming_midi_events():
                self._heard[name].append((now + offset / SAMPLE_RATE, tuple(bytes(data))))


def bpm_of(ticks: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """The tempo of the least-squares line, and how far each tick is off it, in s. A lost tick would be a step."""
    numbers = np.arange(len(ticks))
    slope, first = np.polyfit(numbers, ticks, 1)
    return 60.0 / (slope * PER_BEAT), ticks - (first + slope * numbers)


def behind_ms(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each of our beats, how long after the nearest of theirs it came."""
    nearest = theirs[np.argmin(np.abs(ours[:, None] - theirs[None, :]), axis=1)]
    return np.asarray(1e3 * (ours - nearest))
