"""Row 17: two of three receivers are gone; how evenly the third is still served."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from bench.child import free_port
from bench.figures import Figure, Section
from bench.machine import load, machine
from bench.soak.hosted import settled_ns, start
from bench.soak.receiver import Cadence, receiving
from bench.surroundings import moving_phone

SECONDS: Final = 15.0
NO_WAY: Final = "255.255.255.255"  # the kernel refuses to send there, as it does without a route
MORE: Final = 0.01  # of the mean interval, beyond the run in which everybody is there


def outputs() -> list[Section]:
    before = load()
    all_there = _run({})
    shut = {"type": "osc_out", "layout": "bundle", "port": free_port()}
    two_gone = _run({"bridges.shut": shut, "bridges.nowhere": {**shut, "host": NO_WAY}})
    return [
        Section(
            "Receivers that are gone",
            f"{SECONDS:g} s each, real-time priority so that other programs aren't measured: one OSC receiver, and "
            "the same beside one whose port is shut and one the kernel refuses to send to.",
            "make soak ONLY=outputs",
            machine(),
            before,
            (
                Figure(17, "intervals at the one that is there", two_gone.count),
                Figure(17, "their standard deviation, of the mean, everybody there", _spread(all_there)),
                Figure(
                    17,
                    "the same with two gone",
                    _spread(two_gone),
                    at_most=round(_spread(all_there) + MORE, 4),
                ),
                Figure(17, "the longest interval, everybody there", all_there.longest, "ms"),
                Figure(17, "the same with two gone", two_gone.longest, "ms"),
            ),
        )
    ]


def _run(others: Mapping[str, Any]) -> Cadence:
    with receiving() as arrivals:
        host, port = start(arrivals.port, others, fifo=True)
        with moving_phone(port):
            settled_ns()
            begin_ns = time.time_ns()
            time.sleep(SECONDS)
            end_ns = time.time_ns()
        host.end()
    return Cadence.of(arrivals.between(begin_ns, end_ns))


def _spread(cadence: Cadence) -> float:
    return cadence.sd / cadence.mean
