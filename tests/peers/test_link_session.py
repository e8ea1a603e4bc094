"""Ableton Link between two processes: another program's session leads our transport."""

from __future__ import annotations

import asyncio
import math
import subprocess
import sys
from typing import Final

import pytest

from choreo_adapters.sensors.link import LinkConfig, LinkPeer
from choreo_service.clock import MS, NS, MonotonicClock
from choreo_service.testing import RecordingEmit
from choreo_service.transport import Leading, Transport

pytest.importorskip("aalink", reason="aalink is not installed: pip install 'choreo-service[link]'")

pytestmark = pytest.mark.slow

BPM: Final = 97.0
HEAD_START: Final = 100  # lines, a fiftieth of a second each
WITHIN_BEATS: Final = 0.005

# Prints its own (ns of our clock, phase) as long as it is listened to.
OTHER: Final = f"""
import asyncio
from aalink import Link
from choreo_service.clock import monotonic_ns

async def main():
    link = Link({BPM})
    link.quantum = 4.0
    link.enabled = True
    while True:
        await asyncio.sleep(0.02)
        print(monotonic_ns(), link.phase, flush=True)

asyncio.run(main())
"""


def test_two_peers_agree_and_the_transport_goes_with_them() -> None:
    emit = RecordingEmit()
    sensor = LinkPeer(LinkConfig(), emit, MonotonicClock())
    with subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        first = [other.stdout.readline() for _ in range(HEAD_START)][-1]  # whoever is first brings the tempo
        peers = asyncio.run(_listen(sensor, 12.0))
        other.terminate()
        theirs = [(int(a), float(b)) for a, b in (line.split() for line in (first, *other.stdout.read().splitlines()))]
    assert peers == 1
    late = _off(theirs, [(s.rx_ns or 0, s.values[0]) for s in emit.samples][-200:])
    transport = Transport(110.0, Leading("music"))
    played, coming = [], list(emit.samples)
    for t_ns in range(theirs[0][0], theirs[-1][0], 20 * MS):
        while coming and (coming[0].rx_ns or 0) <= t_ns:
            sample = coming.pop(0)
            transport.hear("link", sample.rx_ns or 0, sample.values)
        played.append((t_ns, transport.at(t_ns).beats))
    off = _off(theirs, played[-150:-50])
    print(f"sensor {late:.4f}, transport {off:.4f} beats from the other process; {emit.samples[-1].values[1]:.2f} bpm")
    assert emit.samples[-1].values[1] == pytest.approx(BPM, abs=0.01)
    assert late < WITHIN_BEATS
    assert off < WITHIN_BEATS


async def _listen(sensor: LinkPeer, seconds: float) -> int:
    """How many peers there are at the end."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(sensor.run())
        await asyncio.sleep(seconds)
        peers = int(sensor.health().get("peers", 0))
        running.cancel()
    return peers


def _off(theirs: list[tuple[int, float]], ours: list[tuple[int, float]]) -> float:
    """Median distance in beats, each of ours against the nearest of theirs."""
    distances = []
    for t_ns, beats in ours:
        at_ns, phase = min(theirs, key=lambda told: abs(told[0] - t_ns))
        distances.append(abs(math.remainder(beats - phase - (t_ns - at_ns) / NS * BPM / 60.0, 4.0)))
    return sorted(distances)[len(distances) // 2]
