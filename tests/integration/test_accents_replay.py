"""A take that holds its accents is compared with what a replay finds; and one that was tampered with differs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from shows import RandomArrivals, make_accents, make_core, make_service

from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.packets import Accent
from choreo_service.replay import Tape, replay_take
from choreo_service.session import Session, write_session


@pytest.fixture(scope="module")
def played() -> tuple[Tape, list[Accent]]:
    """Ten seconds of a phone that is shaken at random, live."""
    clock, tape, live = VirtualClock(), Tape(), list[Accent]()
    service = make_service(clock, {"phone": lambda e, c: RandomArrivals(e, c, seed=4)}, {}, accents=make_accents())
    service.listeners.append(tape)
    service.on_accent.append(live.append)
    run_virtual(clock, service.run(seconds=10))
    return tape, live


def _take(folder: Path, tape: Tape, accents: list[Accent]) -> Session:
    packets = [packet for entry in tape.entries for packet in entry.packets]
    return write_session(folder / "take", packets=packets, steps=tape.steps, accents=accents, meta={})


def test_what_went_out_live_comes_out_of_the_take_again(tmp_path: Path, played: tuple[Tape, list[Accent]]) -> None:
    tape, live = played
    report = replay_take(_take(tmp_path, tape, live).path, make_core(), make_accents())
    assert report.ok, report.difference
    assert report.accents == len(live) > 5
    assert report.compared == len(tape.steps)
    assert f"{report.accents} accents" in report.text()


@pytest.mark.parametrize("change", ["strength", "lost", "invented"])
def test_an_accent_that_differs_is_found_and_named(
    tmp_path: Path, played: tuple[Tape, list[Accent]], change: str
) -> None:
    tape, live = played
    other = list(live)
    if change == "strength":
        other[3] = dataclasses.replace(other[3], strength=other[3].strength * 0.999)
    elif change == "lost":
        del other[3]
    else:
        other.insert(4, dataclasses.replace(other[3], seq=other[3].seq + 1))
    report = replay_take(_take(tmp_path, tape, other).path, make_core(), make_accents())
    assert report.difference.startswith("accents: recorded ")
