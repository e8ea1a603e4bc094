"""MIDI clock in: what the helper tells, and what the sensor makes of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import pytest

from choreo_adapters.helper.reports import from_line
from choreo_adapters.sensors.midi_clock.adapter import MidiClockIn, MidiClockInConfig
from choreo_adapters.sensors.midi_clock.child import clock_line
from choreo_service.clock import MonotonicClock
from choreo_service.errors import AdapterLost
from choreo_service.testing import RecordingEmit

# A helper that opens its port, hears a start and two ticks, and ends when its stdin does.
PLAYING = """
import sys
for line in ('{"state": "open", "port": "choreo in", "api": "fake", "reason": ""}',
             '{"state": "message", "t_ns": 11, "status": 250, "value": 0}',
             '{"state": "message", "t_ns": 12, "status": 248, "value": 0}',
             '{"state": "message", "t_ns": 31, "status": 248, "value": 0}'):
    print(line, flush=True)
sys.stdin.buffer.read()
"""


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ((0xF8,), (0xF8, 0)),
        ((0xFA,), (0xFA, 0)),
        ((0xFB,), (0xFB, 0)),
        ((0xFC,), (0xFC, 0)),
        ((0xF2, 0x7F, 0x01), (0xF2, 255)),
        ((0xFE,), None),
        ((0x90, 60, 100), None),
        ((0xB0, 20, 64), None),
        ((0xF0, 1, 2, 0xF7), None),
        ((), None),
    ],
)
def test_only_the_clock_is_told_of(message: Sequence[int], told: tuple[int, int] | None) -> None:
    line = clock_line(message, 77)
    if told is None:
        assert line is None
        return
    assert line is not None
    report = from_line(line)
    assert (report["status"], report["value"], report["t_ns"]) == (*told, 77)


class _Faked(MidiClockIn):
    program = PLAYING

    def _command(self) -> Sequence[str]:
        return (sys.executable, "-c", self.program)


def _run(sensor: MidiClockIn, until_messages: int) -> list[str]:
    """Run until so many messages came; the states on the way."""
    states = [sensor.health()["state"]]

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(sensor.run())
            while sensor.health()["messages"] < until_messages:  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.005)
            states.append(sensor.health()["state"])
            running.cancel()

    asyncio.run(asyncio.wait_for(main(), 20.0))
    return [*states, sensor.health()["state"]]


def test_messages_become_packets_with_the_time_of_their_arrival() -> None:
    emit = RecordingEmit()
    sensor = _Faked(MidiClockInConfig(), emit, MonotonicClock())
    assert _run(sensor, 3) == ["closed", "receiving", "closed"]
    assert [(s.values, s.rx_ns) for s in emit.samples] == [((250.0, 0.0), 11), ((248.0, 0.0), 12), ((248.0, 0.0), 31)]
    assert emit.problems == []


def test_a_helper_that_dies_is_a_loss() -> None:
    sensor = _Faked(MidiClockInConfig(), RecordingEmit(), MonotonicClock())
    sensor.program = "pass"
    with pytest.raises(AdapterLost):
        asyncio.run(asyncio.wait_for(sensor.run(), 20.0))
