"""Structure-aware fuzzing of a whole running service: damaged datagrams from many senders while it plays.

Where osc_fuzz looks at the decoder, this looks at what plays on: features, statistics, guards and controller keep
state, and what they output has to stay finite and in range whatever was let in before. Time is virtual, so a run
repeats itself, and long silences and stalls cost nothing. Runs from the tests for a moment, and by hand for longer:

    PYTHONPATH=tests python -m faults.service_fuzz --seconds 600 --seed 1
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from faults.osc_fuzz import MUTATIONS, seeds
from hostile_packets import ALL, layout_faults
from osc_datagrams import RecordingEmit, message
from shows import make_service

from choreo_adapters.osc.presets import LAYOUTS
from choreo_adapters.sensors.osc_motion import PLAUSIBLE, OscMotion
from choreo_service.clock import MS, NS, Clock, VirtualClock, run_virtual, work_ns
from choreo_service.packets import ControlPacket
from choreo_service.protocols import ControlWire, Emit, Sent
from choreo_service.service.show import Service

PERFORMERS: Final = 3
PHONE: Final = "10.0.0.1"
RETIMINGS: Final = 5
KEPT: Final = 20  # findings of one kind


@dataclass
class Report:
    """What a run found. `escapes` and `violations` must stay empty."""

    inputs: int = 0
    accepted: int = 0  # datagrams that were OSC
    samples: int = 0  # that reached the core
    ticks: int = 0
    sent: int = 0  # control values
    refused: Counter[str] = field(default_factory=Counter)
    escapes: list[tuple[str, bytes]] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    slowest_ns: int = 0  # the best of RETIMINGS, so that it is the datagram's cost and not the machine's
    slowest: bytes = b""
    slowest_tick_ns: int = 0
    tick_p99_ms: float = 0.0


class CheckingBridge:
    """Looks at every value it is given."""

    def __init__(self, wires: Mapping[str, ControlWire], report: Report) -> None:
        self._wires, self._report = wires, report

    async def run(self) -> None:
        await asyncio.Event().wait()

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        values = tuple((name, control.value(name)) for name in names)
        for name, value in values:
            wire = self._wires[name]
            if not (math.isfinite(value) and wire.lo <= value <= wire.hi) and len(self._report.violations) < KEPT:
                self._report.violations.append(f"tick {control.k}, performer {control.performer}: {name} = {value}")
        self._report.sent += len(values)
        return values

    def panic(self) -> None:
        self._report.violations.append("panic")


class IdleMotion(OscMotion):
    """The OSC adapter without its socket: the fuzzer hands it datagrams itself."""

    async def run(self) -> None:
        await asyncio.Event().wait()


def run(seed: int, *, inputs: int | None = None, seconds: float | None = None) -> Report:
    """Fuzz `inputs` datagrams, or for `seconds`. The same seed gives the same show."""
    report, clock, rng = Report(), VirtualClock(), random.Random(seed)
    structlog.configure(processors=[_silent])
    try:
        run_virtual(clock, _show(clock, rng, report, inputs, seconds))
    finally:
        structlog.reset_defaults()
    return report


async def _show(
    clock: VirtualClock, rng: random.Random, report: Report, inputs: int | None, seconds: float | None
) -> None:
    adapters: list[IdleMotion] = []

    def phone(emit: Emit, clock: Clock) -> IdleMotion:
        adapters.append(_adapter(emit, clock))
        return adapters[0]

    sensors = {"osc": phone}
    bridges = {"check": lambda wires, clock: CheckingBridge(wires, report)}
    service = make_service(clock, sensors, bridges, performers=PERFORMERS, bound=4096)
    _catch(report)
    playing = asyncio.get_running_loop().create_task(service.run())
    await clock.sleep_until(clock.now_ns() + 100 * MS)
    await _attack(clock, rng, report, adapters[0], _stop(report, inputs, seconds))
    service.stop()
    try:
        await playing
    except Exception as error:
        report.escapes.append((f"the service ended: {error!r}", b""))
    _sum_up(service, adapters[0], report)


async def _attack(
    clock: VirtualClock, rng: random.Random, report: Report, adapter: OscMotion, stop: Callable[[], bool]
) -> None:
    for data in datagrams(rng):
        if stop():
            return
        report.inputs += 1
        source = PHONE if rng.random() < 0.6 else f"10.0.0.{rng.randrange(80)}"
        try:
            began_ns = work_ns()
            adapter.receiver.hear([(data, source, clock.now_ns() - rng.choice((0, 0, 0, 5, 400)) * MS)])
            took_ns = work_ns() - began_ns
        except Exception as error:
            report.escapes.append((repr(error), data))
            continue
        if took_ns > report.slowest_ns:
            _retime(data, report, clock)
        await _let_time_pass(clock, rng)


async def _let_time_pass(clock: VirtualClock, rng: random.Random) -> None:
    """Mostly a sample's interval; now and then nothing, a drop-out, a silence that gives up a seat, a stall."""
    kind = rng.random()
    if kind < 0.3:
        return
    if kind < 0.9990:
        await clock.sleep_until(clock.now_ns() + round(rng.expovariate(1 / 3) * MS))
    elif kind < 0.9998:
        await clock.sleep_until(clock.now_ns() + round(rng.choice((0.2, 0.5, 5.0, 12.0)) * NS))
    else:
        clock.advance(round(rng.expovariate(1 / 0.3) * NS))  # nothing ran meanwhile


def datagrams(rng: random.Random) -> Iterator[bytes]:
    """Damaged messages, known troublemakers, and sound ones with values from the edges of what is let in."""
    corpus = seeds() + [row.data for row in ALL if len(row.data) <= 4096]
    corpus += [row.data for name in LAYOUTS for row in layout_faults(name)]
    while True:
        kind = rng.random()
        if kind < 0.35:
            yield _edge(rng)
            continue
        data = bytearray(rng.choice(corpus))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 8))):
            rng.choice(MUTATIONS)(data, rng)
        yield bytes(data)


def _edge(rng: random.Random) -> bytes:
    """A sample that is let in: zero, denormal, the limits of what is plausible, or anything between."""
    layout = rng.choice([layout for layout in LAYOUTS.values() if layout.streams()])
    route = rng.choice([r for r in layout.routes if r.stream is not None])
    lo, hi = PLAUSIBLE[str(route.stream)]
    values: list[Any] = [0 if tag == "i" else 0.0 for tag in route.typetags]
    for index in route.args:
        si = rng.choice(
            (0.0, -0.0, 1e-45, 1e-20, lo, hi, lo * 0.999, hi * 0.999, rng.uniform(lo, hi), rng.gauss(0, 10))
        )
        values[index] = si / route.scale
    return message(layout.address(route, key="pad"), route.typetags, *values)


def _retime(data: bytes, report: Report, clock: VirtualClock) -> None:
    """Take the time again on adapters of their own: what preempted the first try is not the datagram's doing."""
    best_ns = min(_timed(data, clock) for _ in range(RETIMINGS))
    if best_ns > report.slowest_ns:
        report.slowest_ns, report.slowest = best_ns, data


def _timed(data: bytes, clock: VirtualClock) -> int:
    adapter = _adapter(RecordingEmit(), clock)
    began_ns = work_ns()
    adapter.receiver.hear([(data, PHONE, clock.now_ns())])
    return work_ns() - began_ns


def _adapter(emit: Emit, clock: Clock) -> IdleMotion:
    config = OscMotion.Config(performers=PERFORMERS, assign={PHONE: 0}, rate_limit_hz=20_000, burst=20_000)
    return IdleMotion(config, emit, clock)


def _stop(report: Report, inputs: int | None, seconds: float | None) -> Callable[[], bool]:
    end_ns = None if seconds is None else work_ns() + round(seconds * NS)
    return lambda: report.inputs == inputs or (end_ns is not None and work_ns() >= end_ns)


def _catch(report: Report) -> None:
    def note(_: Any, context: dict[str, Any]) -> None:
        report.escapes.append((f"in the loop: {context.get('exception')!r} {context['message']}", b""))

    asyncio.get_running_loop().set_exception_handler(note)


def _sum_up(service: Service, adapter: OscMotion, report: Report) -> None:
    telemetry = service.telemetry
    report.ticks, report.accepted = telemetry.ticks, adapter.receiver.accepted
    report.samples = service.ingress.accepted.total()
    report.slowest_tick_ns, report.tick_p99_ms = telemetry.work.max_ns, telemetry.work.percentile_ms(99)
    for causes in service.ingress.dropped.values():
        report.refused.update(causes)
    if adapter.receiver.received != report.inputs:
        report.violations.append(f"{report.inputs} datagrams, but {adapter.receiver.received} counted")
    if adapter.receiver.accepted + adapter.receiver.rejected.total() != report.inputs:
        report.violations.append("accepted + rejected is not what was received")
    if telemetry.held or service.core.last_fault:
        report.violations.append(f"{telemetry.held} ticks held; {service.core.last_fault}")
    slots = (telemetry.last_due_ns - telemetry.first_due_ns) // service.core.period_ns + 1
    if telemetry.ticks + telemetry.skipped != slots:
        report.violations.append(f"{telemetry.ticks} ticks and {telemetry.skipped} skipped are not {slots} slots")
    if service.controller.bridge_errors:
        report.violations.append(f"bridge errors {service.controller.bridge_errors}")


def _silent(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


def main(seconds: float, seed: int) -> Report:
    """Fuzz for `seconds` and print the findings."""
    report = run(seed, seconds=seconds)
    print(f"inputs {report.inputs}, accepted {report.accepted}, samples {report.samples}, sent {report.sent}")
    print(f"ticks {report.ticks}, slowest {report.slowest_tick_ns / MS:.2f} ms (may be the machine), ", end="")
    print(f"p99 {report.tick_p99_ms:.2f} ms")
    print(f"slowest datagram {report.slowest_ns / MS:.3f} ms, {len(report.slowest)} bytes: {report.slowest[:64].hex()}")
    for cause, count in report.refused.most_common():
        print(f"  {count:>10}  {cause}")
    for violation in report.violations:
        print(f"  VIOLATION {violation}")
    for error, data in report.escapes[:KEPT]:
        print(f"  ESCAPE {error}: {data.hex()}")
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = main(options.seconds, options.seed)
    raise SystemExit(1 if found.escapes or found.violations else 0)
