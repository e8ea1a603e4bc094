"""A hand on a slider: heard at once, without a jump, as often as it moves."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from controller_stage import EASE, Stage, path

from choreo_service.controller import Manners, Scene
from choreo_service.controller.controller import RESHAPE_S
from choreo_service.easing import Eased
from choreo_service.packets import CONTROL_NAMES

FADE = round(RESHAPE_S / 0.02)


def reshape(stage: Stage, scenes: dict[str, Scene] | None = None, **density: object) -> None:
    paths = {name: path(name) for name in CONTROL_NAMES}
    paths["density"] = replace(paths["density"], **density)  # type: ignore[arg-type]
    stage.controller.reshape(paths, manners=Manners(ease_s=EASE * 0.02), scenes=scenes or {})


def largest_step(values: list[float]) -> float:
    return max((abs(b - a) for a, b in itertools.pairwise(values)), default=0.0)


def test_a_turned_round_control_is_across_in_its_time_and_the_others_stay() -> None:
    stage = Stage()
    stage.tick(5, body=0.9)
    reshape(stage, invert=True)
    stage.tick(FADE + 1)
    assert stage.at() == pytest.approx(0.1)
    assert largest_step([0.9, *stage.last(FADE + 1)]) <= 0.8 / FADE * 1.2
    assert stage.at("tension") == pytest.approx(0.9)


def test_a_slider_may_move_on_every_tick_and_the_last_place_counts() -> None:
    stage, dice = Stage(), random.Random(4)
    stage.tick(5, body=1.0)
    for _ in range(200):
        reshape(stage, clamp=(0.0, dice.uniform(0.2, 1.0)))
        stage.tick()
    reshape(stage, clamp=(0.0, 0.35))
    stage.tick(2 * FADE + 2)
    assert stage.at() == pytest.approx(0.35)
    assert largest_step([1.0, *stage.last(1000)]) <= 0.8 / FADE * 1.2


def test_a_scene_that_fades_in_fades_on() -> None:
    def drive(**changes: object) -> dict[str, Scene]:
        return {"drive": Scene([path(name, **(changes if name == "density" else {})) for name in CONTROL_NAMES], 2.0)}

    stage = Stage(scenes=drive(clamp=(0.8, 1.0)))
    stage.tick(5, body=0.0)
    stage.controller.scene("drive")
    stage.tick(50)
    assert stage.at() == pytest.approx(0.4)
    reshape(stage, drive(clamp=(0.4, 1.0)))
    stage.tick(25)
    assert stage.controller.playing == ("drive", pytest.approx(0.5))
    assert stage.at() == pytest.approx(0.3)  # three quarters of the way to the new place
    stage.tick(30)
    assert stage.at() == pytest.approx(0.4)


def test_a_longer_glide_goes_on_from_the_shorter_ones_way() -> None:
    stage = Stage()
    reshape(stage, ease_s=0.2)
    stage.tick(20, body=0.0)
    stage.tick(5, body=1.0)
    half = stage.at()
    reshape(stage, ease_s=1.0)
    stage.tick(60)
    assert 0.4 < half < 0.6
    assert stage.at() == pytest.approx(1.0)
    assert largest_step(stage.last(60)) < 0.15


def test_an_eased_value_takes_over_anothers_targets() -> None:
    first, second = Eased("linear", 0.1, 0.02), Eased("linear", 0.2, 0.02)
    for target in (0.0, 0.0, 1.0):
        first.step(target)
    second.follow(first)
    assert second.step(1.0) == pytest.approx(0.2)  # two of ten targets are new
    assert Eased("linear", 0.1, 0.02).step(3.0) == 3.0


def test_another_address_gets_everything_at_once() -> None:
    stage = Stage()
    stage.tick(10, body=0.5)
    reshape(stage, wire=replace(path("density").wire, cc=77))
    stage.tick()
    assert (0, "tension") in stage.heard[-1]
    assert (0, "density") in stage.heard[-1]
    reshape(stage, wire=replace(path("density").wire, cc=77), clamp=(0.0, 0.9))
    stage.tick()
    assert stage.heard[-1] == {}  # nothing moved


def test_hands_keep_what_they_hold() -> None:
    stage = Stage(takeover="none")
    stage.tick(5, body=0.5)
    stage.controller.manual("density", 0.9)
    reshape(stage, clamp=(0.0, 0.6))
    stage.tick(FADE + 2)
    assert stage.at() == pytest.approx(0.6)
    assert stage.controller.latches().manual == ("density",)
