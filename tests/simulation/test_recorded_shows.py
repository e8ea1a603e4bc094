"""Each invariant of the recorder sees its violation: takes and counters of a quiet show, spoilt one at a time; and
shows whose recorder isn't told of what goes out between two ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import pytest
from simulation.faults import Plan
from simulation.kept import Kept
from simulation.parts import SimBridge
from simulation.recorded import RECORDED, a_take_is_what_was_played_and_sent
from simulation.show import Played, play

from choreo_service.errors import SessionError
from choreo_service.packets import ACCENT, ControlPacket
from choreo_service.protocols import Sent
from choreo_service.recorder import Recorder

SECONDS: Final = 3.0


def quiet(plan: Plan) -> bool:
    """Recorded from its beginning to its end, with a power cut in its last third; nothing else goes wrong."""
    faults = plan.bridge | plan.disk | plan.machine
    return not faults and plan.recording and not plan.commands and plan.crash == "power cut" and plan.crash_s > 2


QUIET: Final = next(seed for seed in range(10_000) if quiet(Plan.of(seed, SECONDS)))


def of(takes: Mapping[object, object]) -> Kept:
    (kept,) = takes.values()
    assert isinstance(kept, Kept)
    return kept


def spoil_accepted(show: Played) -> None:
    show.writer.rounds[4] = show.writer.rounds[4]._replace(accepted=show.writer.rounds[4].accepted + 1)


def spoil_dropped(show: Played) -> None:
    show.writer.spans[0].recording.dropped += 1


def spoil_written(show: Played) -> None:
    show.writer.spans[0].recording.written -= 1


def spoil_bound(show: Played) -> None:
    show.writer.rounds[4] = show.writer.rounds[4]._replace(bound=1)


def spoil_writer(show: Played) -> None:
    show.writer.bugs.append(ZeroDivisionError("a bug"))


def spoil_sync(show: Played) -> None:
    show.writer.lags_s.append(1.21)


def change_packet(kept: Kept) -> None:
    i = next(i for i, entry in enumerate(kept.entries) if entry.packets)
    packet = kept.entries[i].packets[0]
    changed = replace(packet, values=(packet.values[0] + 1e-9, *packet.values[1:]))
    kept.entries[i] = kept.entries[i]._replace(packets=(changed, *kept.entries[i].packets[1:]))


def shorten(kept: Kept, ticks: int) -> None:
    del kept.entries[ticks:], kept.steps[ticks:]


def spoil_packet(show: Played) -> None:
    change_packet(of(show.takes))


def spoil_step(show: Played) -> None:
    of(show.takes).steps[9].controls[0, 1] += 1e-6


def spoil_length(show: Played) -> None:
    shorten(of(show.takes), -1)


def spoil_middle(show: Played) -> None:
    of(show.takes).lost_rows["packets"] = 1


def spoil_sent(show: Played) -> None:
    *message, value = of(show.takes).sent[7]
    of(show.takes).sent[7] = (*message, value + 1e-6)


def spoil_sent_end(show: Played) -> None:
    of(show.takes).sent.pop()


def spoil_sent_more(show: Played) -> None:
    of(show.takes).sent.append(of(show.takes).sent[-1])


def spoil_marker(show: Played) -> None:
    of(show.takes).markers.append((show.start_ns, "nobody said so"))


def spoil_marker_lost(show: Played) -> None:
    show.writer.spans[0].markers.append((show.start_ns, "chorus"))


def spoil_take(show: Played) -> None:
    show.takes.clear()


def forget_counters(show: Played) -> None:
    """So that what was promised by time stands alone."""
    crash = show.writer.crash
    assert crash is not None
    assert crash.punctual
    counters = {folder: one._replace(durable=0) for folder, one in crash.counters.items()}
    show.writer.crash = crash._replace(counters=counters)


def spoil_survivor(show: Played) -> None:
    change_packet(of(show.survivors))


def spoil_durable(show: Played) -> None:
    crash = show.writer.crash
    assert crash is not None
    shorten(of(show.survivors), next(iter(crash.counters.values())).durable - 1)


def spoil_promise(show: Played) -> None:
    forget_counters(show)
    shorten(of(show.survivors), 30)


def spoil_sent_promise(show: Played) -> None:
    del of(show.survivors).sent[30:]


def spoil_reading(show: Played) -> None:
    (folder,) = show.survivors
    show.survivors[folder] = SessionError("page checksum", fix="none")


def spoil_time(show: Played) -> None:
    """The take holds what happened after the crash."""
    show.survivors = show.takes


def spoil_replay(show: Played) -> None:
    of(show.takes).differs = "tick 37: step.controls"


SPOILS: Final = {
    "recorder_counters_add_up": (spoil_accepted, spoil_dropped, spoil_written, spoil_bound, spoil_writer),
    "a_power_cut_would_cost_little_at_any_moment": (spoil_sync,),
    "a_take_is_what_was_played_and_sent": (
        spoil_packet,
        spoil_step,
        spoil_length,
        spoil_middle,
        spoil_sent,
        spoil_sent_end,
        spoil_sent_more,
        spoil_marker,
        spoil_marker_lost,
        spoil_take,
    ),
    "a_crash_leaves_the_beginning_of_a_take": (
        spoil_survivor,
        spoil_durable,
        spoil_promise,
        spoil_sent_promise,
        spoil_reading,
        spoil_time,
    ),
    "a_take_replays_exactly": (spoil_replay,),
}


@pytest.mark.parametrize(("spoil", "broken"), [(spoil, name) for name, spoils in SPOILS.items() for spoil in spoils])
def test_each_invariant_sees_its_violation(spoil: Callable[[Played], None], broken: str) -> None:
    show = play(QUIET, SECONDS)
    invariant = next(one for one in RECORDED if one.__name__ == broken)
    invariant(show)
    spoil(show)
    with pytest.raises(AssertionError):
        invariant(show)


def tell_of_nothing_unasked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SimBridge, "report_to", lambda bridge, told: None)


def tell_of_no_accent(patch: pytest.MonkeyPatch) -> None:
    keep = Recorder.sent

    def sent(recorder: Recorder, bridge: str, packet: ControlPacket, sent: Sent) -> None:
        keep(recorder, bridge, packet, tuple(one for one in sent if one[0] != ACCENT))

    patch.setattr(Recorder, "sent", sent)


BETWEEN_TICKS: Final[Mapping[str, tuple[Callable[[Plan], bool], Callable[[pytest.MonkeyPatch], None]]]] = {
    "panic": (lambda plan: plan.commands and not plan.bridge, tell_of_nothing_unasked),
    "new receiver": (lambda plan: not plan.commands and plan.bridge == {"new receiver"}, tell_of_nothing_unasked),
    "accent": (lambda plan: not plan.commands and not plan.bridge, tell_of_no_accent),
}


@pytest.mark.parametrize("what", BETWEEN_TICKS)
def test_a_take_that_lacks_what_went_out_between_two_ticks_is_seen(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    may_have_it, leave_out = BETWEEN_TICKS[what]
    plans = (Plan.of(seed, SECONDS) for seed in range(2000))
    for plan in [p for p in plans if p.recording and not p.disk and not p.machine and may_have_it(p)]:
        with monkeypatch.context() as patch:
            leave_out(patch)
            show = play(plan.seed, SECONDS)
        try:
            a_take_is_what_was_played_and_sent(show)
        except AssertionError:
            a_take_is_what_was_played_and_sent(play(plan.seed, SECONDS))
            return
    pytest.fail(f"no show had a {what}, or none was missed")


def test_every_invariant_is_spoilt() -> None:
    assert set(SPOILS) == {invariant.__name__ for invariant in RECORDED}
