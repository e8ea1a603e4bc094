"""What eight bodies cost beside one: the tick of the running service, models and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.child import Host
from bench.models import SETTINGS

CASTS: Final = (1, 8, 1, 8)  # in turns, so that a busy machine is busy for both
HEADS: Final = ("frame", "engine", "tick p50", "p99", "late p99", "skipped", "calls", "CPU %")


def performers(seconds: float, checkpoints: Path | None) -> None:
    """Synthetic dancers, a run for each of CASTS; the ratios are of all ticks of a cast."""
    chosen = {} if checkpoints is None else {"engine.checkpoints": str(checkpoints.resolve())}
    print(f"\nPerformers at 50 Hz, synthetic dancers at 100 Hz each, {seconds:g} s a run")
    print("us a tick; late p99 in ms; calls: of the models a tick")
    print(f"{'':14}{''.join(f'{head:>9}' for head in HEADS)}")
    ticks: dict[int, list[float]] = {}
    for count in CASTS:
        host = Host(SETTINGS, {**chosen, "engine.performers": count})
        cpu, _ = host.cost(seconds)
        result = host.end()
        ticks.setdefault(count, []).extend(_print(count, result, cpu))
    (p50, p99), (p50_8, p99_8) = ((_at(ticks[count], 0.5), _at(ticks[count], 0.99)) for count in (1, 8))
    print(f"8 performers to 1: tick median x {p50_8 / p50:.2f}, p99 x {p99_8 / p99:.2f}")


def _print(count: int, result: Mapping[str, Any], cpu: float) -> Sequence[float]:
    """One run's line; what every tick of it took."""
    sections, telemetry = result["sections_us"], result["telemetry"]
    ticks = [sum(parts) for parts in zip(sections["frame"], sections["models"], sections["guards"], strict=True)]
    calls = len(sections.get("coherence", ())) / max(1, telemetry["ticks"])
    took = (_at(sections["frame"], 0.5), _at(sections["models"], 0.5), _at(ticks, 0.5), _at(ticks, 0.99))
    cells = "".join(f"{us:9.0f}" for us in took)
    late, skipped = telemetry["lateness_ms"]["99"], telemetry["skipped"]
    print(f"{count:2} performer{'s' if count > 1 else ' '} {cells}{late:9.2f}{skipped:9d}{calls:9.2f}{cpu:9.1f}")
    return ticks


def _at(us: Sequence[float], share: float) -> float:
    return sorted(us)[min(len(us) - 1, int(share * len(us)))]
