"""A controller goes on where another one was left: what was in force is, and no value jumps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from controller_stage import SAFE, Stage, path

from choreo_service.controller import Controller, Scene
from choreo_service.packets import CONTROL_NAMES
from choreo_service.standby.packing import pack, unpack

FADE = 10  # ticks


def successor(stage: Stage, **options: object) -> Stage:
    """Another controller that was given what `stage`'s leaves."""
    other = Stage(**options)  # type: ignore[arg-type]
    other.controller.load_state(unpack(pack(stage.controller.state())), FADE * 0.02)
    other.k = stage.k
    return other


def test_it_walks_from_the_last_value_to_the_body() -> None:
    stage = Stage()
    stage.tick(3, body=0.2)
    after = successor(stage)
    after.tick(FADE, body=0.8)
    assert after.last(FADE) == pytest.approx([0.2 + 0.6 * (i + 1) / FADE for i in range(FADE)])
    after.tick(1, body=0.3)
    assert after.at() == pytest.approx(0.3)  # the body's word counts again as it is


VERBS: dict[str, Callable[[Controller], None]] = {
    "freeze": lambda c: c.freeze(),
    "hold": lambda c: c.hold("density"),
    "mute": lambda c: c.mute("density"),
    "manual": lambda c: c.manual("density", 0.2),
    "panic": lambda c: c.panic(),
    "map": lambda c: c.map("tension"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_hands_hold_stays_in_force_and_can_be_left(verb: str) -> None:
    stage = Stage()
    stage.tick(3, body=0.2)
    VERBS[verb](stage.controller)
    stage.tick(7, body=0.8)
    after = successor(stage)
    before, now = stage.controller.latches(), after.controller.latches()
    assert now == before
    after.tick(2 * FADE, body=0.9)
    assert after.at() == pytest.approx({"panic": SAFE, "mute": 0.9, "map": 0.9}.get(verb, 0.2))
    if verb == "mute":
        assert after.last(2 * FADE) == []
    after.controller.resume()
    after.tick(2 * FADE)
    assert after.at() == pytest.approx(0.9)
    assert after.controller.latches() == Stage().controller.latches()


def test_a_second_panic_is_at_once_as_it_would_have_been() -> None:
    stage = Stage()
    stage.tick(3)
    stage.controller.panic()
    stage.tick(1)
    after = successor(stage)
    after.controller.panic()
    assert after.panics == 1


def test_the_scene_plays_on_and_one_that_is_gone_becomes_home() -> None:
    half = {"half": Scene([path(n, span=(0.0, 0.5)) for n in CONTROL_NAMES], 0.0)}
    stage = Stage(scenes=half)
    stage.controller.scene("half")
    stage.tick(3, body=0.8)
    assert stage.at() == pytest.approx(0.4)
    with_it, without = successor(stage, scenes=half), successor(stage)
    for after in (with_it, without):
        after.tick(2 * FADE, body=0.8)
    assert (with_it.controller.playing[0], with_it.at()) == ("half", pytest.approx(0.4))
    assert (without.controller.playing[0], without.at()) == ("home", pytest.approx(0.8))


@pytest.mark.parametrize(("before", "now"), [(1, 2), (2, 1)])
@pytest.mark.parametrize("verb", VERBS)
def test_also_where_performers_came_or_went(verb: str, before: int, now: int) -> None:
    stage = Stage(performers=before)
    stage.tick(3, body=0.2)
    VERBS[verb](stage.controller)
    stage.tick(1, body=0.2)
    after = successor(stage, performers=now)
    assert after.controller.latches() == stage.controller.latches()
    after.tick(2 * FADE, body=0.9)
    if verb == "panic":
        assert [packet.density for packet in after.controller.latest] == pytest.approx([SAFE] * now)
    after.controller.resume()
    after.tick(2 * FADE, body=0.9)
    assert [packet.density for packet in after.controller.latest] == pytest.approx([0.9] * now)


def test_a_map_sweep_of_a_performer_who_is_gone_ends() -> None:
    stage = Stage(performers=2)
    stage.controller.map("tension", 1)
    stage.tick(1)
    assert successor(stage).controller.latches().map == ""
