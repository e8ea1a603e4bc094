"""Hundreds of whole shows in virtual time, each with its own mixture of faults drawn from its seed.

A failing seed is printed; `CHOREO_SHOW_SEED=1234 pytest tests/simulation` plays that one alone.
`make simulate SHOWS=5000` plays more.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
from simulation.faults import BRIDGE_FAULTS, CRASHES, DISK_FAULTS, MACHINE_FAULTS, SENSOR_FAULTS, Plan
from simulation.invariants import INVARIANTS
from simulation.recorded import RECORDED
from simulation.show import Played, play

from choreo_service.clock import NS
from choreo_service.packets import ModalityState

SHOWS: Final = int(os.environ.get("CHOREO_SHOWS", "200"))
ONE: Final = os.environ.get("CHOREO_SHOW_SEED")
SEEDS: Final = [int(ONE)] if ONE else list(range(SHOWS))
HARMLESS_BRIDGES: Final = next(seed for seed in range(100) if not Plan.of(seed, 3.0).bridge)
BATCH: Final = 20  # shows per test: their names stay few


@pytest.mark.parametrize("first", range(0, len(SEEDS), BATCH), ids=lambda first: f"from seed {SEEDS[first]}")
def test_every_promise_holds_in_every_show(first: int) -> None:
    for seed in SEEDS[first : first + BATCH]:
        show = play(seed)
        for invariant in INVARIANTS:
            try:
                invariant(show)
            except AssertionError as broken:
                again = f"CHOREO_SHOW_SEED={seed} pytest tests/simulation"
                pytest.fail(f"{invariant.__name__}: {broken}\n{show.plan}\nplay it again: {again}")


def test_the_seeds_draw_every_fault() -> None:
    drawn: Counter[str] = Counter()
    for seed in range(200):
        plan = Plan.of(seed, 10.0)
        drawn.update(plan.sensor | plan.bridge | plan.machine | plan.disk | {plan.crash})
    assert set(drawn) == {*SENSOR_FAULTS, *BRIDGE_FAULTS, *MACHINE_FAULTS, *DISK_FAULTS, *CRASHES}
    assert min(drawn.values()) > 20


def test_the_faults_really_strike() -> None:
    shows = [play(seed) for seed in range(30)]
    causes: Counter[str] = Counter()
    for show in shows:
        for counts in show.service.ingress.dropped.values():
            causes.update(counts)
    assert {"overflow", "not finite", "wrong width", "unknown stream", "unknown performer", "too many sources"} <= set(
        causes
    )
    assert sum(show.service.telemetry.skipped for show in shows) > 100
    assert {"down", "up"} <= set().union(*(show.adapter_states for show in shows))
    assert any(show.service.controller.bridge_errors for show in shows)
    bridges = [bridge for show in shows for bridge in show.bridges.values()]
    assert any(bridge.panics for bridge in bridges), "no panic was immediate"
    assert any(bridge.unasked and not bridge.panics for bridge in bridges), "no receiver was new"
    assert any(bridge.accents for bridge in bridges)
    assert set().union(*(show.writer.struck for show in shows)) == set(DISK_FAULTS)
    assert (
        sum(span.recording.dropped for show in shows for span in show.writer.spans) > 100
    )  # disks too ill for too long
    lags = [lag for show in shows for lag in show.writer.lags_s]
    assert max(lags) > 0.9, "no moment was looked at that lies just before a sync"
    crashes = [show.writer.crash for show in shows if show.survivors]
    assert sum(crash is not None and crash.punctual for crash in crashes) >= 5


def test_the_same_seed_is_the_same_show_in_another_process() -> None:
    """Under other hash seeds too: nothing may depend on the order of a set."""
    code = "import sys; sys.path[:0] = ['tests']; from simulation.show import play; print(play(7, 5.0).digest())"
    digests = set()
    for hash_seed in ("1", "77"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        digests.add(done.stdout.splitlines()[-1])
    assert digests == {play(7, 5.0).digest()}


def spoil_grid(show: Played) -> None:
    show.tape.entries[5] = show.tape.entries[5]._replace(k=3)


def spoil_due(show: Played) -> None:
    show.tape.entries[5] = show.tape.entries[5]._replace(t_ns=show.tape.entries[5].t_ns + 1)


def spoil_skips(show: Played) -> None:
    show.service.telemetry.skipped += 1


def spoil_range(show: Played) -> None:
    show.tape.steps[9].controls[0, 1] = 1.5


def spoil_number(show: Played) -> None:
    show.tape.steps[9].controls[0, 1] = math.nan


def spoil_speed(show: Played) -> None:
    show.tape.steps[9].controls[0, 0] = 1.0 if show.tape.steps[9].controls[0, 0] < 0.5 else 0.0


def spoil_frame(show: Played) -> None:
    show.tape.steps[9].frame.motion[0, 2] = float("nan")


def spoil_state(show: Played) -> None:
    show.tape.steps[9].frame.state[0, 0] = 7


def spoil_held(show: Played) -> None:
    """Held, though it was heard a moment ago."""
    frame = show.tape.steps[-1].frame
    frame.age_s[0, 0], frame.state[0, 0] = 0.0, ModalityState.HELD


def spoil_belief(show: Played) -> None:
    frame = show.tape.steps[-1].frame
    frame.age_s[0, 0], frame.state[0, 0] = 1000.0, ModalityState.HELD


def spoil_adapter(show: Played) -> None:
    show.adapter_states.add("confused")


def spoil_bound(show: Played) -> None:
    """Too many wait, and the books say so."""
    source = next(iter(show.service.ingress._queues))
    packet = next(packet for entry in show.tape.entries for packet in entry.packets)
    show.service.ingress._queues[source] = deque([packet] * (show.plan.bound + 1))
    show.service.ingress.accepted[source] += show.plan.bound + 1


def spoil_count(show: Played) -> None:
    show.service.ingress.accepted["phone0"] += 1


def spoil_packets(show: Played) -> None:
    i = next(i for i, entry in enumerate(show.tape.entries) if entry.packets)
    later = show.tape.entries[i + 1]
    show.tape.entries[i + 1] = later._replace(packets=(*show.tape.entries[i].packets, *later.packets))


def spoil_sent(show: Played) -> None:
    show.bridges["first"].wire.append((1, show.start_ns, 0, "density", 7.0))


def spoil_sent_number(show: Played) -> None:
    show.bridges["first"].wire.append((1, show.start_ns, 0, "density", math.inf))


def spoil_sent_accent(show: Played) -> None:
    show.bridges["first"].wire.append((1, show.start_ns, 0, "accent", 1.1))


def spoil_end(show: Played) -> None:
    show.bridges["first"].packets.append((replace(show.service.controller.latest[0], density=0.9), ("density",)))


def spoil_order(show: Played) -> None:
    show.bridges["first"].closed_ns = show.start_ns


def spoil_closing(show: Played) -> None:
    show.bridges["first"].open = True


def spoil_silence(show: Played) -> None:
    show.service.ingress._earliest_ns = show.tape.entries[-1].t_ns + NS * 3


SPOILS: Final = {
    "ticks_keep_the_grid": (spoil_grid, spoil_due, spoil_skips),
    "a_tick_uses_exactly_its_packets": (spoil_packets,),
    "controls_are_finite_in_range_and_slow_enough": (spoil_range, spoil_speed, spoil_number),
    "frames_are_finite_and_states_legal": (
        spoil_frame,
        spoil_state,
        spoil_held,
        spoil_belief,
        spoil_adapter,
    ),
    "what_is_sent_lies_in_its_range": (spoil_sent, spoil_sent_number, spoil_sent_accent),
    "queues_are_bounded_and_drops_counted": (spoil_count, spoil_bound),
    "it_ends_at_neutral_and_in_order": (spoil_end, spoil_order, spoil_closing, spoil_silence),
    "exact_replay_gives_the_same": (spoil_packets,),
}


@pytest.mark.parametrize(("spoil", "broken"), [(spoil, name) for name, spoils in SPOILS.items() for spoil in spoils])
def test_each_invariant_sees_its_violation(spoil: Callable[[Played], None], broken: str) -> None:
    show = play(HARMLESS_BRIDGES, 3.0)
    invariant = next(one for one in INVARIANTS if one.__name__ == broken)
    invariant(show)
    spoil(show)
    with pytest.raises(AssertionError):
        invariant(show)


def test_every_invariant_is_spoilt() -> None:
    """Those of the recorder are in test_recorded_shows."""
    assert set(SPOILS) == {invariant.__name__ for invariant in INVARIANTS} - {one.__name__ for one in RECORDED}
