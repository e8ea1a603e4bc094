"""The helper process: `python -m choreo_adapters.sensors.midi_clock.child '{"client": ..., "port": ..., "api": ...}'`.

Each message of the clock becomes a line, stamped in rtmidi's own thread: the service may be busy, and a late stamp is a
wrong tempo.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from choreo_adapters.helper.reports import to_line
from choreo_adapters.midi.device import RtMidiIn
from choreo_adapters.midi.keeper import PortKeeper
from choreo_adapters.midi.process import list_ports, serve
from choreo_service.clock import MonotonicClock

CLOCK_MESSAGES: Final = frozenset((0xF2, 0xF8, 0xFA, 0xFB, 0xFC))  # song position, clock, start, continue, stop


def clock_line(message: Sequence[int], t_ns: int) -> bytes | None:
    """What is told of a message, None of one that has no part in the clock."""
    if not message or message[0] not in CLOCK_MESSAGES:
        return None
    value = message[1] | message[2] << 7 if len(message) == 3 else 0
    return to_line({"state": "message", "t_ns": t_ns, "status": message[0], "value": value})


def main(settings: dict[str, Any]) -> None:
    """Listen until stdin ends or nobody reads stdout."""
    clock = MonotonicClock()

    def heard(message: Sequence[int]) -> None:
        line = clock_line(message, clock.now_ns())
        if line is not None:
            with suppress(OSError):  # nobody reads: the main thread notices and ends
                os.write(1, line)

    device = RtMidiIn(settings["client"], settings["api"], heard)
    serve(lambda report, now_ns: PortKeeper(device, settings["port"], report, now_ns))


if __name__ == "__main__":
    _settings = json.loads(sys.argv[1])
    if _settings.get("list"):
        list_ports(RtMidiIn("choreo-list", _settings["api"], lambda _: None))
    else:
        with suppress(BrokenPipeError):  # the service is gone
            main(_settings)
