"""The verbs mean what they say: freeze, hold, mute, manual, map, panic, resume, resend; nothing jumps on the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from controller_stage import EASE, PANIC, PERIOD, SAFE, Stage, path
from hypothesis import given, settings
from hypothesis import strategies as st

from choreo_service.commands import CommandError
from choreo_service.controller import MAP_S, Controller, Latches, Manners, Scene
from choreo_service.packets import CONTROL_NAMES


def test_freeze_keeps_the_last_values_and_returns_by_a_cross_fade() -> None:
    stage = Stage()
    stage.tick(3, body=0.2)
    stage.controller.freeze()
    stage.tick(50, body=0.8)
    assert stage.last(50) == []  # what rests isn't sent again before its refresh
    assert stage.at() == pytest.approx(0.2)
    assert stage.controller.latches().frozen_s == pytest.approx(1.0)
    stage.controller.freeze()
    stage.tick(EASE)
    assert stage.last(EASE) == pytest.approx([0.2 + 0.6 * (i + 1) / EASE for i in range(EASE)])
    assert stage.controller.latches().frozen_s is None


def test_freeze_on_is_on_however_often_it_is_said() -> None:
    stage = Stage()
    stage.tick(1, body=0.2)
    stage.controller.freeze(True)
    stage.controller.freeze(True)
    stage.tick(1, body=0.9)
    assert stage.at() == pytest.approx(0.2)
    stage.controller.freeze(False)
    stage.controller.freeze(False)
    stage.tick(EASE)
    assert stage.at() == pytest.approx(0.9)


def test_hold_is_freeze_for_one_control() -> None:
    stage = Stage()
    stage.tick(1, body=0.2)
    stage.controller.hold("density")
    stage.tick(1, body=0.8)
    assert (stage.at("density"), stage.at("tension")) == pytest.approx((0.2, 0.8))
    assert stage.controller.latches().held == ("density",)
    stage.controller.hold("density")
    stage.tick(EASE)
    assert stage.at("density") == pytest.approx(0.8)


def test_mute_sends_nothing_and_unmute_sends_where_it_is() -> None:
    stage = Stage()
    stage.tick(1, body=0.2)
    stage.controller.mute("density")
    stage.controller.resend()
    for body in (0.5, 0.8):
        stage.tick(1, body=body)
    assert stage.last(2) == []
    assert stage.last(2, "tension") == pytest.approx([0.5, 0.8])
    stage.controller.mute("density")
    stage.tick(1)
    assert stage.last(1) == pytest.approx([0.8])


def test_unmute_sends_even_a_value_that_did_not_change() -> None:
    stage = Stage()
    stage.tick(1, body=0.2)
    stage.controller.mute("density")
    stage.controller.mute("density")
    stage.tick(1)
    assert stage.last(1) == pytest.approx([0.2])


def test_without_takeover_a_fader_owns_its_control_at_once_and_gives_it_back_by_a_cross_fade() -> None:
    stage = Stage(takeover="none")
    stage.tick(1, body=0.2)
    stage.controller.manual("density", 0.9)
    stage.tick(1, body=0.4)
    assert (stage.at("density"), stage.at("tension")) == pytest.approx((0.9, 0.4))
    stage.controller.manual("density", 0.7)
    stage.tick(1)
    assert stage.at() == pytest.approx(0.7)
    stage.controller.manual("density", None)
    stage.tick(EASE)
    assert stage.last(EASE) == pytest.approx([0.7 - 0.3 * (i + 1) / EASE for i in range(EASE)])


def test_a_fader_picks_up_only_when_it_passes_by() -> None:
    stage = Stage(takeover="pick-up")
    stage.tick(1, body=0.5)
    for position in (0.9, 0.8, 0.7):
        stage.controller.manual("density", position)
        stage.tick(1)
        assert stage.at() == pytest.approx(0.5)
    stage.tick(1, body=0.55)  # still the body's
    assert stage.at() == pytest.approx(0.55)
    stage.controller.manual("density", 0.52)
    stage.tick(1)
    assert stage.at() == pytest.approx(0.52)
    stage.controller.manual("density", 0.95)
    stage.tick(1, body=0.1)
    assert stage.at() == pytest.approx(0.95)


def test_a_scaling_fader_moves_at_once_without_a_jump_and_both_arrive_together() -> None:
    stage = Stage(takeover="scaling")
    stage.tick(1, body=0.5)
    expected = {0.2: 0.5, 0.6: 0.75, 1.0: 1.0, 0.3: 0.3}
    for position, value in expected.items():
        stage.controller.manual("density", position)
        stage.tick(1)
        assert stage.at() == pytest.approx(value)


def test_each_performer_is_picked_up_where_it_is() -> None:
    stage = Stage(performers=2, takeover="pick-up")
    stage.tick(1, body=0.5)
    stage.controller.map("density", performer=1)  # its own sweep leaves it at the low end
    stage.tick(1)
    stage.controller.map(None)
    stage.controller.manual("density", 0.5)
    stage.tick(1)
    assert stage.at("density", 0) == pytest.approx(0.5)
    assert stage.at("density", 1) < 0.2


def test_map_sweeps_one_control_alone_and_ends_after_twenty_seconds() -> None:
    stage = Stage(performers=2)
    stage.tick(1, body=0.3)
    stage.controller.map("tension")
    ticks = round(MAP_S * 50)
    stage.tick(ticks - 1, body=0.6)
    during = stage.heard[1:]
    assert {key for tick in during for key in tick} == {(0, "tension")}
    swept = np.array([tick[0, "tension"] for tick in during if tick])
    assert swept.min() == pytest.approx(0.0, abs=0.003)
    assert swept.max() == pytest.approx(1.0, abs=0.003)
    turns = np.flatnonzero(np.diff(np.sign(np.diff(swept))))
    assert len(turns) == 1  # up once and down once
    assert np.abs(np.diff(swept)).max() < 0.003  # slowly
    stage.tick(1)
    assert set(stage.heard[-1]) == {(b, n) for b in (0, 1) for n in CONTROL_NAMES}  # everybody gets everything
    stage.tick(EASE)
    assert stage.at("tension") == pytest.approx(0.6)


def test_the_next_key_ends_map_mode() -> None:
    stage = Stage()
    stage.tick(1)
    stage.controller.map("tension")
    stage.tick(10)
    stage.controller.hold("density", True)
    stage.tick(1)
    assert len(stage.heard[-1]) == 5
    assert stage.controller.latches().map == ""


def test_panic_ramps_to_safe_in_its_time_and_stays_there_until_resume() -> None:
    stage = Stage()
    stage.tick(1, body=0.6)
    stage.controller.panic()
    stage.tick(PANIC)
    assert stage.last(PANIC) == pytest.approx([0.6 - 0.5 * (i + 1) / PANIC for i in range(PANIC)])
    stage.tick(100, body=1.0)
    assert stage.at() == SAFE
    assert stage.panics == 0
    assert stage.controller.latches().panic
    stage.controller.resume()
    stage.tick(EASE)
    assert stage.last(EASE) == pytest.approx([0.1 + 0.9 * (i + 1) / EASE for i in range(EASE)])


def test_a_second_panic_jumps_at_once_and_tells_every_bridge() -> None:
    stage = Stage()
    stage.tick(1, body=0.9)
    stage.controller.panic()
    stage.tick(1)
    stage.controller.panic()
    assert stage.panics == 1
    stage.tick(1)
    assert stage.at() == SAFE
    stage.tick(100)
    assert stage.at() == SAFE


def test_the_safe_value_arrives_exactly_whatever_the_threshold() -> None:
    stage = Stage()
    coarse = {name: path(name, threshold=0.3) for name in CONTROL_NAMES}
    stage.controller = Controller(
        coarse, performers=1, period_ns=PERIOD, refresh_s=1000.0, manners=Manners(panic_s=PANIC * 0.02)
    )
    stage.controller.attach("bridge", stage)  # type: ignore[arg-type]
    stage.tick(1, body=0.3)
    stage.controller.panic()
    stage.tick(PANIC)
    assert stage.last(1) == [SAFE]


def test_panic_reaches_what_was_muted_frozen_or_under_a_fader() -> None:
    stage = Stage(takeover="none")
    stage.tick(1, body=0.8)
    stage.controller.mute("density")
    stage.controller.manual("tension", 0.9)
    stage.controller.freeze()
    stage.tick(5, body=0.3)
    stage.controller.panic()
    stage.tick(1)
    assert stage.last(1) == pytest.approx([0.8 - 0.7 / PANIC])  # from where the receiver was left
    stage.tick(PANIC)
    assert {stage.at(name) for name in CONTROL_NAMES} == {SAFE}


def test_while_panic_is_latched_only_resume_and_panic_are_obeyed() -> None:
    stage = Stage()
    stage.controller.panic()
    for refused in (
        stage.controller.freeze,
        lambda: stage.controller.hold("density"),
        lambda: stage.controller.mute("density"),
        lambda: stage.controller.manual("density", 0.5),
        lambda: stage.controller.map("density"),
    ):
        with pytest.raises(CommandError, match="panic is latched"):
            refused()


def test_resume_leaves_everything() -> None:
    stage = Stage(takeover="none")
    stage.tick(1, body=0.2)
    stage.controller.freeze()
    stage.controller.hold("tension")
    stage.controller.mute("density")
    stage.controller.manual("brightness", 0.9)
    stage.controller.map("fx_send")
    stage.tick(3, body=0.7)
    stage.controller.resume()
    stage.tick(EASE)
    latches = stage.controller.latches()
    assert latches == Latches(False, None, (), (), (), "", 0.0)
    assert [stage.at(name) for name in CONTROL_NAMES] == pytest.approx([0.7] * 5)
    stage.tick(1, body=0.71)
    assert len(stage.heard[-1]) == 5


def test_a_scene_fades_in_over_its_morph_while_the_body_goes_on_playing_both() -> None:
    scene = Scene([path(n, invert=True, span=(0.0, 0.5)) for n in CONTROL_NAMES], morph_s=0.2)
    stage = Stage(scenes={"other": scene})
    stage.tick(1, body=0.2)
    stage.controller.scene("other")
    expected = []
    for i in range(10):
        body = 0.2 + 0.05 * i
        stage.tick(1, body=body)
        share = (i + 1) / 10
        expected.append((1 - share) * body + share * 0.5 * (1 - body))
    assert stage.last(10) == pytest.approx(expected)
    assert stage.controller.playing == ("other", 0.0)
    stage.controller.scene("home", 0.0)
    stage.tick(1, body=0.3)
    assert stage.at() == pytest.approx(0.3)


def test_a_scene_asked_for_while_another_fades_in_starts_from_where_the_controls_are() -> None:
    low = Scene([path(n, span=(0.0, 0.1)) for n in CONTROL_NAMES], morph_s=0.2)
    high = Scene([path(n, span=(0.9, 1.0)) for n in CONTROL_NAMES], morph_s=0.2)
    stage = Stage(scenes={"low": low, "high": high})
    stage.tick(1, body=0.5)
    stage.controller.scene("low")
    stage.tick(5)
    stage.controller.scene("high")
    before = stage.at()
    stage.tick(20)
    steps = np.diff([before, *stage.last(20)])
    assert np.abs(steps).max() < 0.15
    assert stage.at() == pytest.approx(0.95)


def test_unknown_scenes_and_a_drummer_on_the_scene_button_are_refused() -> None:
    stage = Stage(scenes={"other": Scene([path(n) for n in CONTROL_NAMES], morph_s=60.0)})
    with pytest.raises(CommandError, match="no scene 'nowhere'"):
        stage.controller.scene("nowhere")
    for _ in range(7):
        stage.controller.scene("other")
    with pytest.raises(CommandError, match="still fade"):
        stage.controller.scene("other")


VERBS: dict[str, Callable[[Stage], None]] = {
    "panic": lambda s: s.controller.panic() if not s.controller.latches().panic else None,
    "resume": lambda s: s.controller.resume(),
    "freeze": lambda s: s.controller.freeze(),
    "hold": lambda s: s.controller.hold("density"),
    "other": lambda s: s.controller.scene("other"),
    "home": lambda s: s.controller.scene("home"),
    "release": lambda s: s.controller.manual("density", None),
    "fader up": lambda s: s.controller.manual("density", 0.6),
    "fader down": lambda s: s.controller.manual("density", 0.58),
}


@settings(max_examples=60)
@given(
    moves=st.lists(st.tuples(st.sampled_from(sorted(VERBS)), st.integers(1, 12)), max_size=20),
    takeover=st.sampled_from(["pick-up", "scaling"]),
)
def test_whatever_the_hands_do_in_whatever_order_nothing_jumps(moves: list[tuple[str, int]], takeover: str) -> None:
    scene = Scene([path(n, invert=True, span=(0.2, 0.7)) for n in CONTROL_NAMES], morph_s=0.2)
    stage = Stage(scenes={"other": scene}, takeover=takeover)
    stage.tick(1, body=0.5)
    values = [stage.at()]
    for verb, ticks in moves:
        with suppress(CommandError):
            VERBS[verb](stage)
        for _ in range(ticks):
            stage.tick(1, body=0.5 + 0.4 * np.sin(stage.k / 10))
            values.append(stage.at())
    assert all(0.0 <= value <= 1.0 for value in values)
    # the body moves by 0.04 a tick, a fade covers at most the whole range in PANIC ticks, several scenes stack
    assert np.abs(np.diff(values)).max(initial=0.0) <= 1.0 / PANIC + 0.1
