"""Plays the packets of a take through an encoder at their original times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from choreo_pipelines.stream.encoder import PhoneEncoder
from choreo_service.clock import NS, Clock
from choreo_service.session.columns import STREAM_NAMES, PacketColumns


@dataclass(slots=True)
class Sent:
    """Counters of what went out."""

    datagrams: int = 0
    octets: int = 0
    since_ns: int = 0
    rounds: int = 0

    def rate_hz(self, now_ns: int) -> float:
        return self.datagrams * NS / (now_ns - self.since_ns) if now_ns > self.since_ns else 0.0


class Player:
    """Calls `send` with each datagram when it is due. `packets` are those of one performer, at least one."""

    def __init__(
        self, packets: PacketColumns, encoder: PhoneEncoder, send: Callable[[bytes], None], clock: Clock
    ) -> None:
        self._packets, self._encoder, self._send, self._clock = packets, encoder, send, clock
        self._moments = list(_moments(packets))
        self.sent = Sent()

    async def play(self, *, speed: float = 1.0, loop: bool = False, seconds: float | None = None) -> None:
        """Play once or in a loop, at most `seconds` long."""
        first_ns = int(self._packets.rx_ns[self._moments[0][0]])
        span_ns = int(self._packets.rx_ns[self._moments[-1][0]]) - first_ns
        round_ns = span_ns + (span_ns // (len(self._moments) - 1) if span_ns else NS)
        start_ns = self.sent.since_ns = self._clock.now_ns()
        stop_ns = None if seconds is None else start_ns + round(seconds * NS)
        while True:
            for rows in self._moments:
                at_ns = int(self._packets.rx_ns[rows[0]]) - first_ns + self.sent.rounds * round_ns
                due_ns = start_ns + round(at_ns / speed)
                if stop_ns is not None and due_ns >= stop_ns:
                    return await self._clock.sleep_until(stop_ns)
                await self._clock.sleep_until(due_ns)
                self._play_moment(rows, at_ns)
            self.sent.rounds += 1
            if not loop:
                return None

    def _play_moment(self, rows: range, at_ns: int) -> None:
        samples = {STREAM_NAMES[self._packets.stream[i]]: self._packets.values_of(i) for i in rows}
        for datagram in self._encoder.datagrams(samples, at_ns):
            self._send(datagram)
            self.sent.datagrams += 1
            self.sent.octets += len(datagram)


def rates_hz(packets: PacketColumns) -> dict[str, float]:
    """stream -> its usual samples per second; 0 for a stream with one sample."""
    rates = {}
    for code in np.unique(packets.stream).tolist():
        steps = np.diff(packets.rx_ns[packets.stream == code])
        steps = steps[steps > 0]
        rates[STREAM_NAMES[code]] = float(NS / np.median(steps)) if steps.size else 0.0
    return rates


def _moments(packets: PacketColumns) -> Iterator[range]:
    """Neighbouring rows received at the same time, each stream once: what an app may put in one message or bundle."""
    start = 0
    seen: set[int] = set()
    for i, (rx_ns, stream) in enumerate(zip(packets.rx_ns.tolist(), packets.stream.tolist(), strict=True)):
        if i and (rx_ns != packets.rx_ns[start] or stream in seen):
            yield range(start, i)
            start, seen = i, set()
        seen.add(stream)
    yield range(start, len(packets))
