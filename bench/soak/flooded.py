"""Rows 13 and 15: one hostile datagram, and 20,000 a second of them while a phone plays."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from hostile_packets import ALL  # tests are on the path, as for `make fuzz`

from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.published import ROOT
from bench.soak.hosted import Ticks, settled_ns, start
from bench.soak.receiver import receiving
from bench.surroundings import moving_phone
from choreo_adapters.osc.decode import OscError, decode
from choreo_service.clock import monotonic_ns

RATE: Final = 20_000
SECONDS: Final = 20.0
PHONE, FLOODER = "127.0.0.1", "127.0.0.2"
GOOD: Final = 10  # one in so many datagrams of the flood is a sound sample
TIMES: Final = 200  # each datagram is decoded; its best is what it costs, the rest is the machine's
DECODE_MS: Final = 1.0
LATE_MS: Final = 5.0
CPU_PERCENT: Final = 25.0
LOST_PERCENT: Final = 1.0


@dataclass(frozen=True)
class Run:
    """What was measured while the phone played."""

    ticks: Ticks
    cpu: float  # % of a core
    sent: int  # by the phone
    accepted: int  # of the phone
    flood_hz: float  # datagrams of the flood a second, as it was really sent


def flooded() -> list[Section]:
    before = load()
    slowest_ms, count = _slowest_decode_ms()
    calm, attacked = _run(flood=False), _run(flood=True)
    return [
        Section(
            f"A flood of {RATE:,} datagrams a second",
            f"{SECONDS:g} s of the datagrams of `tests/hostile_packets.py`, every tenth a sound sample, from another "
            "address than the phone's; the same without. Real-time priority, so that other programs aren't measured. "
            "Row 13: each of these datagrams alone.",
            "make soak ONLY=flooded",
            machine(),
            before,
            (
                Figure(13, f"slowest of {count} hostile datagrams to decode", slowest_ms, "ms", at_most=DECODE_MS),
                Figure(15, "datagrams of the flood a second, as they were sent", attacked.flood_hz),
                Figure(15, "samples of the phone lost", _lost_percent(attacked), "%", at_most=LOST_PERCENT),
                Figure(15, "the same without the flood", _lost_percent(calm), "%"),
                Figure(15, "tick late, p99", _late_ms(attacked), "ms", at_most=LATE_MS),
                Figure(15, "the same without the flood", _late_ms(calm), "ms"),
                Figure(15, "processor, of a core", attacked.cpu, "%", at_most=CPU_PERCENT),
                Figure(15, "the same without the flood", calm.cpu, "%"),
                Figure(15, "slots skipped", attacked.ticks.skipped),
            ),
        )
    ]


def _slowest_decode_ms() -> tuple[float, int]:
    """(ms of the slowest datagram at its best, how many datagrams)"""
    return max(min(_decode_ns(row.data) for _ in range(TIMES)) for row in ALL) / 1e6, len(ALL)


def _decode_ns(data: bytes) -> int:
    began = time.perf_counter_ns()
    with contextlib.suppress(OscError):
        decode(data)
    return time.perf_counter_ns() - began


def _run(*, flood: bool) -> Run:
    with receiving() as arrivals:
        host, port = start(arrivals.port, {"sensors.phone.assign": {PHONE: 0}}, fifo=True)
        with moving_phone(port) as sent_ns:
            begin_ns = settled_ns()
            flooder = _flooder(port) if flood else None
            cpu, _ = host.cost(SECONDS)
            end_ns = monotonic_ns()
            if flooder is not None:
                flooder.wait()
            flood_s = (monotonic_ns() - begin_ns) / 1e9
        time.sleep(0.5)  # what is on its way arrives
        result = host.end()
    ticks = Ticks.between(begin_ns, end_ns, result)
    return Run(ticks, cpu, len(sent_ns), _accepted(result), RATE * SECONDS / flood_s if flood else 0.0)


def _flooder(port: int) -> subprocess.Popen[bytes]:
    script = ROOT / "tests" / "hostile_flood.py"
    argv = [sys.executable, str(script), str(port), FLOODER, str(RATE), str(SECONDS), str(GOOD)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL)


def _accepted(result: dict[str, Any]) -> int:
    return int(result["telemetry"]["sources"][f"phone:{PHONE}"]["accepted"])


def _lost_percent(run: Run) -> float:
    return 100.0 * (run.sent - run.accepted) / run.sent


def _late_ms(run: Run) -> float:
    return float(np.percentile(run.ticks.late_ms, 99))
