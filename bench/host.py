"""The service under measurement, in a process of its own: `python -m bench.host JSON`. Ends with its stamps as JSON.

Real sensor, real bridges, real loop; only the MIDI child's driver is replaced by one that notes when it gets a byte.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from array import array
from collections.abc import Mapping, Sequence
from operator import add
from pathlib import Path
from typing import Any

import uvloop

from bench.pressure import Pauses, press
from choreo_adapters.bridges.midi_cc.bridge import MidiCc
from choreo_adapters.bridges.midi_cc.notes import MidiNotes
from choreo_service import logs
from choreo_service.clock import MonotonicClock, work_ns
from choreo_service.config import load_settings
from choreo_service.packets import ControlPacket, SensorPacket, Step
from choreo_service.priority import come_at_once
from choreo_service.protocols import Models, Sent
from choreo_service.service import garbage
from choreo_service.service.build import build_service
from choreo_service.service.models import chosen_models
from choreo_service.service.playing import build_core
from choreo_service.service.show import Service
from choreo_service.ticker import Tick

SPIKE = 40.0  # m/s^2: a sample beyond this is one of the probe's events
WARM_UP = 50  # ticks on a core that nobody hears


class StampedMidiCc(MidiCc):
    """midi_cc with a child whose driver only notes the time."""

    def _command(self) -> Sequence[str]:
        return (sys.executable, "-m", "bench.midi_child", str(self._config.port))


class StampedMidiNotes(MidiNotes):
    """midi_notes with the same child."""

    def _command(self) -> Sequence[str]:
        return (sys.executable, "-m", "bench.midi_child", str(self._config.port))


class Timed:
    """A part of the models that notes what each of its steps takes."""

    def __init__(self, part: Any) -> None:
        self._part = part
        self.ns = array("q")  # compact: the memory measured beside it is the service's

    def step(self, *arguments: Any) -> Any:
        began = work_ns()
        answer = self._part.step(*arguments)
        self.ns.append(work_ns() - began)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._part, name)


class Stamps:
    """Notes, for every event: received, accepted, tick due, tick begun, step done, handed to the OSC socket."""

    def __init__(self, service: Service) -> None:
        self._clock = service.clock
        self.events: list[list[int]] = []
        self.sections_ns = {name: array("q") for name in ("frame", "models", "guards")}  # of each tick
        self.ticks: list[tuple[int, int, int]] = []  # due, begun, and the reception of the newest sample so far, ns
        self._newest_ns = 0
        self._accepted_ns: dict[int, int] = {}  # seq of a spike -> when it was accepted
        service.ingress.on_packet.append(self.accepted)
        service.listeners.append(self.tick)
        service.controller.on_sent.append(self.sent)
        # on_sent fires inside the offer, before the listener: keep the last OSC send of each tick until it does
        self._last_sent: tuple[int, int] = (0, 0)

    def accepted(self, packet: SensorPacket) -> None:
        if _spikes(packet):
            self._accepted_ns[packet.seq] = self._clock.now_ns()

    def sent(self, bridge: str, packet: ControlPacket, sent: Sent) -> None:
        if bridge == "synth":
            self._last_sent = (packet.k, self._clock.now_ns())

    def tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        for section, ns in self.sections_ns.items():
            ns.append(step.timings_ns[section])
        self._newest_ns = max([self._newest_ns, *(packet.rx_ns for packet in packets)])
        self.ticks.append((tick.due_ns, tick.due_ns + tick.late_ns, self._newest_ns))
        for packet in packets:
            if _spikes(packet) and self._last_sent[0] == tick.k:
                due, accepted = tick.due_ns, self._accepted_ns.pop(packet.seq)
                self.events.append([packet.rx_ns, accepted, due, due + tick.late_ns, self._last_sent[1]])


def _spikes(packet: SensorPacket) -> bool:
    return packet.stream == "acceleration" and packet.values[2] > SPIKE


def timed(models: Models | None) -> Models | None:
    if models is None:
        return None
    return Models(models.name, Timed(models.coherence), Timed(models.normaliser), Timed(models.mapper))


async def main(settings: Mapping[str, Any], log: logs.Log) -> None:
    overrides = [f"{key}={json.dumps(value)}" for key, value in settings["options"].items()]
    loaded = load_settings(file=Path(settings["file"]), overrides=overrides)
    models = timed(chosen_models(loaded))
    service = build_service(loaded, MonotonicClock(), models)
    wires = loaded.control_map.wires()
    stamped = {
        name: cls(loaded.bridges[name].config, wires, service.clock)
        for name, cls in (("midi", StampedMidiCc), ("notes", StampedMidiNotes))
        if name in service.bridges
    }
    service.bridges = {**service.bridges, **stamped}
    stamps = Stamps(service)
    warm = build_core(loaded)
    for k in range(1, WARM_UP + 1):  # as choreo run does
        warm.step(k, 1, k * warm.period_ns, ())
    press(service, settings["pressure"])
    loop = asyncio.get_running_loop()
    loop.add_reader(0, service.stop)  # the bench closes our stdin to end us
    garbage.take_over()
    pauses = Pauses()
    service.recorder.run_threads()
    async with asyncio.TaskGroup() as group:
        last_due = lambda: service.telemetry.last_due_ns  # noqa: E731
        collector = group.create_task(garbage.collect_between_ticks(service.clock, service.core.period_ns, last_due))
        await service.run()
        collector.cancel()
    await asyncio.to_thread(service.recorder.close)
    telemetry, sections = service.telemetry, stamps.sections_ns
    nets = {} if models is None else {name: getattr(models, name).ns for name in ("coherence", "normaliser", "mapper")}
    engine_ns = map(add, sections["models"], sections["guards"])
    result = {
        "events": stamps.events,
        "ticks": stamps.ticks,
        "pauses_ms": [ns / 1e6 for ns in pauses.ns],
        "engine_us": sorted(ns / 1000 for ns in list(engine_ns)[50:]),
        "sections_us": {name: [ns / 1000 for ns in values] for name, values in {**sections, **nets}.items()},
        "telemetry": telemetry.snapshot(),
        "lateness_max_ms": telemetry.lateness.max_ns / 1e6,
        "log_dropped": log.shown.dropped,
        "span_ns": telemetry.last_due_ns - telemetry.first_due_ns,
    }
    sys.stdout.write(json.dumps(result))


def _real_time() -> None:
    """First among all programs of the machine, as a stage machine should be set up; says so where it may not be."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
    except OSError as error:
        sys.stderr.write(f"no real-time priority ({error.strerror}): other programs are measured too\n")


if __name__ == "__main__":
    _settings = json.loads(sys.argv[1])
    if _settings["fifo"]:
        _real_time()  # before any thread is started, which inherits it
    _log = logs.configure("error", "json")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as _runner:
        come_at_once()
        _runner.run(main(_settings, _log))
    _log.close()
