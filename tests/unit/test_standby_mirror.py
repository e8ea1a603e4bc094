"""What an engine leaves in shared memory is read whole or not at all, wherever its last write was cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from choreo_service.standby.mirror import NOTES_BYTES, SLOT_BYTES, Mirror, make_memory

OLD, NEW = b"the older state, 24 bytes", b"the newer state, somewhat longer"


@contextmanager
def mirrors() -> Iterator[tuple[Mirror, Mirror, int]]:
    """A writer, a reader in another mapping, and the memory's descriptor."""
    memory = make_memory()
    writer, reader = Mirror(memory), Mirror(memory)
    try:
        yield writer, reader, memory
    finally:
        writer.close()
        reader.close()
        os.close(memory)


def test_nothing_was_left_yet() -> None:
    with mirrors() as (writer, reader, _):
        writer.beat()
        assert reader.read() is None


def test_the_newest_state_and_what_came_after_it() -> None:
    with mirrors() as (writer, reader, _):
        for i in range(7):
            assert writer.write(b"state %d" % i, [b"waiting %d" % i])
            assert writer.note(b"note %d" % i)
        assert reader.read() == (b"state 6", [b"waiting 6", b"note 6"])


def test_a_write_cut_off_anywhere_leaves_the_state_before_it_and_its_notes() -> None:
    with mirrors() as (writer, reader, memory):
        writer.write(OLD)
        writer.note(b"since then")
        before = os.pread(memory, 1 << 27, 0)
        writer.write(NEW)
        after = os.pread(memory, 1 << 27, 0)
        os.pwrite(memory, before, 0)
        changed = [i for i in range(64, 64 + 4096) if before[i] != after[i]]
        assert len(changed) > len(NEW)
        for i in changed:  # in whatever order they get there: here the head first
            assert reader.read() == (OLD, [b"since then"]), i
            os.pwrite(memory, after[i : i + 1], i)
        assert reader.read() == (NEW, [])


def test_a_changed_byte_of_the_newest_is_noticed() -> None:
    with mirrors() as (writer, reader, memory):
        writer.write(OLD)
        writer.write(NEW)
        at = os.pread(memory, 1 << 27, 0).index(NEW)
        os.pwrite(memory, b"X", at + 3)
        assert reader.read() == (OLD, [])


def test_a_note_cut_off_is_no_note() -> None:
    with mirrors() as (writer, reader, memory):
        writer.write(OLD)
        writer.note(b"whole")
        writer.note(b"torn off")
        at = os.pread(memory, 1 << 27, 0).index(b"torn off")
        os.pwrite(memory, b"\0" * 4, at + 4)
        assert reader.read() == (OLD, [b"whole"])


def test_a_successor_writes_what_is_newer() -> None:
    with mirrors() as (writer, successor, memory):
        for state in (b"1", b"2", b"3"):
            writer.write(state)
        writer.note(b"first")
        assert successor.read() == (b"3", [b"first"])
        successor.note(b"second")  # it falls before its first tick: nothing of before is lost
        assert writer.read() == (b"3", [b"first", b"second"])
        successor.write(b"4")
        third = Mirror(memory)
        assert third.read() == (b"4", [])
        third.close()


def test_what_is_too_large_is_refused_and_the_older_stays() -> None:
    with mirrors() as (writer, reader, _):
        writer.write(OLD)
        assert not writer.write(bytes(SLOT_BYTES))
        assert not writer.note(bytes(NOTES_BYTES))
        assert writer.note(b"small")
        assert reader.read() == (OLD, [b"small"])


@pytest.mark.parametrize("beats", [1, 3])
def test_a_heartbeat_is_seen_by_the_other_side(beats: int) -> None:
    with mirrors() as (writer, reader, _):
        for _ in range(beats):
            writer.beat()
        assert reader.beats == beats
