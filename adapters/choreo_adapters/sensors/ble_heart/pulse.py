"""Which notifications become samples: what a heart can't do and what came twice is counted instead."""

from __future__ import annotations

from collections import Counter
from typing import Final

from choreo_adapters.sensors.ble_heart.measurement import Measurement, parse_measurement
from choreo_service.clock import NS
from choreo_service.protocols import Emit

BPM_RANGE: Final = (30, 220)  # outside: not a dancer's heart; straps send 0 and 255 when they don't know
RR_RANGE: Final = (0.27, 2.0)  # s
DUPLICATE_NS: Final = NS // 10  # BlueZ may deliver a notification twice; two beats are never that near

MALFORMED: Final = "malformed"
DUPLICATE: Final = "duplicate"
NO_CONTACT: Final = "no skin contact"
NO_RATE: Final = "no heart rate"
IMPLAUSIBLE_RATE: Final = "implausible rate"
IMPLAUSIBLE_INTERVAL: Final = "implausible interval"


class Pulse:
    """Emits heart_rate and rr_interval of one strap.

    A rate that jumps within the range is emitted: telling an artefact from an effort takes several beats, and the
    features do that, so a take keeps what the strap said.
    """

    def __init__(self, emit: Emit, performer: int) -> None:
        self._emit = emit
        self._performer = performer
        self._last = (b"", -DUPLICATE_NS)  # the last notification and when it came
        self.accepted = 0  # notifications
        self.rejected: Counter[str] = Counter()  # by cause
        self.cause = ""  # why the last notification was refused; "" when it was not
        self.bpm = 0  # the last accepted rate
        self.accepted_ns = 0
        self.contact: bool | None = None

    def take(self, data: bytes, t_ns: int, source: str) -> None:
        """One notification that came at `t_ns` from the strap called `source`."""
        before, self._last = self._last, (data, t_ns)
        if data == before[0] and 0 <= t_ns - before[1] < DUPLICATE_NS:
            self._refuse(DUPLICATE, source)  # says nothing about the strap, so `cause` stays
            return
        try:
            measurement = parse_measurement(data)
        except ValueError:
            self.cause = MALFORMED
        else:
            self.contact = measurement.contact
            self.cause = _objection(measurement)
        if self.cause:
            self._refuse(self.cause, source)
            return
        self.accepted, self.bpm, self.accepted_ns = self.accepted + 1, measurement.bpm, t_ns
        self._emit("heart_rate", (float(measurement.bpm),), performer=self._performer, source=source, rx_ns=t_ns)
        for interval in measurement.rr_s:
            self._take_interval(interval, t_ns, source)

    def _take_interval(self, interval: float, t_ns: int, source: str) -> None:
        if RR_RANGE[0] <= interval <= RR_RANGE[1]:
            self._emit("rr_interval", (interval,), performer=self._performer, source=source, rx_ns=t_ns)
        else:
            self._refuse(IMPLAUSIBLE_INTERVAL, source)

    def _refuse(self, cause: str, source: str) -> None:
        self.rejected[cause] += 1
        self._emit.rejected(cause, source=source)


def _objection(measurement: Measurement) -> str:
    """Why none of it is believed, "" when it is."""
    if measurement.contact is False:
        return NO_CONTACT
    if measurement.bpm == 0:
        return NO_RATE
    return "" if BPM_RANGE[0] <= measurement.bpm <= BPM_RANGE[1] else IMPLAUSIBLE_RATE
