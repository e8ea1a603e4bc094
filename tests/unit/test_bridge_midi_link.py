"""The service's end of the pipe to a MIDI helper."""

from __future__ import annotations

import os

import pytest

from choreo_adapters.bridges.midi_cc.link import ChildLink
from choreo_adapters.bridges.midi_cc.records import RECORD
from choreo_service.clock import VirtualClock

MANY = 1000  # records, more than a pipe takes whole


@pytest.mark.skipif(os.name == "nt", reason="a pipe can't be asked there whether it is full")
def test_a_pipe_that_gets_full_gets_whole_records() -> None:
    """Else all that comes after the half of one would be played as something else."""
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    link = ChildLink((), lambda report: None, VirtualClock())
    link._stdin = writing
    try:
        taken, number = 0, 0
        while link.write(b"".join(RECORD.pack(number + i, 0xB0, 1, 2) for i in range(MANY))):
            taken, number = taken + MANY, number + MANY
        read = os.read(reading, 1 << 20)
        found = [due for due, *_ in RECORD.iter_unpack(read)]  # raises where the last is cut
        assert taken <= len(found) < taken + MANY
        assert found == list(range(len(found)))
    finally:
        os.close(reading)
        os.close(writing)
