"""Learning a controller: what binds, what it then asks for, and that it is there again tomorrow."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from choreo_adapters.doors.midi_learn.bindings import MOST, Bindings, Source, Wish, port_name
from choreo_adapters.doors.midi_learn.child import APART_NS, Rack, Teller
from choreo_adapters.doors.midi_learn.door import MidiLearn, MidiLearnConfig
from choreo_service.clock import NS, MonotonicClock, VirtualClock
from choreo_service.errors import AdapterLost
from choreo_service.testing import RecordingDesk

CC, NOTE = 0xB0, 0x90


class _Door(MidiLearn):
    """A door whose helper is a script; `say` is what a helper would tell."""

    script = "import sys; sys.stdin.buffer.read()"

    def _command(self) -> Sequence[str]:
        return (sys.executable, "-c", self.script)

    def say(self, kind: str, number: int, *values: int, port: str = "nano 20:0") -> None:
        for value in values:
            self._note({"state": "message", "port": port, "kind": kind, "channel": 1, "number": number, "value": value})


@pytest.fixture
def desk() -> RecordingDesk:
    return RecordingDesk()


@pytest.fixture
def door(tmp_path: Path, desk: RecordingDesk) -> _Door:
    made = _Door(MidiLearnConfig(file=str(tmp_path / "learnt.json")), desk, VirtualClock())
    made._running = True
    return made


def test_the_next_knob_that_moves_drives_a_control_over_its_whole_way(door: _Door, desk: RecordingDesk) -> None:
    door.learn("manual", "density")
    door.say("cc", 7, 60, 61)  # trembles
    assert door.learnt()["waiting"] == {"command": "manual", "of": "density", "hint": ""}
    door.say("cc", 16, 40, 44)
    assert door.learnt()["waiting"] is None
    door.say("cc", 16, 0, 127)
    door.say("cc", 7, 100)
    assert desk.asked == [("manual", ["density", 0.0]), ("manual", ["density", 1.0])]
    assert door.learnt()["bindings"] == [
        {"command": "manual", "of": "density", "by": "CC 16 ch 1", "port": "nano", "there": False}
    ]


def test_a_pad_asks_when_it_is_pressed_and_a_button_not_when_it_is_let_go(door: _Door, desk: RecordingDesk) -> None:
    door.learn("scene", "calm")
    door.say("note", 36, 100)
    door.learn("freeze", "")
    door.say("cc", 41, 127)  # a button jumps to its end
    door.say("cc", 41, 0)
    assert desk.asked == []  # learning asks for nothing
    door.say("note", 36, 90)
    door.say("cc", 41, 127, 127, 0, 127)
    assert desk.asked == [("scene", ["calm"]), ("freeze", []), ("freeze", [])]


def test_a_key_cant_be_a_fader(door: _Door) -> None:
    door.learn("manual", "density")
    door.say("note", 36, 100)
    assert "knob or fader" in door.learnt()["waiting"]["hint"]
    door.say("cc", 1, 0)
    assert door.learnt()["waiting"] is None


def test_learning_again_moves_a_knob_and_forgetting_frees_it(door: _Door, desk: RecordingDesk) -> None:
    for command in ("panic", "resume"):
        door.learn(command, "")
        door.say("note", 36, 100)
    door.say("note", 36, 100)
    assert door.unlearn("panic", "") == 0
    assert door.unlearn("resume", "") == 1
    door.say("note", 36, 100)
    assert desk.asked == [("resume", [])]


def test_two_controllers_of_other_names_are_told_apart(door: _Door, desk: RecordingDesk) -> None:
    door.learn("panic", "")
    door.say("note", 36, 100, port="pads 24:0")
    door.say("note", 36, 100, port="keys 28:0")
    door.say("note", 36, 100, port="pads 129:0")  # plugged in elsewhere
    assert desk.asked == [("panic", [])]


def test_refusals_are_counted_and_shown(door: _Door, desk: RecordingDesk) -> None:
    door.learn("freeze", "")
    door.say("note", 36, 100)
    desk.reason = "panic is latched"
    door.say("note", 36, 100)
    assert (door.health()["obeyed"], door.health()["refused"]) == (0, 1)


def _live(door: _Door, act: Callable[[], None], until: Callable[[], bool]) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(door.run())
            while door.health()["state"] != "open":  # noqa: ASYNC110 - another process is waited for
                await asyncio.sleep(0.005)
            act()
            while not until():  # noqa: ASYNC110
                await asyncio.sleep(0.005)
            running.cancel()

    asyncio.run(asyncio.wait_for(main(), 30.0))


OPEN = """
import sys
print('{"state": "open", "api": "fake", "reason": "", "ports": ["nano 20:0"]}', flush=True)
sys.stdin.buffer.read()
"""


def test_what_was_learnt_is_there_again(tmp_path: Path, desk: RecordingDesk) -> None:
    config = MidiLearnConfig(file=str(tmp_path / "deep" / "learnt.json"))
    first = _Door(config, desk, MonotonicClock())
    first.script = OPEN

    def learn() -> None:
        first.learn("manual", "tension")
        first.say("cc", 3, 127)

    _live(first, learn, lambda: first.bindings.path.exists())
    second = _Door(config, desk, MonotonicClock())
    second.script = OPEN
    _live(second, lambda: second.say("cc", 3, 0), lambda: bool(desk.asked))
    assert desk.asked == [("manual", ["tension", 0.0])]
    assert second.learnt()["bindings"][0]["port"] == "nano"


def test_a_disk_that_refuses_is_told_and_the_knob_plays_on(tmp_path: Path, desk: RecordingDesk) -> None:
    (tmp_path / "wall").write_text("no folder")
    door = _Door(MidiLearnConfig(file=str(tmp_path / "wall" / "learnt.json")), desk, MonotonicClock())
    door.script = OPEN

    def learn() -> None:
        door.learn("panic", "")
        door.say("note", 1, 100)

    _live(door, learn, lambda: "ends with the show" in door.health()["reason"])
    door._running = True
    door.say("note", 1, 100)
    assert desk.asked == [("panic", [])]


def test_a_helper_that_dies_is_a_loss(tmp_path: Path, desk: RecordingDesk) -> None:
    door = _Door(MidiLearnConfig(file=str(tmp_path / "x.json")), desk, MonotonicClock())
    door.script = "pass"
    with pytest.raises(AdapterLost):
        asyncio.run(asyncio.wait_for(door.run(), 30.0))


@pytest.mark.parametrize("text", ["{", "[]", "[" * 200_000, '{"bindings": [{"port": 1}]}', '{"bindings": 3}', "\ufeff"])
def test_a_damaged_file_is_set_aside_not_lost(tmp_path: Path, text: str) -> None:
    bindings = Bindings(tmp_path / "learnt.json")
    (tmp_path / "learnt.json.damaged").write_text("an earlier one")
    (tmp_path / "learnt.half").write_text("of somebody's")
    bindings.path.write_text(text)
    told = bindings.load()
    assert str(bindings.path) in told
    assert "kept as learnt.json.damaged_2, 0 bindings" in told
    assert (tmp_path / "learnt.json.damaged_2").read_text() == text
    assert (tmp_path / "learnt.json.damaged").read_text() == "an earlier one"
    assert (len(bindings), bindings.load()) == (0, "")
    assert (tmp_path / "learnt.half").read_text() == "of somebody's"
    assert len(list(tmp_path.iterdir())) == 4


def test_one_damaged_row_costs_no_other_and_is_not_lost_itself(tmp_path: Path) -> None:
    knob, pad = Source("p", "cc", 1, 1), Source("p", "note", 1, 36)
    bindings = Bindings(tmp_path / "learnt.json")
    bindings.bind(knob, Wish("manual", "density"))
    bindings.bind(pad, Wish("panic"))
    bindings.save()
    text = bindings.path.read_text().replace('"note"', '"nose"')
    bindings.path.write_text(text)
    again = Bindings(bindings.path)
    assert "1 of its 2 bindings" in again.load()
    assert list(again) == [(knob, Wish("manual", "density"))]
    assert (tmp_path / "learnt.json.damaged").read_text() == text
    tomorrow = Bindings(bindings.path)
    assert (tomorrow.load(), len(tomorrow)) == ("", 1)


def test_a_link_stays_one_and_what_it_led_to_is_kept(tmp_path: Path) -> None:
    target, link = tmp_path / "elsewhere" / "notes.txt", tmp_path / "learnt.json"
    target.parent.mkdir()
    target.write_text("a poem")
    link.symlink_to(target)
    bindings = Bindings(link)
    assert "learnt.json.damaged" in bindings.load()
    assert (tmp_path / "learnt.json.damaged").read_text() == "a poem"
    bindings.bind(Source("p", "cc", 1, 1), Wish("panic"))
    bindings.save()
    assert link.is_symlink()
    assert json.loads(target.read_text())["bindings"][0]["command"] == "panic"


def test_what_can_not_be_set_aside_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bindings = Bindings(tmp_path / "learnt.json")
    bindings.path.write_text("a poem")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "touch", refuse)
        assert "can't be set aside (No space left on device)" in bindings.load()
    with pytest.raises(OSError, match="nothing is written over it"):
        bindings.save()
    assert bindings.path.read_text() == "a poem"


def test_a_binding_beyond_the_most_is_refused_in_words(door: _Door) -> None:
    for number in range(MOST):
        door.bindings.bind(Source("p", "cc", 1 + number // 128, number % 128), Wish("hold", "density"))
    door.learn("panic", "")
    door.say("note", 36, 100)
    assert "1024 knobs, pads and keys are bound" in door.learnt()["waiting"]["hint"]
    assert not door._unsaved.is_set()


def test_rows_beyond_the_most_are_kept_in_the_file_that_is_set_aside(tmp_path: Path) -> None:
    row = {"port": "p", "kind": "cc", "channel": 1, "number": 1, "command": "panic", "of": ""}
    bindings = Bindings(tmp_path / "learnt.json")
    bindings.path.write_text(json.dumps({"bindings": [{**row, "port": f"p{n}"} for n in range(MOST + 3)]}))
    assert f"3 of its {MOST + 3} bindings" in bindings.load()
    assert len(bindings) == MOST
    assert len(json.loads((tmp_path / "learnt.json.damaged").read_text())["bindings"]) == MOST + 3


def test_what_was_set_aside_is_still_told_when_the_helper_had_to_be_started_again(tmp_path: Path) -> None:
    door = _Door(MidiLearnConfig(file=str(tmp_path / "ml.txt")), RecordingDesk(), MonotonicClock())
    (tmp_path / "ml.txt").write_text("a poem")
    door.script = "pass"
    for _ in range(2):
        with pytest.raises(AdapterLost):
            asyncio.run(asyncio.wait_for(door.run(), 30.0))
    assert "ml.txt.damaged" in door.health()["notice"]


def test_bindings_survive_the_disk_and_have_an_end(tmp_path: Path) -> None:
    bindings = Bindings(tmp_path / "learnt.json")
    for number in range(MOST + 50):
        bindings.bind(Source("p", "cc", 1 + number // 128 % 16, number % 128), Wish("hold", "density"))
    assert len(bindings) == MOST
    bindings.save()
    again = Bindings(bindings.path)
    assert again.load() == ""
    assert list(again) == list(bindings)
    assert json.loads(bindings.path.read_text())["bindings"][0]["command"] == "hold"


@pytest.mark.parametrize(
    ("found", "name"),
    [("nanoKONTROL2:CTRL 20:0", "nanoKONTROL2:CTRL"), ("rig-keys:out", "rig-keys:out"), ("Pad 8 128:1", "Pad 8")],
)
def test_a_ports_name_is_the_same_in_every_run(found: str, name: str) -> None:
    assert port_name(found) == name


class _Told:
    def __init__(self) -> None:
        self.now, self.lines = NS, list[dict[str, Any]]()
        self.teller = Teller(lambda line: self.lines.append(json.loads(line)), lambda: self.now)


def test_a_sweep_is_thinned_and_its_end_always_told() -> None:
    told = _Told()
    for value in range(100):
        told.teller.hear("p", (CC, 16, value))
        told.now += APART_NS // 10
    told.teller.flush()
    values = [line["value"] for line in told.lines]
    assert (values[0], values[-1]) == (0, 99)
    assert len(values) <= 12
    assert not told.teller.waits


def test_keys_count_when_pressed_and_the_rest_of_midi_doesnt() -> None:
    told = _Told()
    for message in ((NOTE, 60, 100), (NOTE, 60, 0), (0x80, 60, 0), (0xE0, 0, 64), (0xF8,), (), (CC | 4, 7, 1)):
        told.teller.hear("p", message)
    assert [(line["kind"], line["channel"], line["number"]) for line in told.lines] == [("note", 1, 60), ("cc", 5, 7)]


class _System:
    """A MIDI system of which ports come and go."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.there, self.alive = True, True
        self.open: dict[str, Any] = {}
        self.refuses = ""

    def make(self, heard: Any) -> _Input:
        return _Input(self, heard)


class _Input:
    api = "fake"

    def __init__(self, system: _System, heard: Any) -> None:
        self._system, self._heard, self._name = system, heard, ""

    def ports(self) -> Sequence[str]:
        if not self._system.there:
            raise OSError("no MIDI here")
        return list(self._system.names)

    def open(self, port: str | None) -> str:
        if port == self._system.refuses:
            raise OSError("busy")
        self._name = port or ""
        self._system.open[self._name] = self._heard
        return self._name

    def alive(self) -> bool:
        return self._system.alive

    def close(self) -> None:
        self._system.open.pop(self._name, None)


class _Racked:
    def __init__(self, wanted: str | None = None) -> None:
        self.system, self.told = _System(), _Told()
        self.reports: list[Mapping[str, Any]] = []
        self.rack = Rack(self.system.make, wanted, self.told.teller, self.reports.append, lambda: self.told.now)

    def live(self, seconds: float = 3.0) -> None:
        end = self.told.now + round(seconds * NS)
        while self.told.now < end:
            self.told.now += max(1, self.rack.turn())


def test_every_controller_is_opened_when_it_comes_and_again_when_it_comes_back() -> None:
    rig = _Racked()
    rig.live()
    assert (rig.reports[-1]["state"], rig.reports[-1]["ports"]) == ("open", [])
    rig.system.names = ["nano 20:0", "choreo:choreo 129:0", "Midi Through 14:0"]
    rig.live()
    assert list(rig.system.open) == ["nano 20:0"]
    rig.system.open["nano 20:0"]((CC, 1, 5))
    assert rig.told.lines[-1]["port"] == "nano 20:0"
    rig.system.names = []
    rig.live()
    assert rig.reports[-1]["ports"] == []
    rig.system.names = ["nano 24:0"]
    rig.live()
    assert rig.reports[-1]["ports"] == ["nano 24:0"]


def test_one_that_cant_be_opened_costs_the_others_nothing() -> None:
    rig = _Racked()
    rig.system.names, rig.system.refuses = ["a", "b"], "a"
    rig.live()
    assert list(rig.system.open) == ["b"]
    rig.system.refuses = ""
    rig.live()
    assert sorted(rig.system.open) == ["a", "b"]


def test_a_midi_system_that_goes_is_waited_for() -> None:
    rig = _Racked()
    rig.system.names = ["a"]
    rig.live()
    rig.system.there = False
    rig.live()
    assert (rig.reports[-1]["state"], rig.reports[-1]["reason"], rig.system.open) == ("no-midi", "no MIDI here", {})
    rig.system.there = True
    rig.live()
    assert list(rig.system.open) == ["a"]


def test_a_name_narrows_it_down_even_to_our_own() -> None:
    rig = _Racked("CHOREO")
    rig.system.names = ["nano", "choreo:choreo"]
    rig.live()
    assert list(rig.system.open) == ["choreo:choreo"]
