"""Every byte of a segment torn, zeroed or flipped: all batches that are whole come back, and no other row does."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_samples import some_events, some_packets, some_sent, some_steps

from choreo_service.recorder.segments import StreamWriter, read_stream, salvage, segment_name
from choreo_service.recorder.streams import LIVE_STREAMS, head, live_batch
from choreo_service.testing.disk import SimulatedDisk

BATCHES, PER_BATCH = 5, 8
CUT_STEP = int(os.environ.get("CHOREO_CUT_STEP", "37"))  # bytes; `make crashes` takes every one


def items_of(stream: str) -> list[Any]:
    count = BATCHES * PER_BATCH
    steps = list(some_steps(count, performers=2))
    items: dict[str, Sequence[Any]] = {
        "packets": list(some_packets(count)),
        "steps": steps,
        "latents": [step.latent for step in steps],
        "sent": list(some_sent(count)),
        "events": list(some_events(count)),
    }
    return list(items[stream])


def written(stream: str) -> tuple[bytes, list[Any], list[int]]:
    """A segment, its batches, and where each of them ends."""
    disk, folder = SimulatedDisk(), Path("/take")
    writer = StreamWriter(disk, folder, stream)
    items, batches, ends = items_of(stream), [], []
    for i in range(0, len(items), PER_BATCH):
        writer.add(items[i : i + PER_BATCH], packets=i)
        writer.flush()
        batches.append(live_batch(stream, items[i : i + PER_BATCH]))
        ends.append(writer.bytes)
    writer.end_segment()
    return disk.read(folder / segment_name(stream, 0)), batches, ends


@pytest.fixture(scope="module", params=LIVE_STREAMS)
def segment(request: pytest.FixtureRequest) -> tuple[str, bytes, list[Any], list[int]]:
    return (request.param, *written(request.param))


def read(stream: str, data: bytes) -> list[Any]:
    return [batch for _, batch in salvage(stream, data)]


def test_what_was_written_is_read(segment: tuple[str, bytes, list[Any], list[int]]) -> None:
    stream, data, batches, _ = segment
    assert read(stream, data) == batches
    labels = [label for label, _ in salvage(stream, data)]
    assert [label.number for label in labels] == list(range(BATCHES))
    assert [label.first for label in labels] == [sum(b.num_rows for b in batches[:i]) for i in range(BATCHES)]


def test_any_arrow_reader_reads_a_segment(segment: tuple[str, bytes, list[Any], list[int]]) -> None:
    import pyarrow as pa

    _, data, batches, _ = segment
    assert list(pa.ipc.open_stream(pa.py_buffer(data))) == batches


def cuts(size: int) -> Iterator[int]:
    yield from range(0, size, CUT_STEP)


def test_torn_at_any_byte(segment: tuple[str, bytes, list[Any], list[int]]) -> None:
    stream, data, batches, ends = segment
    for cut in cuts(len(data)):
        whole = sum(end <= cut for end in ends)
        assert read(stream, data[:cut]) == batches[:whole], cut


def test_zeros_from_any_byte_on(segment: tuple[str, bytes, list[Any], list[int]]) -> None:
    stream, data, batches, ends = segment
    for cut in cuts(len(data)):
        found = read(stream, data[:cut] + bytes(len(data) - cut))
        whole = sum(end <= cut for end in ends)
        assert batches[:whole] == found[:whole]
        # One more may be there: where what was zeroed had been zeros before, nothing has changed.
        assert found in (batches[:whole], batches[: whole + 1]), cut


@settings(max_examples=400, deadline=None)
@given(where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_costs_one_batch_at_most(
    segment: tuple[str, bytes, list[Any], list[int]], where: float, bit: int
) -> None:
    stream, data, batches, _ = segment
    damaged = bytearray(data)
    damaged[int(where * len(data))] ^= 1 << bit
    found = read(stream, bytes(damaged))
    assert all(batch in batches for batch in found)
    assert len(found) >= BATCHES - 1
    order = [batches.index(batch) for batch in found]
    assert order == sorted(set(order))


def test_a_batch_that_says_it_is_longer_than_it_is_takes_no_other_along() -> None:
    """Rows and checksum are right, but a bit of what describes the batch was flipped: each of them, one by one."""
    data, batches, _ = written("events")
    first = len(head("events"))
    longer = 0
    for place in range(first + 8, first + 72):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            found = read("events", bytes(damaged))
            assert found in (batches, batches[1:]), (place, bit)
            longer += found == batches
    assert longer


@settings(max_examples=60, deadline=None)
@given(junk=st.binary(max_size=400), mark=st.booleans())
def test_junk_is_no_batch(junk: bytes, mark: bool) -> None:
    data = head("packets") + (b"\xff\xff\xff\xff\x40\0\0\0" if mark else b"") + junk
    assert read("packets", data) == []


def test_segments_follow_each_other(tmp_path: Path) -> None:
    disk = SimulatedDisk()
    writer = StreamWriter(disk, Path("/take"), "packets")
    packets = items_of("packets")
    for i in range(0, len(packets), PER_BATCH):
        writer.add(packets[i : i + PER_BATCH], packets=0)
        writer.end_segment()
    for path, content in disk.after_kill().items():
        (tmp_path / path.name).write_bytes(content)
    assert len(list(tmp_path.iterdir())) == BATCHES
    assert sum(batch.num_rows for _, batch in read_stream(tmp_path, "packets")) == len(packets)


def test_a_segment_that_ends_during_its_sync_is_closed_by_the_next_one() -> None:
    """What was written meanwhile is on the disk, and not safe yet."""
    disk, folder = SimulatedDisk(), Path("/take")
    writer = StreamWriter(disk, folder, "packets")
    first, second = items_of("packets")[:PER_BATCH], items_of("packets")[PER_BATCH : 2 * PER_BATCH]
    writer.add(first, packets=0)
    writer.flush()

    def meanwhile() -> None:
        disk.on_sync = lambda: None
        writer.add(second, packets=0)
        writer.end_segment()

    disk.on_sync = meanwhile
    writer.sync()
    path = folder / segment_name("packets", 0)
    batches = [live_batch("packets", first), live_batch("packets", second)]
    assert read("packets", disk.after_kill()[path]) == batches
    assert read("packets", disk.after_power_cut()[path]) == batches[:1]
    assert disk.open_files == 1
    writer.sync()
    assert read("packets", disk.after_power_cut()[path]) == batches
    assert disk.open_files == 0


def test_a_segment_whose_sync_failed_is_synced_again() -> None:
    disk, folder = SimulatedDisk(), Path("/take")
    writer = StreamWriter(disk, folder, "packets")
    writer.add(items_of("packets"), packets=0)
    writer.end_segment()
    disk.fault = OSError(errno.EIO, os.strerror(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        writer.sync()
    assert disk.open_files == 1
    disk.fault = None
    writer.sync()
    assert disk.after_power_cut() == disk.after_kill()
    assert disk.open_files == 0


def test_nothing_is_imported_while_a_take_waits() -> None:
    """By the first batches of a take, after `warm_up`: the modules take 70 ms to load."""
    program = """
import sys
from session_samples import some_events, some_packets, some_sent, some_steps
from choreo_service.recorder.streams import Label, encode, live_batch, warm_up
steps = list(some_steps(5, performers=2))
items = {"packets": some_packets(5), "steps": steps, "latents": [s.latent for s in steps],
         "sent": some_sent(5), "events": some_events(5)}
warm_up()
before = set(sys.modules)
for stream, found in items.items():
    batch = live_batch(stream, list(found))
    encode(stream, batch, Label(0, 0, batch.num_rows, 0))
print(sorted(set(sys.modules) - before))
"""
    tests = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=tests, capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("capacity", range(800, 12_000, 173))
def test_a_full_disk_tears_nothing_and_nothing_is_lost_once_there_is_room(capacity: int) -> None:
    disk, folder = SimulatedDisk(capacity), Path("/take")
    writer = StreamWriter(disk, folder, "packets")
    packets = items_of("packets")
    refused = 0
    for i in range(0, len(packets), PER_BATCH):
        writer.add(packets[i : i + PER_BATCH], packets=0)
        try:
            writer.flush()
        except OSError:
            refused += 1
    path = folder / segment_name("packets", 0)
    on_disk = [batch for _, batch in salvage("packets", disk.read(path))]
    batches = [live_batch("packets", packets[i : i + PER_BATCH]) for i in range(0, len(packets), PER_BATCH)]
    assert on_disk == batches[: len(on_disk)]
    assert disk.used == 0 or disk.read(path).endswith(disk.read(path)[-8:])
    assert refused > 0 or len(on_disk) == BATCHES
    disk.capacity = 1 << 20
    writer.end_segment()
    assert [batch for _, batch in salvage("packets", disk.read(path))] == batches
