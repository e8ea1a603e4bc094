"""Where the inputs of the golden takes came from. They are made once; a take that is there keeps its own for ever."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.ingress import Ingress
from choreo_service.packets import SensorPacket
from choreo_service.replay import TapeEntry

PERIOD_NS: Final = 20 * MS
START_NS: Final = NS


@dataclass(frozen=True)
class Golden:
    """One golden take: its inputs, and who plays them."""

    make: Callable[[], list[TapeEntry]]
    performers: int
    models: bool


Sample = tuple[int, int, str, int, str, tuple[float, ...]]  # arrival, received, stream, performer, source, values


def entries(samples: Iterator[Sample], ticks: int, skipped: Mapping[int, int]) -> list[TapeEntry]:
    """Samples as the ticks that take them; `skipped`: tick -> slots that were missed before it."""
    waiting = [
        SensorPacket(stream, performer, seq, t_ns, rx_ns, None, source, values)
        for seq, (t_ns, rx_ns, stream, performer, source, values) in enumerate(sorted(samples))
    ]
    found, k = [], 0
    for i in range(ticks):
        dk = 1 + skipped.get(i, 0)
        k += dk
        due_ns = START_NS + k * PERIOD_NS
        found.append(TapeEntry(k, dk, due_ns, tuple(p for p in waiting if p.t_ns <= due_ns)))
        waiting = [p for p in waiting if p.t_ns > due_ns]
    return found


def synthetic() -> list[TapeEntry]:
    """The built-in dancer."""
    clock = VirtualClock(START_NS)
    ingress = Ingress(clock, performers=1, bound=4096)

    async def dance() -> list[TapeEntry]:
        import asyncio

        dancer = SyntheticDancer(SyntheticDancer.Config(), ingress.emitter("dancer"), clock)
        task = asyncio.get_running_loop().create_task(dancer.run())
        found = []
        for k in range(1, 401):
            due_ns = START_NS + k * PERIOD_NS
            await clock.sleep_until(due_ns)
            found.append(TapeEntry(k, 1, due_ns, tuple(ingress.take_until(due_ns))))
        task.cancel()
        return found

    return run_virtual(clock, dance())


def phone() -> list[TapeEntry]:
    """A phone on a hip over a bad network, rounded to what apps send, a strap, and a busy laptop."""

    def samples() -> Iterator[Sample]:
        rng = random.Random(7)
        t = START_NS
        burst_until = 0
        while t < START_NS + 8 * NS:
            t += round(rng.gauss(10, 1.5) * MS)
            if rng.random() < 0.02:
                burst_until = t + rng.randrange(50, 180) * MS  # the network holds everything back, then lets it go
            arrival = max(t, burst_until) + rng.randrange(1, 4) * MS
            s = (t - START_NS) / NS
            still = 0.05 if 5.0 < s < 6.0 else 1.0  # a freeze
            bounce, sway = 3 * still * math.sin(2 * math.pi * 1.9 * s), 1.5 * still * math.sin(2 * math.pi * 0.95 * s)
            values = (
                round(sway + rng.gauss(0, 0.2), 2),
                round(9.81 + bounce + rng.gauss(0, 0.2), 2),
                round(0.4 * bounce, 2),
            )
            yield arrival, arrival, "acceleration", 0, "phone:hip", values
            turn = tuple(round(still * math.sin(2 * math.pi * 0.95 * s + i), 3) for i in range(3))
            yield arrival, arrival, "rotation_rate", 0, "phone:hip", turn
        at = 0.4
        while at < 8:
            rr_s = round(0.52 + 0.03 * math.sin(at), 3)
            at += rr_s
            t_ns = START_NS + round(at * NS)
            yield t_ns, t_ns, "heart_rate", 0, "strap", (float(round(60 / rr_s)),)
            yield t_ns, t_ns, "rr_interval", 0, "strap", (rr_s,)

    return entries(samples(), 380, {100: 3, 101: 1, 250: 7})


def trio() -> list[TapeEntry]:
    """Three dancers: one loses the phone for a while, one the strap, one comes late; the beat comes from outside."""

    def there(performer: int, s: float) -> bool:
        return not ((performer == 1 and 2.0 < s < 4.0) or (performer == 2 and s < 3.0))

    def samples() -> Iterator[Sample]:
        rng = random.Random(11)
        for i in range(600):
            s = i * 0.01
            t = START_NS + round(s * NS) + rng.randrange(MS)
            for performer in range(3):
                if there(performer, s):
                    hz = 1.6 + 0.2 * performer
                    swing = [(2 + performer) * math.sin(2 * math.pi * hz * s + axis) for axis in range(3)]
                    values = tuple(v + rng.gauss(0, 0.1) for v in swing)
                    yield t, t, "linear_acceleration", performer, f"phone:{performer}", values
            if i % 100 == 20:
                for performer in (0, 2) if s > 1 else (0, 1):
                    yield t, t, "heart_rate", performer, f"strap:{performer}", (95.0 + 10 * performer + i // 100,)
            if i % 4 == 0 and not 4.5 < s < 5.2:
                beats = s * 116 / 60
                yield t, t, "beat", 0, "clock", (beats % 1.0, float(int(beats) % 4))
            if i % 150 == 0:
                yield t, t, "context", 0, "fader", (0.2 + 0.1 * (i // 150),)

    return entries(samples(), 290, {60: 2})


GOLDEN: Final[Mapping[str, Golden]] = {
    "synthetic": Golden(synthetic, 1, models=True),
    "phone": Golden(phone, 1, models=False),
    "trio": Golden(trio, 3, models=True),
}
