"""RR intervals as they are received become beats on a time axis, without those no heart made."""

from __future__ import annotations

from collections import deque
from statistics import median
from typing import Final, NamedTuple

from choreo_service.clock import NS
from choreo_service.features.component import Component

RANGE_S: Final = (0.25, 2.4)  # 240..25 bpm
OUTLIER: Final = 0.2  # this far from the median of the last five: ectopic, missed or extra beat
CREEP: Final = 0.01  # how fast a chain that lags is drawn to its reception; any strap's clock is more even
SLACK_NS: Final = 3 * NS  # intervals come up to 1 s late with the strap's next message; beyond 3 s beats were lost

_NEVER: Final = -(1 << 62)


class Beat(NamedTuple):
    """The end of an accepted interval."""

    t_ns: int  # when the heart beat; never after its reception
    since_s: float  # since the accepted beat before; larger than `interval` when some were rejected or lost
    interval: float  # s
    typical: float  # s, median of the last five intervals
    joined: bool  # the interval before was accepted too and ended where this one began


class RrChain(Component):
    """Adds intervals end to end: the heart's own time, steadier than its reception.

    A strap sends one message a second with the intervals since the last, all received at once. Their sum says when
    each beat was; reception only says it was no later. So the chain goes on by each interval's own duration, is moved
    back when it would be in the future, creeps forward otherwise, and starts anew when more than 3 s are unaccounted
    for. Rejected intervals are time that passed all the same.
    """

    STATE = ("recent", "beat_ns", "since_s", "joined")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.recent: deque[float] = deque(maxlen=5)  # plausible intervals, s
        self.beat_ns = _NEVER  # end of the last plausible interval
        self.since_s = 0.0  # from the last accepted beat to `beat_ns`
        self.joined = False  # the last interval was accepted

    def push(self, rx_ns: int, interval: float) -> Beat | None:
        """One interval (s) received at `rx_ns`; None when it is rejected. Implausible ones leave no trace."""
        if not RANGE_S[0] <= interval <= RANGE_S[1]:
            return None
        unbroken = self._place(rx_ns, interval)
        self.recent.append(interval)
        typical = median(self.recent)  # rejected ones count here, so that a real jump is believed after three beats
        if abs(interval - typical) > OUTLIER * typical:
            self.joined = False
            return None
        beat = Beat(self.beat_ns, self.since_s, interval, typical, unbroken and self.joined)
        self.since_s, self.joined = 0.0, True
        return beat

    def disown(self) -> None:
        """The interval accepted last was none after all: the next one has no neighbour."""
        self.joined = False

    def _place(self, rx_ns: int, interval: float) -> bool:
        """Move the chain to the end of the interval; False when it had to start anew."""
        length = round(interval * NS)
        late = rx_ns - (self.beat_ns + length)
        unbroken = abs(late) <= SLACK_NS
        if unbroken:
            self.beat_ns += length + min(late, round(CREEP * length))
            self.since_s += interval
        else:
            self.since_s += abs(rx_ns - self.beat_ns) / NS
            self.beat_ns = rx_ns
        return unbroken
