"""Exchanged parts: exactly what was named changes, and it lands at the right time."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from choreo_pipelines.playing import looped, with_body_of, with_shifted_body, without
from choreo_service.clock import MS, NS
from choreo_service.packets import SensorPacket
from choreo_service.replay import TapeEntry

PERIOD = 20 * MS
STREAMS = (("motion_features", 6), ("heart_rate", 1), ("beat", 2), ("context", 1))


def tape(ticks: int, *, mark: float = 0.0, start_ns: int = NS, skip: Sequence[int] = ()) -> list[TapeEntry]:
    """Each stream once per slot, 7 ms before it is due; the first value is `mark` + the slot's number.

    Slots in `skip` are not played: their packets go to the next tick, as in the service.
    """
    entries, waiting, seq, last = [], [], 0, 0
    for k in range(1, ticks + 1):
        t_ns = start_ns + k * PERIOD
        for name, width in STREAMS:
            values = (mark + k, *([0.5] * (width - 1)))
            waiting.append(SensorPacket(name, 0, seq, t_ns - 7 * MS, t_ns - 9 * MS, 17, "test", values))
            seq += 1
        if k not in skip:
            entries.append(TapeEntry(k, k - last, t_ns, tuple(waiting)))
            waiting, last = [], k
    return entries


def heard(entry: TapeEntry, modality: str) -> list[float]:
    return [p.values[0] for p in entry.packets if p.modality == modality]


def test_without_removes_the_modality_in_its_spans_alone() -> None:
    silent = list(without(tape(100), "motion", [(0.0, 0.1), (1.0, 1.2)]))
    gone = [e.k for e in silent if not heard(e, "motion")]
    assert gone == [*range(1, 6), *range(51, 61)]
    assert [e.k for e in silent if not heard(e, "heart") or not heard(e, "beat")] == []
    assert all(not heard(e, "heart") and heard(e, "motion") for e in without(tape(10), "heart"))


def test_without_knows_the_modalities_before_it_is_played() -> None:
    with pytest.raises(ValueError, match="expected one of motion, heart, beat, context"):
        without([], "sound")


def test_another_body_brings_motion_and_heart_and_nothing_else() -> None:
    mixed = list(with_body_of(tape(50), tape(80, mark=1000, start_ns=90 * NS)))
    assert len(mixed) == 50
    for ours, entry in zip(tape(50), mixed, strict=True):
        assert entry[:3] == ours[:3]
        for modality, mark in (("motion", 1000), ("heart", 1000), ("beat", 0), ("context", 0)):
            assert heard(entry, modality) == [mark + entry.k], modality
        for packet in entry.packets:
            assert (entry.t_ns - packet.t_ns, entry.t_ns - packet.rx_ns) == (7 * MS, 9 * MS)


def test_exchanged_tapes_are_numbered_as_a_take_must_be() -> None:
    for mixed in (with_body_of(tape(20), tape(20, mark=1000)), with_shifted_body(tape(20), 0.1)):
        assert [p.seq for e in mixed for p in e.packets] == list(range(80))


def test_the_shorter_tape_ends_it() -> None:
    assert len(list(with_body_of(tape(50), tape(30, start_ns=5 * NS)))) == 30
    assert list(with_body_of(tape(50), [])) == []


def test_a_skipped_slot_of_one_tape_does_not_slow_the_other_body_down() -> None:
    mixed = list(with_body_of(tape(20, skip=(5, 6)), tape(20, mark=1000, skip=(12,))))
    assert [e.k for e in mixed] == [k for k in range(1, 21) if k not in (5, 6)]
    assert heard(mixed[4], "motion") == [1005, 1006, 1007]
    assert [p.values[0] - 1000 for e in mixed for p in e.packets if p.modality == "motion"] == list(range(1, 21))
    assert {e.k: heard(e, "motion") for e in mixed}[12] == [1012]  # it lies at its own time again


def test_a_shifted_body_comes_round() -> None:
    shifted = list(with_shifted_body(tape(100), 0.5))
    assert [heard(e, "motion") for e in shifted] == [[(k - 26) % 100 + 1] for k in range(1, 101)]
    assert [heard(e, "beat") for e in shifted] == [[k] for k in range(1, 101)]
    assert list(with_shifted_body(tape(100), 2.0)) == tape(100)  # once round: the tape is 2 s long


def test_packets_stamped_with_their_tick_stay_one_to_a_tick() -> None:
    """As those of a take that kept only frames: on the seam none may fall into its neighbour's tick."""
    exact = [e._replace(packets=tuple(replace(p, t_ns=e.t_ns, rx_ns=e.t_ns) for p in e.packets)) for e in tape(100)]
    for shift_s in (0.5, -0.3, 2.0, 60.02):
        assert {len(e.packets) for e in with_shifted_body(exact, shift_s)} == {len(STREAMS)}


def test_a_loop_goes_on_where_the_pass_before_ended() -> None:
    entries = list(looped(tape(10, skip=(4,)), 3))
    assert [e.k for e in entries] == [k for k in range(1, 31) if k not in (4, 14, 24)]
    assert [e.t_ns for e in entries] == [NS + e.k * PERIOD for e in entries]
    assert [e.dk for e in entries[1:]] == [after.k - before.k for before, after in pairwise(entries)]
    packets = [p for e in entries for p in e.packets]
    assert [p.seq for p in packets] == list(range(len(packets)))
    assert all(after.t_ns >= before.t_ns for before, after in pairwise(packets))
    assert [p.values[0] for p in packets if p.modality == "beat"] == [*range(1, 11)] * 3


@pytest.mark.parametrize("ticks", [0, 1])
def test_a_tape_without_a_period_is_refused(ticks: int) -> None:
    with pytest.raises(ValueError, match="no period"):
        list(looped(tape(ticks), 2))
    with pytest.raises(ValueError, match="no period"):
        list(with_shifted_body(tape(ticks), 1.0))
