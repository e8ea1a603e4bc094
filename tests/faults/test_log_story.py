"""The log tells the story of a show in which everything goes wrong: each fault once, in order, with its facts.

Also how it ended and how long it took, and nothing else: a log that says more than what happened is not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import structlog
from recorded_shows import FOLDER, WRITE_TICKS
from shows import make_recorder, make_service

from choreo_service.clock import MS, NS, Clock, VirtualClock, run_virtual
from choreo_service.commands import Marker, Mute, Panic, Policy, Record, Resume, Scene
from choreo_service.errors import AdapterLost
from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Emit, Sent
from choreo_service.service.show import Service
from choreo_service.testing import RecordingBridge
from choreo_service.testing.bridges import RecordingConfig
from choreo_service.testing.disk import SimulatedDisk

SECONDS = 80


class Phone:
    """100 Hz of motion, with a heart each second; silent, unplugged or a stranger when the script says so."""

    def __init__(self, emit: Emit, clock: Clock) -> None:
        self._emit, self._clock = emit, clock
        self.silent = self.unplugged = self.stranger = False

    async def run(self) -> None:
        wake = 0
        start_ns = self._clock.now_ns()
        while True:
            wake += 1
            await self._clock.sleep_until(start_ns + wake * 10 * MS)
            if self.unplugged:
                raise AdapterLost("the cable is out", fix="put it back")
            if self.silent:
                continue
            self._emit("acceleration", (wake % 7, 1.0, 9.8))
            if wake % 100 == 0:
                self._emit("heart_rate", (80.0,))
            if self.stranger:
                self._emit("acceleration", (0.0, 1.0, 9.8), performer=5)


class Synth(RecordingBridge):
    """A bridge with a bug that shows when the script says so."""

    broken = False

    def send(self, packet: ControlPacket, names: Sequence[str]) -> Sent:
        if self.broken:
            raise ValueError("a plug-in's bug")
        return super().send(packet, names)


class Stage:
    """One show with a script: second -> what happens then."""

    def __init__(self) -> None:
        self.clock, self.disk = VirtualClock(), SimulatedDisk()
        self.service: Service = make_service(
            self.clock,
            {"phone": self._phone},
            {"synth": self._synth},
            recorder=lambda core: make_recorder(self.clock, core, FOLDER, self.disk, keep_free_mb=1),
        )
        self.service.listeners.append(self._written)

    def play(self, script: Mapping[float, Callable[[], object]]) -> None:
        begin_ns, left = self.clock.now_ns(), sorted(script.items())

        def act(*_: object) -> None:
            while left and self.clock.now_ns() - begin_ns >= left[0][0] * NS:
                left.pop(0)[1]()

        self.service.listeners.append(act)
        run_virtual(self.clock, self.service.run(seconds=SECONDS))
        self.service.recorder.close()
        assert not left

    def ask(self, command: Any) -> Callable[[], object]:
        return lambda: self.service.desk.submit(command, "osc")

    def leave_mb(self, mb: float) -> None:
        self.disk.capacity = self.disk.used + round(mb * (1 << 20))

    def _written(self, *_: object) -> None:
        if len(self.service.controller.latest) and self.service.telemetry.ticks % WRITE_TICKS == 0:
            self.service.recorder.work()
            self.service.recorder.sync()

    def _phone(self, emit: Emit, clock: Clock) -> Phone:
        self.phone = Phone(emit, clock)
        return self.phone

    def _synth(self, wires: Sequence[ControlWire], clock: Clock) -> Synth:
        self.synth = Synth(RecordingConfig(), wires, clock)
        return self.synth


@pytest.fixture(scope="module")
def log() -> list[dict[str, Any]]:
    """The lines of the log of one show in which everything goes wrong, as they are written to a file."""
    stage = Stage()
    lines: list[str] = []

    def keep(_logger: object, _method: str, line: str) -> str:
        lines.append(line)
        raise structlog.DropEvent

    def on(owner: str, name: str, value: object) -> Callable[[], None]:
        return lambda: setattr(getattr(stage, owner), name, value)

    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.JSONRenderer(), keep])
    try:
        stage.play(
            {
                2: stage.ask(Record(on=True)),
                4: stage.ask(Marker(text="first song")),
                6: on("phone", "silent", True),
                18: on("phone", "silent", False),
                26: on("phone", "unplugged", True),
                28: on("phone", "unplugged", False),
                32: on("disk", "fault", OSError(5, "Input/output error")),
                35: on("disk", "fault", None),
                38: lambda: stage.clock.advance(300 * MS),
                42: stage.ask(Panic()),
                43: stage.ask(Mute(control="density")),
                44: stage.ask(Resume()),
                46: stage.ask(Scene(name="nowhere")),
                48: stage.ask(Policy(leader="body")),
                54: on("phone", "stranger", True),
                58: on("synth", "broken", True),
                62: lambda: stage.leave_mb(2.2),
                70: lambda: stage.leave_mb(0.9),
            }
        )
    finally:
        structlog.configure(**before)
    return [json.loads(line) for line in lines]


def one(log: Sequence[Mapping[str, Any]], event: str, **facts: object) -> Mapping[str, Any]:
    """The only line of this event with these facts that people see."""
    (line,) = [e for e in log if e["event"] == event and e["level"] != "debug" and facts.items() <= e.items()]
    return line


def test_each_change_is_a_line_and_each_line_is_a_change(log: list[dict[str, Any]]) -> None:
    said = [(line["level"], line["event"]) for line in log if line["level"] != "debug"]
    assert [line for line in said if line[1] not in ("cadence", "recording")] == [
        ("info", "command"),
        ("info", "recording.started"),
        ("info", "modality.here"),  # the heart; motion was there in the opening lines
        ("info", "command"),
        ("warning", "modality.lost"),
        ("warning", "modality.lost"),
        ("warning", "performer.lost"),
        ("info", "modality.back"),
        ("info", "performer.back"),
        ("info", "modality.back"),
        ("warning", "peer.lost"),
        ("warning", "modality.lost"),
        ("info", "modality.back"),
        ("info", "peer.back"),
        ("warning", "recording.stalled"),
        ("warning", "recording.lag"),
        ("info", "recording.resumed"),
        ("warning", "tick.skipped"),
        ("info", "command"),
        ("warning", "command.refused"),
        ("info", "command"),
        ("warning", "command.refused"),
        ("info", "command"),
        ("info", "tempo.leader"),
        ("warning", "input.refused"),
        ("error", "bridge.fault"),
        ("warning", "recording.disk_low"),
        ("info", "recording.ended"),
    ]


def test_what_was_asked_is_there_with_its_door_and_its_answer(log: list[dict[str, Any]]) -> None:
    for verb in ("record", "marker", "panic", "resume", "policy"):
        assert one(log, "command", verb=verb)["door"] == "osc"
    assert one(log, "command", verb="marker")["text"] == "first song"
    assert one(log, "command.refused", verb="mute")["reason"] == "panic is latched; resume first"
    assert one(log, "command.refused", verb="scene")["reason"].startswith("no scene 'nowhere'; one of home")
    assert one(log, "tempo.leader")["now"] == "body"


def test_what_was_lost_says_why_and_its_return_how_long(log: list[dict[str, Any]]) -> None:
    assert one(log, "peer.lost")["cause"].startswith("AdapterLost: the cable is out")
    assert one(log, "peer.back")["down_s"] == pytest.approx(2.0, abs=1.1)
    assert "neutral" in one(log, "performer.lost")["now"]
    heart = one(log, "modality.back", modality="heart")
    assert heart["gone_s"] == pytest.approx(21 - 13, abs=2)  # believed at the third beat, missing 8 s after the last
    assert sorted(e["gone_s"] for e in log if e["event"] == "modality.back" and e["modality"] == "motion")[1] > 11
    assert one(log, "input.refused")["cause"] == "unknown performer"
    assert "engine.performers=2" in one(log, "input.refused")["hint"]
    assert one(log, "bridge.fault")["cause"] == "ValueError: a plug-in's bug"
    assert one(log, "tick.skipped")["slots"] == 15  # 300 ms stalled, and after so long it waits for the slot to come


def test_the_disk_is_told_of_from_its_first_refusal_to_the_end(log: list[dict[str, Any]]) -> None:
    assert one(log, "recording.stalled")["cause"] == "Input/output error"
    assert one(log, "recording.lag")["durable_lag_s"] == pytest.approx(2.0, abs=0.1)
    assert one(log, "recording.resumed")["stalled_s"] == pytest.approx(3.0, abs=0.3)
    assert one(log, "recording.disk_low")["minutes_left"] < 3
    ended = one(log, "recording.ended")
    assert (ended["reason"], ended["dropped"]) == ("the disk is full: less than 1 MB left", 0)
    assert ended["ticks"] > 3000


def test_nothing_is_repeated_as_long_as_it_lasts(log: list[dict[str, Any]]) -> None:
    """Thirteen tries to open the cable, thousands of refused samples and sends: summaries count them."""
    shown = [line for line in log if line["level"] != "debug" and line["event"] not in ("cadence", "recording")]
    assert len(shown) < SECONDS / 2
    assert [line["dropped"] for line in log if line["event"] == "cadence"][-1] > 1000
