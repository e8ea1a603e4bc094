"""What must hold in every show, whatever went wrong in it. Each function raises AssertionError with what it saw."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Final

import numpy as np
from shows import PERIOD, default_map, make_core
from simulation.parts import LONGEST_STALL_NS
from simulation.recorded import RECORDED
from simulation.show import Played

from choreo_service.packets import ACCENT, CONTROLS, MODALITIES, ModalityState
from choreo_service.replay import first_difference, replay_tape

_SLACK: Final = 1e-6  # of float32
_SLACK_S: Final = 1e-3  # ages are kept as float32
_BELIEVED: Final = (ModalityState.LIVE, ModalityState.HELD)
_FRESH: Final = (ModalityState.LIVE, ModalityState.RECOVERING)
_HOLD_AFTER_S: Final = np.array([m.hold_after_s for m in MODALITIES.values()])
_LOST_AFTER_S: Final = np.array([math.inf if m.free_running else m.missing_after_s for m in MODALITIES.values()])
ADAPTER_STATES: Final = {"starting", "up", "down", "stopped"}


def ticks_keep_the_grid(show: Played) -> None:
    entries = show.tape.entries
    assert entries, "no tick was played"
    for entry in entries:
        assert (entry.t_ns - show.start_ns) == entry.k * PERIOD, f"tick {entry.k} was due at {entry.t_ns}"
    for before, after in itertools.pairwise(entries):
        assert after.k > before.k, f"tick {after.k} after {before.k}"
        assert after.dk == after.k - before.k, f"tick {after.k} says dk {after.dk}"
    telemetry = show.service.telemetry
    assert telemetry.ticks + telemetry.skipped == entries[-1].k, "a slot is neither played nor counted as skipped"


def a_tick_uses_exactly_its_packets(show: Played) -> None:
    last_ns = show.start_ns
    for entry in show.tape.entries:
        for packet in entry.packets:
            assert last_ns < packet.t_ns <= entry.t_ns or packet.t_ns == show.start_ns, f"tick {entry.k}: {packet}"
        last_ns = entry.t_ns


def controls_are_finite_in_range_and_slow_enough(show: Played) -> None:
    lo, hi, rate = (np.array([getattr(c, f) for c in CONTROLS.values()]) for f in ("lo", "hi", "rate_per_s"))
    before = np.tile([c.neutral for c in CONTROLS.values()], (show.plan.performers, 1))
    for step in show.tape.steps:
        assert np.isfinite(step.controls).all(), f"tick {step.frame.k}: {step.controls}"
        assert ((step.controls >= lo - _SLACK) & (step.controls <= hi + _SLACK)).all(), f"tick {step.frame.k}"
        most = rate * max(0.1, PERIOD / 1e9) if step.frame.dk > 5 else rate * step.frame.dk * PERIOD / 1e9
        assert (np.abs(step.controls - before) <= most + _SLACK).all(), f"tick {step.frame.k} jumps"
        before = step.controls


def frames_are_finite_and_states_legal(show: Played) -> None:
    for step in show.tape.steps:
        assert np.isfinite(step.frame.features()).all(), f"tick {step.frame.k}: {step.frame.features()}"
    frames = [step.frame for step in show.tape.steps]
    state, age_s = np.array([frame.state for frame in frames]), np.array([frame.age_s for frame in frames])
    assert set(np.unique(state)) <= set(ModalityState), f"states {np.unique(state)}"
    believed, fresh = np.isin(state, _BELIEVED), np.isin(state, _FRESH)
    clear = np.abs(age_s - _HOLD_AFTER_S) > _SLACK_S
    assert (fresh == (age_s <= _HOLD_AFTER_S))[clear].all(), "a modality is held early or late"
    assert not (believed & (age_s > _LOST_AFTER_S + _SLACK_S)).any(), "a modality is believed too long"
    assert show.adapter_states <= ADAPTER_STATES, show.adapter_states


def what_is_sent_lies_in_its_range(show: Played) -> None:
    wires = default_map().wires()
    for name, bridge in show.bridges.items():
        for *_, control, value in bridge.wire:
            lo, hi = (0.0, 1.0) if control == ACCENT else (wires[control].lo, wires[control].hi)
            assert math.isfinite(value), f"{name} got {control} {value}"
            assert lo - _SLACK <= value <= hi + _SLACK, f"{name} got {control} {value}"


def queues_are_bounded_and_drops_counted(show: Played) -> None:
    ingress = show.service.ingress
    taken = sum(len(entry.packets) for entry in show.tape.entries)
    accepted = sum(ingress.accepted.values())
    waiting = sum(len(queue) for queue in ingress._queues.values())
    overflow = sum(causes.get("overflow", 0) for causes in ingress.dropped.values())
    assert all(len(queue) <= show.plan.bound for queue in ingress._queues.values())
    assert accepted == taken + waiting + overflow, f"{accepted} accepted, {taken} + {waiting} + {overflow} found again"


def it_ends_at_neutral_and_in_order(show: Played) -> None:
    """Sensors stop before the last tick is over, bridges close after the last control was sent."""
    wires, ticked_ns = default_map().wires(), show.tape.entries[-1].t_ns
    # A stall at the very end: the slot that would have been played after it lies beyond the end.
    stalled_ns = LONGEST_STALL_NS + PERIOD if "stall" in show.plan.machine else 0
    last_ns = ticked_ns + PERIOD + stalled_ns + 1
    assert show.service.ingress._earliest_ns <= last_ns, "samples were taken after the last tick"
    for name, bridge in show.bridges.items():
        assert not bridge.open, f"{name} was not closed"
        if show.plan.bridge or not bridge.packets:
            continue  # it may have been away at the end
        assert bridge.closed_ns >= bridge.packets[-1][0].t_ns, f"{name} was closed before its last control"
        for performer in range(show.plan.performers):
            mine = [(p, names) for p, names in bridge.packets if p.performer == performer]
            last = {control: packet.value(control) for packet, names in mine for control in names}
            panic = show.service.controller.latches().panic  # what was brought to safety stays there
            rest = {c: wire.safe if panic else wire.neutral for c, wire in wires.items()}
            off = {c: v for c, v in last.items() if abs(v - rest[c]) > _SLACK}
            assert set(last) == set(wires), f"{name}, performer {performer}: only got {set(last)}"
            assert not off, f"{name}, performer {performer}: left at {off}"


def exact_replay_gives_the_same(show: Played) -> None:
    replayed = replay_tape(make_core(show.plan.performers), show.tape.entries)
    for live, again in zip(show.tape.steps, replayed, strict=True):
        difference = first_difference(live, again)
        assert not difference, difference


INVARIANTS: Final[tuple[Callable[[Played], None], ...]] = (
    ticks_keep_the_grid,
    a_tick_uses_exactly_its_packets,
    controls_are_finite_in_range_and_slow_enough,
    frames_are_finite_and_states_legal,
    what_is_sent_lies_in_its_range,
    queues_are_bounded_and_drops_counted,
    it_ends_at_neutral_and_in_order,
    exact_replay_gives_the_same,
    *RECORDED,
)
