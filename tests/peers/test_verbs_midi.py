"""What the commands mean, as a receiver on a real JACK MIDI port sees it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from rig import JackServer, MidiSink, MidiState

from choreo_service.clock import MonotonicClock
from choreo_service.commands import parse
from choreo_service.config import Loaded, load_settings
from choreo_service.controller import MAP_S
from choreo_service.desk import Ack
from choreo_service.packets import CONTROL_NAMES
from choreo_service.service.build import build_service
from choreo_service.service.show import Service

pytestmark = [pytest.mark.peer("jackd"), pytest.mark.slow]

CC: Final = {name: 20 + number for number, name in enumerate(CONTROL_NAMES)}
EASE_S: Final = 0.5
PANIC_S: Final = 0.3
LATE_S: Final = 0.2  # what a busy machine adds to one tick and one JACK period
SETTLE_S: Final = 0.3  # after a command, until it surely is in force at the receiver
OVERRIDES: Final = (
    "bridges.bars=null",
    "bridges.synth=null",
    "bridges.midi={type: midi_cc, api: jack, port: sink}",
    "output.takeover=none",
    f"output.ease_ms={EASE_S * 1000}",
    f"output.panic_ms={PANIC_S * 1000}",
)


class Part:
    """What arrived between two commands."""

    def __init__(self, state: MidiState, begin: int) -> None:
        self.events = state.events[begin:]
        self.at_s = np.array(state.at_s[begin:])

    def values(self, control: str) -> list[int]:
        return [e[2] for e in self.events if e[:2] == (0xB0, CC[control])]

    def times(self, control: str) -> np.ndarray:
        return self.at_s[[e[:2] == (0xB0, CC[control]) for e in self.events]]

    @property
    def controllers(self) -> set[int]:
        return {e[1] for e in self.events}


class Player:
    """Submits commands to a running service, and keeps what its receiver got until the next one."""

    def __init__(self, service: Service, sink: MidiSink) -> None:
        self._service, self._sink = service, sink
        self.parts: dict[str, Part] = {}
        self.acks: dict[str, Ack] = {}

    async def part(self, name: str, seconds: float, *command: object, settle_s: float = 0.0) -> None:
        """`command`, a pause that isn't looked at, then `seconds` that are."""
        begin = self._sink.state().count  # before the command: what it sends at once may arrive at once
        if command:
            self.acks[name] = self._service.desk.submit(parse(str(command[0]), command[1:]), "test")
        if settle_s:
            await asyncio.sleep(settle_s)
            begin = self._sink.state().count
        await asyncio.sleep(seconds)
        self.parts[name] = Part(self._sink.state(), begin)


async def _show(player: Player) -> None:
    part = player.part
    await part("playing", 2.0, settle_s=1.0)
    await part("frozen", 2.2, "freeze", settle_s=SETTLE_S)
    await part("thawed", 1.0, "freeze", False)
    await part("held", 1.5, "hold", "density", settle_s=SETTLE_S)
    await part("released", 1.0, "hold", "density", False)
    await part("muted", 1.5, "mute", "density", settle_s=SETTLE_S)
    await part("unmuted", 0.5, "mute", "density", False)
    await part("manual", 0.5, "manual", "density", 0.9, settle_s=SETTLE_S)
    await part("given back", 1.0, "manual", "density")
    await part("mapping", MAP_S + 1.0, "map", "tension", settle_s=SETTLE_S)
    await part("resent", SETTLE_S, "resend")
    await part("scene", 2.5, "scene", "drive", 2.0)
    await part("in the scene", 2.0)
    await part("panicking", 1.5, "panic")
    await part("refused", 0.1, "freeze")
    await part("at once", 0.5, "panic")
    await part("resumed", 1.5, "resume")


@pytest.fixture(scope="module")
def loaded(repo_root: Path) -> Loaded:
    return load_settings(profile="demo", home=repo_root, environ={}, overrides=OVERRIDES)


@pytest.fixture(scope="module")
def played(jack_server: JackServer, loaded: Loaded) -> Player:
    with pytest.MonkeyPatch.context() as patch, MidiSink(jack_server) as sink:
        for name, value in jack_server.env.items():
            patch.setenv(name, value)

        async def run() -> Player:
            service = build_service(loaded, MonotonicClock())
            player = Player(service, sink)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(service.run())
                await _show(player)
                service.stop()
            return player

        return asyncio.run(run())


def test_first_it_plays_and_only_controllers_arrive(played: Player) -> None:
    playing = played.parts["playing"]
    assert playing.controllers == set(CC.values())
    assert np.ptp(playing.values("density")) > 5


def test_freeze_keeps_every_value_and_repeats_it(played: Player) -> None:
    frozen = played.parts["frozen"]
    assert frozen.controllers == set(CC.values())  # the refresh goes on
    for control in CONTROL_NAMES:
        assert len(set(frozen.values(control))) == 1
    assert len(frozen.events) <= 5 * 3  # once a second, nothing in between


def test_hold_keeps_one(played: Player) -> None:
    held = played.parts["held"]
    assert len(set(held.values("density"))) <= 1
    assert np.ptp(held.values("tempo_scale") + held.values("tension") + held.values("fx_send")) > 0


@pytest.mark.parametrize("name", ["thawed", "released", "given back", "resumed", "scene"])
def test_every_way_back_is_a_walk(played: Player, name: str) -> None:
    """A cross-fade of half a second crosses the whole range in 25 ticks; the body adds its own steps."""
    values = played.parts[name].values("density")
    assert len(values) > 5
    assert np.abs(np.diff(values)).max() <= 127 / 25 + 15


def test_mute_is_silence_for_one_and_its_end_sends_where_it_is(played: Player) -> None:
    muted, unmuted = played.parts["muted"], played.parts["unmuted"]
    assert muted.controllers == set(CC.values()) - {CC["density"]}
    assert unmuted.times("density")[0] - unmuted.at_s[0] <= LATE_S


def test_a_fader_owns_its_control(played: Player) -> None:
    assert set(played.parts["manual"].values("density")) <= {round(0.9 * 127)}
    assert played.parts["given back"].values("density")[0] > 90


def test_map_sends_one_controller_alone_from_0_to_127_and_back_once(played: Player) -> None:
    mapping = played.parts["mapping"]
    alone = _alone(mapping)
    assert mapping.at_s[alone] - mapping.at_s[0] == pytest.approx(MAP_S - SETTLE_S, abs=2 * LATE_S)
    values = np.array([event[2] for event in mapping.events[:alone]])
    assert values.max() == 127
    assert max(values[0], values[-1]) <= 8  # what was not looked at after the command
    steps = np.diff(values[np.concatenate(([True], np.diff(values) != 0))])
    assert np.abs(steps).max() <= 4  # slow enough for any receiver to learn, also where ticks were skipped
    assert np.count_nonzero(np.diff(np.sign(steps))) == 1


def test_map_ends_by_itself_and_everything_is_sent(played: Player) -> None:
    mapping = played.parts["mapping"]
    end_s = mapping.at_s[_alone(mapping)]
    for control in CONTROL_NAMES:
        after = mapping.times(control)
        assert after[after >= end_s - LATE_S][0] <= end_s + LATE_S


def test_resend_sends_every_controller_at_once_changed_or_not(played: Player) -> None:
    assert played.parts["resent"].controllers == set(CC.values())


def test_a_scene_keeps_its_clamp_once_it_has_arrived(played: Player, loaded: Loaded) -> None:
    low = loaded.scenes["drive"].controls.density.clamp[0]
    assert min(played.parts["in the scene"].values("density")) >= int(low * 127)


@pytest.mark.parametrize("control", CONTROL_NAMES)
def test_panic_ramps_to_safe_in_its_time_and_is_latched(played: Player, loaded: Loaded, control: str) -> None:
    panicking = played.parts["panicking"]
    values, times = np.array(panicking.values(control)), panicking.times(control)
    safe = _safe(loaded, control)
    arrived = int(np.flatnonzero(values == safe)[0])
    assert times[arrived] - panicking.at_s[0] <= PANIC_S + LATE_S
    assert set(values[arrived:]) == {safe}
    ramp = np.diff(values[: arrived + 1].astype(int))
    assert (ramp >= 0).all() or (ramp <= 0).all()
    assert panicking.controllers == set(CC.values())  # no notes off yet


def test_while_latched_another_wish_is_refused_with_the_reason(played: Player) -> None:
    assert played.acks["refused"] == Ack(False, "panic is latched; resume first")


def test_panic_again_is_at_once_with_all_sound_and_notes_off(played: Player, loaded: Loaded) -> None:
    at_once = played.parts["at once"]
    assert [e for e in at_once.events if e[1] in (120, 123)] == [(0xB0, 120, 0), (0xB0, 123, 0)]
    for control in CONTROL_NAMES:
        assert set(at_once.values(control)) == {_safe(loaded, control)}


def test_every_other_command_was_obeyed(played: Player) -> None:
    assert {name for name, ack in played.acks.items() if not ack.ok} == {"refused"}


def _safe(loaded: Loaded, control: str) -> int:
    """As it stands on the wire: half of 127 is neither 63 nor 64, so the bridge's own way of rounding counts."""
    wire = loaded.control_map.wires()[control]
    return round(wire.position(wire.safe) * 127)


def _alone(mapping: Part) -> int:
    """How many events came before the first that isn't of the swept control."""
    return next(i for i, event in enumerate(mapping.events) if event[1] != CC["tension"])
