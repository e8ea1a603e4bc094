"""New paths for a controller that plays: nothing jumps, everything is sent anew, hands keep what they hold."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from controller_stage import PERIOD, Stage, path

from choreo_service.controller import Manners, Scene
from choreo_service.controller.controller import CHANGE_S
from choreo_service.packets import CONTROL_NAMES
from choreo_service.protocols import ControlWire

TICKS = round(CHANGE_S / 0.02)


def change(
    stage: Stage, *, scenes: dict[str, Scene] | None = None, throttle_ns: int | None = None, **density: object
) -> None:
    paths = {name: path(name) for name in CONTROL_NAMES}
    paths["density"] = replace(paths["density"], **density)  # type: ignore[arg-type]
    stage.controller.change(
        paths, refresh_s=1000.0, manners=Manners(), scenes=scenes or {}, throttles={"bridge": throttle_ns}
    )


def wire(lo: float, hi: float, **changes: object) -> ControlWire:
    plain = ControlWire("density", lo, hi, cc=21, channel=1, neutral=(lo + hi) / 2, safe=lo)
    return replace(plain, **changes)  # type: ignore[arg-type]


def largest_step(values: list[float]) -> float:
    return max((abs(b - a) for a, b in itertools.pairwise(values)), default=0.0)


def test_every_control_is_sent_anew_with_the_next_tick() -> None:
    stage = Stage()
    stage.tick(10, body=0.8)
    assert stage.heard[-1] == {}
    change(stage)
    stage.tick()
    assert {name for _, name in stage.heard[-1]} == set(CONTROL_NAMES)


def test_a_turned_round_control_crosses_over_without_a_jump() -> None:
    stage = Stage()
    stage.tick(10, body=0.9)
    change(stage, invert=True)
    stage.tick(TICKS)
    assert stage.at() == pytest.approx(0.1)
    assert largest_step([0.9, *stage.last(TICKS)]) <= 0.8 / TICKS * 1.01
    assert stage.at("tension") == pytest.approx(0.9)


def test_a_new_range_is_glided_to_though_the_body_rests() -> None:
    stage = Stage()
    stage.tick(10, body=0.5)
    change(stage, wire=wire(10.0, 30.0))
    stage.tick(TICKS)
    values = stage.last(TICKS)
    assert len(values) == TICKS  # each tick's value differs, so each is sent
    assert stage.at() == pytest.approx(20.0)
    assert largest_step([0.5, *values]) <= 19.5 / TICKS * 1.01
    stage.tick(20)
    assert stage.last(20) == []  # and then it rests


def test_a_gliding_range_keeps_to_the_throttle() -> None:
    stage = Stage()
    stage.tick(10, body=0.5)
    change(stage, wire=wire(10.0, 30.0), throttle_ns=2 * PERIOD)
    stage.tick(TICKS + 2)
    assert TICKS // 2 <= len(stage.last(TICKS + 2)) <= TICKS // 2 + 2
    assert stage.last(TICKS + 2)[-1] == pytest.approx(20.0)


def test_what_a_hand_holds_stays_within_the_new_clamp() -> None:
    stage = Stage()
    stage.tick(10, body=0.9)
    stage.controller.hold("density")
    stage.tick(5, body=0.2)
    assert stage.at() == pytest.approx(0.9)
    change(stage, clamp=(0.0, 0.6))
    stage.tick(TICKS)
    assert stage.at() == pytest.approx(0.6)
    assert largest_step([0.9, *stage.last(TICKS)]) <= 0.3 / TICKS * 1.01


def test_panic_stands_and_walks_to_the_new_safe_value() -> None:
    stage = Stage()
    stage.tick(10, body=0.9)
    stage.controller.panic()
    stage.tick(10)
    assert stage.at() == pytest.approx(0.1)
    change(stage, wire=wire(0.0, 1.0, safe=0.3))
    stage.tick(TICKS)
    assert stage.controller.latches().panic
    assert stage.at() == pytest.approx(0.3)
    assert largest_step([0.1, *stage.last(TICKS)]) <= 2 * 0.2 / TICKS


def test_the_scene_that_plays_goes_on_by_its_new_paths_and_a_removed_one_gives_way_to_home() -> None:
    def scene(**changes: object) -> dict[str, Scene]:
        return {"calm": Scene([path(name, **changes) for name in CONTROL_NAMES], 0.0)}

    stage = Stage(scenes=scene(span=(0.0, 0.5)))
    stage.controller.scene("calm")
    stage.tick(10, body=1.0)
    change(stage, scenes=scene(span=(0.0, 0.25)))
    stage.tick(TICKS)
    assert (stage.controller.playing[0], stage.at()) == ("calm", pytest.approx(0.25))
    change(stage)
    stage.tick(TICKS)
    assert (stage.controller.playing[0], stage.at()) == ("home", pytest.approx(1.0))
