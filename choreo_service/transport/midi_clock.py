"""MIDI clock as a source: 24 ticks a beat, whose arrival jitters by more than tempo ever does.

A single interval of a 128 bpm clock gives anything from 94 to 158; the line through the newest 48 ticks gives 127.8 to
128.2. Ticks are counted one by one, because a MIDI wire delays them but loses none until some queue overflows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from choreo_service.clock import NS
from choreo_service.features.component import Component
from choreo_service.transport.flywheel import BEATS_PER_BAR, FASTEST_BPM, SLOWEST_BPM
from choreo_service.transport.lines import NEVER, Line

SONG_POSITION: Final = 0xF2  # status bytes, the first value of a `midi_clock` packet; its second counts sixteenths
CLOCK: Final = 0xF8
START: Final = 0xFA
CONTINUE: Final = 0xFB
STOP: Final = 0xFC

PER_BEAT: Final = 24
PER_SIXTEENTH: Final = 6
PER_BAR: Final = BEATS_PER_BAR * PER_BEAT
MEMORY: Final = 48  # ticks the line runs through
LOCKED: Final = 24  # ticks from which it is believed
OUTLIER: Final = 0.6  # periods a tick may be off the line
RELOCK: Final = 6  # outliers in a row from which the line is doubted, not they
ALIKE: Final = 0.4  # periods: outliers that are late by the same whole number of ticks agree within this
HEAP: Final = 3  # ticks at once in a row: the end of a stall; a coarse audio period brings two
MISSING: Final = 24  # ticks of silence after which the clock has stopped
SHORTEST_S: Final = 60.0 / (FASTEST_BPM * PER_BEAT)
LONGEST_S: Final = 60.0 / (SLOWEST_BPM * PER_BEAT)


class Fit(NamedTuple):
    """The least-squares line of arrival time over tick number."""

    number: float  # of its middle
    at_s: float  # time of its middle
    period_s: float

    def late(self, number: float, at_s: float) -> float:
        """Periods a tick came behind its place."""
        return (at_s - self.at_s) / self.period_s - (number - self.number)


class MidiClock(Component):
    """Counts ticks, draws the line, and knows where beat 0 is once Start or a song position told it."""

    STATE = ("origin_ns", "last_ns", "count", "zero", "told", "anchored", "pending", "resume", "heap", "ticks", "odd")

    def __init__(self) -> None:
        self.ticks = _Ticks(MEMORY)  # those that lie on the line
        self.odd = _Ticks(RELOCK)  # the newest in a row that don't
        self.reset()

    def reset(self) -> None:
        self.ticks.reset()
        self.odd.reset()
        self.origin_ns = 0  # of the times in seconds
        self.last_ns = NEVER
        self.count = 0  # ticks heard, lost ones included
        self.zero = 0.0  # the count that lies on beat 0
        self.told = False  # by the source
        self.anchored = False  # by us, for a source that doesn't tell
        self.pending = -1  # ticks after beat 0 at which the next tick stands, -1 for none
        self.resume = -1  # likewise, for Continue
        self.heap = 0  # ticks in a row that came at once with the one before

    def hear(self, t_ns: int, status: int, value: int) -> None:
        """One message; what is no part of MIDI clock is ignored."""
        if status == CLOCK:
            self._tick(t_ns)
        elif status == START:
            self.pending = 0
        elif status == SONG_POSITION:
            self.pending = value * PER_SIXTEENTH % PER_BAR
        elif status == CONTINUE and self.pending < 0:
            self.pending = self.resume
        elif status == STOP:
            self.resume = round(self.count + 1 - self.zero) % PER_BAR if self.told else -1
            self.told = self.anchored = False

    def anchor(self, t_ns: int, beats: float) -> None:
        """A clock joined on its way tells no position: it gets ours at `t_ns`, so that nothing moves."""
        if not (self.told or self.anchored) and (fit := self._fit()):
            self.zero = fit.number + (self._seconds(t_ns) - fit.at_s) / fit.period_s - beats * PER_BEAT
            self.anchored = True

    def line(self, t_ns: int) -> Line | None:
        """None before a beat of ticks, without a position, and once the clock has stopped."""
        fit = self._fit()
        if fit is None or not (self.told or self.anchored) or t_ns - self.last_ns > MISSING * fit.period_s * NS:
            return None
        at_ns = self.origin_ns + round(fit.at_s * NS)
        return Line(at_ns, (fit.number - self.zero) / PER_BEAT, 60.0 / (PER_BEAT * fit.period_s), bars=self.told)

    def _fit(self) -> Fit | None:
        fit = self.ticks.fit if len(self.ticks) >= LOCKED else None
        return fit if fit and SHORTEST_S <= fit.period_s <= LONGEST_S else None

    def _tick(self, t_ns: int) -> None:
        gap_s = (t_ns - self.last_ns) / NS
        self._break_off(gap_s)
        if not len(self.ticks):
            self.origin_ns = t_ns
        self.last_ns = t_ns
        self.count += 1
        if self.pending >= 0:
            self.zero, self.told, self.pending = float(self.count - self.pending), True, -1
        self._place(self._seconds(t_ns))

    def _break_off(self, gap_s: float) -> None:
        """Begin a new line after a silence, and before there is one after ticks that came in a heap."""
        fit = self._fit()
        self.heap = self.heap + 1 if gap_s < SHORTEST_S / 2 else 0
        if gap_s > MISSING * (fit.period_s if fit else LONGEST_S):
            self.anchored = False  # we ran on alone meanwhile
        elif fit or self.heap < HEAP:
            return
        self.ticks.reset()
        self.odd.reset()

    def _place(self, at_s: float) -> None:
        fit = self._fit()
        if fit is None or abs(fit.late(self.count, at_s)) <= OUTLIER:
            self.odd.reset()
            self.ticks.add(self.count, at_s)
            return
        self.odd.add(self.count, at_s)
        if len(self.odd) == RELOCK and SHORTEST_S <= self.odd.fit.period_s <= LONGEST_S:  # else a heap after a stall
            self._relock(fit)

    def _relock(self, fit: Fit) -> None:
        """The line is wrong: ticks were lost and the rest goes on as before, or the tempo is another."""
        late = [fit.late(number, at_s) for number, at_s in self.odd.pairs()]
        lost = round(sum(late) / len(late))
        if lost > 0 and all(abs(each - lost) <= ALIKE for each in late):
            self.count += lost
        else:
            lost = 0
            self.ticks.reset()
        for number, at_s in self.odd.pairs():
            self.ticks.add(number + lost, at_s)
        self.odd.reset()

    def _seconds(self, t_ns: int) -> float:
        return (t_ns - self.origin_ns) / NS


class _Ticks(Component):
    """The newest ticks as (number, seconds)."""

    STATE = ("numbers", "times")

    def __init__(self, most: int) -> None:
        self._most = most
        self.reset()

    def reset(self) -> None:
        self._fit: Fit | None = None  # of the ticks that are there
        self.numbers: deque[float] = deque(maxlen=self._most)
        self.times: deque[float] = deque(maxlen=self._most)

    def __len__(self) -> int:
        return len(self.times)

    def add(self, number: float, at_s: float) -> None:
        self._fit = None
        self.numbers.append(float(number))
        self.times.append(at_s)

    def pairs(self) -> Iterable[tuple[float, float]]:
        return list(zip(self.numbers, self.times, strict=True))

    @property
    def fit(self) -> Fit:
        """At least two ticks are needed."""
        if self._fit is None:
            self._fit = self._drawn()
        return self._fit

    def load_state(self, state: Mapping[str, Any]) -> None:
        super().load_state(state)
        self._fit = None

    def _drawn(self) -> Fit:
        count = len(self.times)
        number, at_s = sum(self.numbers) / count, sum(self.times) / count
        spread = sum((n - number) ** 2 for n in self.numbers)
        period_s = sum((n - number) * (t - at_s) for n, t in self.pairs()) / spread
        return Fit(number, at_s, period_s)
