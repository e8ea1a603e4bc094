"""Structure-aware mutation fuzzing of the OSC input: valid datagrams, damaged where decoders usually break.

Runs from the tests for a moment, and for as long as wanted by hand:

    PYTHONPATH=tests python -m faults.osc_fuzz --seconds 600 --seed 1
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from osc_datagrams import APPS, Moment, RecordingEmit, bundle, message, nested

from choreo_adapters.osc.decode import OscError, decode
from choreo_adapters.osc.presets import LAYOUTS
from choreo_adapters.sensors.osc_motion import PLAUSIBLE, OscMotion
from choreo_service.clock import VirtualClock, work_ns
from choreo_service.packets import STREAMS

# Sizes, counts and offsets that turn arithmetic around.
INTEGERS = (0, 1, 2, 3, 4, 7, 8, 12, 16, 20, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 8, 2**32 - 16, 2**32 - 1)
PHONE = "10.0.0.1"
FLOATS = (math.nan, math.inf, -math.inf, 1e38, -1e38, 1e-45, 0.0, -0.0)


@dataclass
class Report:
    """What a run found. `escapes` are the inputs that made anything but OscError appear; it must stay empty."""

    inputs: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    emitted: int = 0
    escapes: list[tuple[str, bytes]] = field(default_factory=list)
    slowest_ns: int = 0
    slowest: bytes = b""


def run(seed: int, *, inputs: int | None = None, seconds: float | None = None) -> Report:
    """Fuzz `inputs` datagrams, or for `seconds`. The same seed gives the same datagrams."""
    rng = random.Random(seed)
    report = Report()
    emit = RecordingEmit()
    config = OscMotion.Config(performers=2, assign={PHONE: 0}, rate_limit_hz=20_000, burst=20_000)
    adapter = OscMotion(config, emit, VirtualClock())
    stop_ns = None if seconds is None else work_ns() + int(seconds * 1e9)
    for data in itertools.islice(_datagrams(rng), inputs):
        if stop_ns is not None and work_ns() >= stop_ns:
            break
        _try(data, adapter, emit, report, rng)
    return report


def _try(data: bytes, adapter: OscMotion, emit: RecordingEmit, report: Report, rng: random.Random) -> None:
    report.inputs += 1
    began_ns = work_ns()
    try:
        decode(data)
    except OscError as error:
        report.refused[error.cause.value] += 1
    except Exception as error:
        report.escapes.append((repr(error), data))
    took_ns = work_ns() - began_ns
    if took_ns > report.slowest_ns:
        report.slowest_ns, report.slowest = took_ns, data
    try:
        source = PHONE if rng.random() < 0.8 else f"10.0.0.{rng.randrange(100)}"
        adapter.receiver.hear([(data, source, report.inputs * 1_000_000)])
        report.emitted += _checked(emit)
    except Exception as error:
        report.escapes.append((repr(error), data))


def _checked(emit: RecordingEmit) -> int:
    """How many samples came out; AssertionError when one of them is not what a sensor may emit."""
    count = len(emit.samples)
    for sample in emit.samples:
        lo, hi = PLAUSIBLE[sample.stream]
        assert len(sample.values) == STREAMS[sample.stream].width, sample
        assert all(lo <= v <= hi for v in sample.values), sample
        assert sample.performer in (0, 1), sample
        assert sample.source_ns is None or abs(sample.source_ns) < 1 << 63, sample
    emit.samples.clear()
    return count


def _datagrams(rng: random.Random) -> Iterator[bytes]:
    corpus = seeds()
    while True:
        data = bytearray(rng.choice(corpus))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 8))):
            rng.choice(MUTATIONS)(data, rng)
        yield bytes(data)


def seeds() -> list[bytes]:
    """Every message of every layout, alone and in bundles, and the odd shapes the format allows."""
    values = {"i": 7, "f": 0.5, "s": "phone"}
    messages = [
        message(layout.address(route, key="pad"), route.typetags, *(values[tag] for tag in route.typetags))
        for layout in LAYOUTS.values()
        for route in layout.routes
    ]
    messages += [
        message(f"{axes.prefix}/{axis}", "f", 0.5)
        for layout in LAYOUTS.values()
        for axes in layout.axes
        for axis in "xyz"
    ]
    odd = message("/odd", "ifdhtsbTFN", 1, 2.0, 3.0, 4, 5, "six", b"seven", True, False, None)
    return [
        *messages,
        odd,
        bundle(),
        bundle(*messages[:5]),
        bundle(messages[0], bundle(messages[1], odd), messages[2], timetag=2**63),
        bundle(*messages[:60:2]),
        nested(8, messages[0]),
        nested(9, messages[0]),
        message("/choreo/motion", "f" * 64, *[1.0] * 64),
        *APPS["zigsim json"](Moment(0, (0.1, 0.2, 0.3), (0.0, 0.0, 9.8), (0.1, 0.0, 0.0))),
    ]


def _set_integer(data: bytearray, rng: random.Random) -> None:
    if len(data) >= 4:
        struct.pack_into(">I", data, rng.randrange(len(data) // 4) * 4, rng.choice(INTEGERS))


def _point_back(data: bytearray, rng: random.Random) -> None:
    """A size that leads back to an earlier place: the endless loop of decoders that add signed sizes."""
    if len(data) >= 4:
        at = rng.randrange(len(data) // 4) * 4
        struct.pack_into(">i", data, at, -rng.randrange(0, at + 8, 4))


def _set_float(data: bytearray, rng: random.Random) -> None:
    if len(data) >= 4:
        struct.pack_into(">f", data, rng.randrange(len(data) // 4) * 4, rng.choice(FLOATS))


def _flip(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice(b"\x00\x01\x7f\x80\xff/#,*?[]{}ifdhtsbTFNc")


def _truncate(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _truncate_aligned(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data) // 4 + 1) * 4 :]


def _extend(data: bytearray, rng: random.Random) -> None:
    data += rng.choice((b"\0", b"\xff")) * rng.choice((1, 4, 8, 64, 2048))


def _repeat(data: bytearray, rng: random.Random) -> None:
    if 0 < len(data) <= 4096:
        at = rng.randrange(0, len(data), 4)
        part = bytes(data[at : at + rng.choice((4, 8, 16, 64))])
        data[at:at] = part * rng.randrange(1, 20)


def _wrap(data: bytearray, rng: random.Random) -> None:
    data[:] = nested(rng.randrange(1, 12), bytes(data))[:8192]


MUTATIONS = (
    _set_integer,
    _set_integer,
    _point_back,
    _set_float,
    _flip,
    _set_byte,
    _truncate,
    _truncate_aligned,
    _extend,
    _repeat,
    _wrap,
)


def main(seconds: float, seed: int) -> Report:
    """Fuzz for `seconds` and print the findings."""
    report = run(seed, seconds=seconds)
    print(f"inputs {report.inputs}, samples emitted {report.emitted}, escapes {len(report.escapes)}")
    print(f"slowest {report.slowest_ns / 1e6:.3f} ms, {len(report.slowest)} bytes: {report.slowest[:64].hex()}")
    for cause, count in report.refused.most_common():
        print(f"  {count:>10}  {cause}")
    for error, data in report.escapes[:20]:
        print(f"  ESCAPE {error}: {data.hex()}")
    return report


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    raise SystemExit(1 if main(options.seconds, options.seed).escapes else 0)
