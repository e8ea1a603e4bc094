"""The numbers of a report: a dancer passes, each fake fails, and what can't be had says why."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from metrics_takes import HZ, take
from report_takes import ALL, played, subject, variants

from choreo_pipelines.metrics import Outcome
from choreo_pipelines.metrics.controls import clock_only
from choreo_pipelines.report import MASKED, SHUFFLED, SWAPPED, TAKE, Measured, measure
from choreo_pipelines.report.checks import checks
from choreo_pipelines.report.measure import CLOCK, READ, Clip
from choreo_pipelines.report.notes import notes

DANCER = take()


def outcomes(measured: Measured) -> dict[str, Outcome]:
    return {check.name: check.verdict.outcome for check in checks(measured)}


def test_a_dancer_passes_and_stands_beside_four_fakes() -> None:
    measured, clip = measure(subject(played(DANCER)), variants(DANCER))
    found = outcomes(measured)
    for name in ("on the beat", "follows the body", "dancer or clock", "uses the range"):
        assert found[name] is Outcome.PASS
    assert tuple(measured.readings) == READ == (TAKE, CLOCK, SWAPPED, MASKED, SHUFFLED)
    c0 = {name: reading.phase.c0 for name, reading in measured.readings.items()}
    assert c0[CLOCK] == pytest.approx(1.0, abs=0.01)
    assert c0[TAKE] > 0.6 > 0.35 > max(abs(c0[SWAPPED]), abs(c0[SHUFFLED]))
    assert measured.readings[MASKED].phase.verdict.outcome is Outcome.FAIL
    assert len(clip) == len(DANCER.density)


def test_a_clock_is_on_the_beat_but_is_no_dancer() -> None:
    clock = played(DANCER, clock_only(DANCER.position))
    found = outcomes(measure(subject(clock), variants(DANCER, swapped=clock))[0])
    assert found["on the beat"] is Outcome.PASS
    assert found["follows the body"] is Outcome.FAIL
    assert found["dancer or clock"] is Outcome.FAIL


def test_a_beat_nobody_sent_is_not_measured_against() -> None:
    """The frames hold a running phase all the same: it is the service's own clock."""
    one = subject(played(DANCER), ALL - {"beat"})
    other = variants(DANCER)
    measured, clip = measure(one, other)
    assert np.isnan(clip.position).all()
    assert measured.present["beat"] == 1.0
    assert measured.beats_given == 0.0
    assert measured.readings[TAKE].energy.r > 0.9
    found = outcomes(measured)
    for name in ("on the beat", "follows the body", "dancer or clock", "looks 1 beat ahead", "looks 1 bar ahead"):
        assert found[name] is Outcome.NOT_COMPUTABLE
    assert any("service's own clock" in note for note in notes(one, other, measured))


def test_without_motion_only_the_body_is_missing() -> None:
    body_less = played(DANCER, absent=frozenset({"motion"}))
    one, other = subject(body_less, ALL - {"motion"}), variants(DANCER)
    measured, _ = measure(one, other)
    found = outcomes(measured)
    assert found["on the beat"] is Outcome.PASS
    assert found["follows the body"] is found["dancer or clock"] is Outcome.NOT_COMPUTABLE
    assert list(measured.usage.used_range) == ["tension"]
    assert any("No motion" in note for note in notes(one, other, measured))


def test_without_anything_every_gate_has_its_reason() -> None:
    empty = played(DANCER, np.full(len(DANCER.density), 0.3), absent=ALL)
    measured, _ = measure(subject(empty, frozenset()), variants(DANCER))
    for check in checks(measured):
        assert not check.verdict.passed
        assert check.verdict.reason
    json.dumps(measured.to_dict(), allow_nan=False)


def test_a_shorter_exchanged_body_is_read_over_what_both_have() -> None:
    half = len(DANCER.density) // 2
    whole = played(DANCER, take(seed=10, bpm=123.0).density)
    short = dataclasses.replace(
        whole,
        **{name: getattr(whole, name)[:half] for name in ("t_ns", "features", "present", "raw", "controls", "held")},
    )
    measured, clip = measure(subject(played(DANCER)), variants(DANCER, swapped=short))
    assert len(clip) == 2 * half
    assert measured.readings[SWAPPED].energy.bars < measured.readings[TAKE].energy.bars
    assert measured.separation.verdict.outcome is Outcome.PASS


def test_drift_is_told_of_a_loop_alone() -> None:
    made = played(DANCER)
    times = np.arange(3 * len(made.t_ns))
    loop = dataclasses.replace(
        made,
        t_ns=made.t_ns[0] + times * 20_000_000,
        **{name: np.tile(getattr(made, name), (3, 1)) for name in ("features", "present", "raw", "controls")},
        held=np.tile(made.held, 3),
    )
    once, _ = measure(subject(made), variants(DANCER))
    assert "--drift-minutes" in once.drift.verdict.reason
    looped, _ = measure(subject(made), variants(DANCER, loop=loop, frames=len(made.t_ns)))
    assert looped.drift.verdict.outcome is Outcome.PASS
    assert looped.drift.passes == 3
    bent = dataclasses.replace(
        loop, controls=loop.controls * np.linspace(1, 0.4, len(times), dtype=np.float32)[:, None]
    )
    drifting, _ = measure(subject(made), variants(DANCER, loop=bent, frames=len(made.t_ns)))
    assert drifting.drift.verdict.outcome is Outcome.FAIL


def test_skipped_ticks_keep_their_place_in_time() -> None:
    whole = played(DANCER)
    kept = np.flatnonzero(np.arange(len(whole.t_ns)) % 50 != 7)
    skipped = dataclasses.replace(
        whole,
        **{name: getattr(whole, name)[kept] for name in ("t_ns", "features", "present", "raw", "controls", "held")},
    )
    clip = Clip.of(skipped, ALL)
    assert len(clip) == len(whole.t_ns)
    np.testing.assert_array_equal(clip.controls[6::50], clip.controls[7::50])
    assert clip.hz == HZ


def test_held_and_absent_shares_are_told() -> None:
    made = played(DANCER)
    held = np.arange(len(made.t_ns)) % 10 == 0
    present = made.present.copy()
    present[: len(held) // 4, 1] = False
    measured, _ = measure(subject(dataclasses.replace(made, held=held, present=present)), variants(DANCER))
    assert measured.held == pytest.approx(0.1)
    assert measured.present["heart"] == pytest.approx(0.75)


def test_a_copy_of_the_own_body_is_called_out() -> None:
    made = played(DANCER)
    one, same = subject(made), variants(DANCER, swapped=made)
    measured, _ = measure(one, same)
    assert measured.separation.verdict.outcome is Outcome.FAIL
    assert any("may be the same dance" in note for note in notes(one, same, measured))
    other = variants(DANCER)
    assert not any("same dance" in note for note in notes(one, other, measure(one, other)[0]))


def test_recorded_controls_another_mapper_would_not_play_are_called_out() -> None:
    made = played(DANCER)
    heard = dataclasses.replace(made, controls=np.clip(made.controls + 0.25, 0, 1), mapper="")
    one = dataclasses.replace(subject(made), played=heard)
    assert one.was_played
    assert one.difference == pytest.approx(0.25, abs=1e-6)
    other = variants(DANCER)
    assert any("doesn't play the recorded controls" in note for note in notes(one, other, measure(one, other)[0]))
    same = dataclasses.replace(one, played=dataclasses.replace(made, mapper=""))
    assert same.difference == 0
    assert not any("doesn't play" in note for note in notes(same, other, measure(same, other)[0]))
