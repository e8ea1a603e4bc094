"""One simulated show: built from its plan, played in virtual time, and everything it did kept for the invariants."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from shows import make_accents, make_recorder, make_service
from simulation.faults import Plan
from simulation.kept import Kept, takes_of
from simulation.parts import SimBridge, SimMachine, SimOperator, SimSensor
from simulation.writer import FOLDER, Position, SimWriter

from choreo_service.clock import VirtualClock, run_virtual
from choreo_service.errors import SessionError
from choreo_service.replay import Tape
from choreo_service.service.show import Service

BRIDGES = ("first", "second")
REPLAYED = 20  # takes of every so many shows go through a core once more: it takes as long as the show
Takes = dict[Path, Kept | SessionError | None]  # by folder of the recording


@dataclass(slots=True)
class Played:
    """What a show left behind."""

    plan: Plan
    service: Service
    tape: Tape
    bridges: dict[str, SimBridge]
    start_ns: int
    end_ns: int
    writer: SimWriter
    adapter_states: set[str] = field(default_factory=set)
    takes: Takes = field(default_factory=dict)  # of the whole show
    survivors: Takes = field(default_factory=dict)  # of the crash in the middle of it

    def digest(self) -> str:
        """Of all controls and of all that was sent: equal for equal seeds, whatever the machine."""
        out = hashlib.sha256()
        for step in self.tape.steps:
            out.update(step.frame.t_ns.to_bytes(8, "little") + step.controls.tobytes())
        for bridge in self.bridges.values():
            out.update(repr(bridge.wire).encode())
        return out.hexdigest()


def play(seed: int, seconds: float = 10.0) -> Played:
    """Play the show of `seed`."""
    plan = Plan.of(seed, seconds)
    clock = VirtualClock(start_ns=1 + plan.rng.randrange(1 << 50))
    tape, bridges = Tape(), dict[str, SimBridge]()
    writer = SimWriter(
        clock, plan, lambda: Position(len(tape.entries), {name: len(b.wire) for name, b in bridges.items()})
    )
    operator = SimOperator(clock, plan)

    def bridge(name: str):  # type: ignore[no-untyped-def]
        def make(wires, clock):  # type: ignore[no-untyped-def]
            bridges[name] = SimBridge(wires, clock, plan, name)
            return bridges[name]

        return make

    sensors = {
        f"{kind}{b}": lambda e, c, kind=kind, b=b: SimSensor(e, c, plan, kind, b)
        for kind in ("phone", "strap")
        for b in range(plan.performers)
    }
    sensors["machine"] = lambda e, c: SimMachine(e, clock, plan)
    if plan.commands:
        sensors["operator"] = lambda e, c: operator
    service = make_service(
        clock,
        sensors,
        {name: bridge(name) for name in BRIDGES},
        performers=plan.performers,
        bound=plan.bound,
        exit_ease_s=plan.exit_ease_s,
        accents=make_accents(plan.performers),
        recorder=lambda core: make_recorder(clock, core, FOLDER, writer.disk, queue_s=plan.queue_s, keep_free_mb=0),
    )
    operator.desk = service.desk
    latest = service.controller.latest
    for one in bridges.values():
        one.tick = lambda performer: (latest[performer].k, latest[performer].t_ns)
    service.listeners.append(tape)
    writer.recorder = service.recorder
    service.desk.hooks.append(writer.answered)
    service.beside |= {"writer": writer.write, "syncs": writer.sync, "crash": writer.pull_the_plug}
    if plan.recording:
        service.recorder.start()
        writer.look()
    played = Played(plan, service, tape, bridges, clock.now_ns(), 0, writer)
    service.supervisor.hooks.append(lambda event: played.adapter_states.add(event.state))
    run_virtual(clock, service.run(seconds))
    played.end_ns = clock.now_ns()
    _end_recording(played, replayed=seed % REPLAYED == 0)
    return played


def _end_recording(played: Played, *, replayed: bool) -> None:
    """Close the recorder, and let recovery make takes of what is on the disk now and of what the crash had left."""
    writer, recorder = played.writer, played.service.recorder
    recorder.stop("the show ended")
    writer.look()
    writer.work()
    assert recorder.close()
    played.takes = takes_of(writer.disk.after_kill(), replayed=replayed)
    if writer.crash is not None:
        played.survivors = takes_of(writer.crash.remains, replayed=replayed)
