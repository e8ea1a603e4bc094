"""Whatever the tape: nothing is lost or doubled, and every packet belongs to the tick it is in."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_pipelines.playing import looped, with_body_of, with_shifted_body
from choreo_service.clock import MS
from choreo_service.packets import STREAMS, SensorPacket
from choreo_service.replay import TapeEntry

PERIOD = 20 * MS
BODY = ("motion", "heart")


@st.composite
def tapes(draw: st.DrawFn) -> list[TapeEntry]:
    """2..30 ticks with skipped slots and packets of any stream anywhere in their slot; values tell packets apart."""
    slots = draw(st.lists(st.integers(1, 4), min_size=2, max_size=30))
    start_ns = draw(st.integers(0, 10**12))
    entries, k, seq = [], 0, 0
    for dk in slots:
        k += dk
        t_ns = start_ns + k * PERIOD
        width = (dk if entries else 1) * PERIOD  # the tape begins one slot before its first tick
        early = sorted(draw(st.lists(st.integers(0, width - 1), max_size=4)), reverse=True)
        packets = []
        for ns in early:
            stream = STREAMS[draw(st.sampled_from(list(STREAMS)))]
            values = (float(seq), *([0.0] * (stream.width - 1)))
            packets.append(SensorPacket(stream.name, 0, seq, t_ns - ns, t_ns - ns - MS, None, "test", values))
            seq += 1
        entries.append(TapeEntry(k, dk, t_ns, tuple(packets)))
    return entries


def contents(entries: Sequence[TapeEntry], modalities: Sequence[str]) -> Counter[tuple[str, float]]:
    return Counter((p.stream, p.values[0]) for e in entries for p in e.packets if p.modality in modalities)


def belongs(entries: Sequence[TapeEntry]) -> bool:
    """Every packet lies after the tick before and not after its own, and no packet goes back in time."""
    last = entries[0].t_ns - PERIOD if entries else 0
    for entry in entries:
        if not all(last < packet.t_ns <= entry.t_ns for packet in entry.packets):
            return False
        times = [p.t_ns for p in entry.packets]
        if times != sorted(times):
            return False
        last = entry.t_ns
    return True


@given(tapes(), st.floats(-100, 100))
def test_a_shifted_body_loses_nothing(tape: list[TapeEntry], shift_s: float) -> None:
    shifted = list(with_shifted_body(tape, shift_s))
    assert [e[:3] for e in shifted] == [e[:3] for e in tape]
    assert contents(shifted, BODY) == contents(tape, BODY)
    assert contents(shifted, ("beat", "context")) == contents(tape, ("beat", "context"))
    assert belongs(shifted)


@given(tapes(), tapes())
def test_another_body_loses_nothing_until_the_shorter_tape_ends(ours: list[TapeEntry], other: list[TapeEntry]) -> None:
    mixed = list(with_body_of(ours, other))
    assert [e[:3] for e in mixed] == [e[:3] for e in ours[: len(mixed)]]
    assert belongs(mixed)
    end_ns = mixed[-1].t_ns - ours[0].t_ns + other[0].t_ns
    due = [e._replace(packets=tuple(p for p in e.packets if p.t_ns <= end_ns)) for e in other]
    assert contents(mixed, BODY) == contents(due, BODY)
    assert len(mixed) == len(ours) or ours[len(mixed)].t_ns - ours[0].t_ns > other[-1].t_ns - other[0].t_ns


@given(tapes())
def test_a_tape_with_its_own_body_is_itself(tape: list[TapeEntry]) -> None:
    assert list(with_body_of(tape, tape)) == tape


@settings(max_examples=50)
@given(tapes(), st.integers(0, 4))
def test_a_loop_is_its_passes(tape: list[TapeEntry], passes: int) -> None:
    entries = list(looped(tape, passes))
    assert len(entries) == passes * len(tape)
    assert belongs(entries)
    assert entries[: len(tape)] == (tape if passes else [])
    start = tape[0].t_ns - tape[0].k * PERIOD
    assert [e.t_ns for e in entries] == [start + e.k * PERIOD for e in entries]
    assert sum(e.dk for e in entries) == tape[0].dk * bool(passes) + (entries[-1].k - tape[0].k if passes else 0)
