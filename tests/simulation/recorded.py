"""What must hold of the recorder and its takes in every show. Each function raises AssertionError with what it saw."""

from __future__ import annotations

from typing import Final

from simulation.kept import Kept
from simulation.show import Played
from simulation.writer import Position, Span

from choreo_service.clock import MS, NS
from choreo_service.errors import SessionError
from choreo_service.replay import first_difference

PROMISED_NS: Final = {"power cut": 1200 * MS, "kill": 300 * MS}  # what was accepted longer ago than this is there


def recorder_counters_add_up(show: Played) -> None:
    """Accepted = written + waiting; what was offered beyond that is counted as dropped, and nothing waits unbounded."""
    assert not show.writer.bugs, show.writer.bugs
    assert show.writer.disk.open_files == 0, "files were left open"
    assert show.writer.rounds or not show.writer.spans, "the writer had no round"
    now = Position(len(show.tape.entries), {})
    for one in [*show.writer.rounds, *(span.counters(now) for span in show.writer.spans)]:
        assert one.offered == one.accepted + one.dropped, one
        assert one.accepted == one.written + one.waiting, one
        assert one.durable <= one.written, one
        assert 0 <= one.waiting <= one.bound, one


def a_power_cut_would_cost_little_at_any_moment(show: Played) -> None:
    """Unless disk or machine hold the writer up."""
    longest = max(show.writer.lags_s, default=0.0)
    assert longest <= PROMISED_NS["power cut"] / NS, f"{longest} s were not safe"


def a_take_is_what_was_played_and_sent(show: Played) -> None:
    """As far as the disk took it; all of it where the disk did as it should."""
    for span in show.writer.spans:
        kept, counters = _take(show.takes, span), span.counters(Position(0, {}))
        ticks = 0 if kept is None else len(kept.entries)
        assert counters.written <= ticks <= counters.accepted, f"{ticks} ticks are kept, {counters}"
        if not show.plan.disk:
            assert ticks == counters.offered, f"{ticks} ticks are kept, {counters}"
        assert span.end is not None, "the recording was not ended"
        _is_its_beginning(show, span, kept, span.end, whole=not show.plan.disk)


def a_crash_leaves_the_beginning_of_a_take(show: Played) -> None:
    """No shorter than promised, nothing in it changed, nothing of it beyond what happened before the crash."""
    crash = show.writer.crash
    if crash is None:
        return
    limit_ns = crash.t_ns - PROMISED_NS[show.plan.crash]
    for span in show.writer.spans:
        before = crash.counters.get(span.recording.take.folder)
        if before is None:
            continue  # it had no folder yet, or began later
        kept = _take(show.survivors, span)
        ticks = 0 if kept is None else len(kept.entries)
        safe = before.durable if show.plan.crash == "power cut" else before.written
        assert safe <= ticks <= before.accepted, f"{ticks} ticks are kept after a {show.plan.crash}, {before}"
        end = span.end if span.end is not None and span.end.ticks < crash.at.ticks else crash.at
        _is_its_beginning(show, span, kept, end, whole=False)
        if crash.punctual and not before.dropped:
            lost = show.tape.entries[span.begin.ticks + ticks : end.ticks]
            assert not lost or lost[0].t_ns > limit_ns, f"tick {lost[0].k}, {(crash.t_ns - lost[0].t_ns) / MS} ms old"
            for name, missing in _unsent(show, span, kept, end).items():
                assert not missing or missing[0][1] > limit_ns, f"{name}: {missing[0]} at {crash.t_ns}"


def a_take_replays_exactly(show: Played) -> None:
    """Wherever in the show it was begun, and whatever cut it short."""
    for takes in (show.takes, show.survivors):
        for folder, kept in takes.items():
            assert not isinstance(kept, Kept) or not kept.differs, f"{folder.name}: {kept.differs}"


def _take(takes: dict, span: Span) -> Kept | None:  # type: ignore[type-arg]
    found = takes.get(span.recording.take.folder)
    assert not isinstance(found, SessionError), found
    return found


def _is_its_beginning(show: Played, span: Span, kept: Kept | None, end: Position, *, whole: bool) -> None:
    if kept is None:
        return
    assert kept.lost_rows == {}, f"rows are missing in the middle: {kept.lost_rows}"
    first = span.begin.ticks
    played = show.tape.entries[first : first + len(kept.entries)]
    for one, other in zip(kept.entries, played, strict=True):
        assert one == other, f"tick {other.k} is kept as {one}"
    for step, kept_step in zip(show.tape.steps[first : first + len(played)], kept.steps, strict=True):
        difference = first_difference(step, kept_step)
        assert not difference, difference
    missing = _unsent(show, span, kept, end)
    assert kept.markers == span.markers[: len(kept.markers)], f"{kept.markers} of {span.markers}"
    if whole:
        assert not any(missing.values()), f"not in the take: {missing}"
        assert len(kept.markers) == len(span.markers), f"{kept.markers} of {span.markers}"


def _unsent(show: Played, span: Span, kept: Kept | None, end: Position) -> dict[str, list[tuple[object, ...]]]:
    """What each bridge got and the take lacks, at its end; AssertionError where they differ before that."""
    missing = {}
    for name, bridge in show.bridges.items():
        wire = bridge.wire[span.begin.sent.get(name, 0) : end.sent[name]]
        got = [(k, t_ns, performer, name, control, value) for k, t_ns, performer, control, value in wire]
        rows = [row for row in kept.sent if row[3] == name] if kept is not None else []
        for i, row in enumerate(rows):
            assert i < len(got), f"{row} was never sent"
            assert row == got[i], f"{got[i]} is kept as {row}"
        missing[name] = got[len(rows) :]
    return missing


RECORDED: Final = (
    recorder_counters_add_up,
    a_power_cut_would_cost_little_at_any_moment,
    a_take_is_what_was_played_and_sent,
    a_crash_leaves_the_beginning_of_a_take,
    a_take_replays_exactly,
)
