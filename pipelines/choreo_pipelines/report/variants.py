"""The take's own music beside the same mapper's for another body and for none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from choreo_pipelines.playing import Played, looped, of_performers, play, with_body_of, with_shifted_body, without
from choreo_pipelines.report.other_body import named_body, neighbouring_body
from choreo_pipelines.report.subject import CoreFactory, Subject, take_name
from choreo_service.clock import NS
from choreo_service.replay import take_entries

SHIFT_SHARE: Final = 1 / 3  # of the take: far from itself in both directions of the circle
MIN_LOOP_PASSES: Final = 3  # one to warm up, two to compare


@dataclass(frozen=True, slots=True, eq=False)
class Variants:
    """What the core plays instead."""

    swapped: Played  # this take's ticks and beat, another body; may be shorter
    swapped_with: str  # whose body, for people
    masked: Played  # the same take with every motion packet removed
    loop: Played | None  # the take played in a loop, None where that wasn't asked for
    loop_frames: int  # ticks of one pass


def play_variants(
    subject: Subject, new_core: CoreFactory, *, swap: Path | None = None, drift_minutes: float | None = None
) -> Variants:
    """Play the exchanged body, the masked motion and, if asked for, the loop that shows drift.

    SessionError when `swap` is no take with motion.
    """
    performer = subject.performer
    core = new_core()
    tape = list(take_entries(subject.session, core.period_ns))
    duration_s = (tape[-1].t_ns - tape[0].t_ns) / NS
    other = named_body(swap, subject.session, performer) if swap else neighbouring_body(subject.session, performer)
    if other is None:
        swapped_with = f"this body {duration_s * SHIFT_SHARE:.0f} s later: no other take with motion lies beside it"
        bodies = with_shifted_body(tape, duration_s * SHIFT_SHARE)
    else:
        swapped_with = f"take {take_name(other)}"
        bodies = with_body_of(tape, of_performers(core.performers, take_entries(other, core.period_ns)))
    slots = tape[-1].k - tape[0].k + 1
    loop = None
    if drift_minutes is not None:
        # One pass more than the minutes: the first is warm-up and doesn't count.
        passes = max(MIN_LOOP_PASSES, 1 + math.ceil(drift_minutes * 60 * NS / (slots * core.period_ns)))
        loop = play(looped(tape, passes), new_core(), name=f"{subject.name} looped", performer=performer)
    return Variants(
        swapped=play(bodies, core, name=f"{subject.name} with {swapped_with}", performer=performer),
        swapped_with=swapped_with,
        masked=play(without(tape, "motion"), new_core(), name=f"{subject.name} without motion", performer=performer),
        loop=loop,
        loop_frames=slots,
    )
