"""What the trained models take of a tick in the running service, alone and with 64 performers, beside the aims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.child import Host
from choreo_service.config import load_settings
from choreo_service.service.models import has_checkpoints

SETTINGS: Final = {
    "sensors": {"phone": None, "dancer": {"type": "synthetic"}},
    "bridges": {"bars": None, "synth": None, "midi": None, "nowhere": {"type": "null"}},
    "doors": {"osc": None},
    "dashboard": {"enabled": False},
    "log": {"level": "error"},
}
AIMS: Final = {1: "median < 300, p99 < 2000", 64: "median < 1000"}
FIRST: Final = 100  # ticks
# In the order of the tick. The engine's part is the three nets and the rule mapper, which listens all the time.
SECTIONS: Final = {
    "frame": "features",
    "coherence": "M1, normalises features",
    "normaliser": "M2",
    "mapper": "M3",
    "nets": "M1 + M2 + M3",
    "models": "the same and rules",
    "guards": "guards",
}


def models(seconds: float, checkpoints: Path | None) -> None:
    """A run for each number of performers in AIMS; says so where there are no checkpoints to play."""
    chosen = {} if checkpoints is None else {"engine.checkpoints": str(checkpoints.resolve())}
    folder = load_settings(overrides=[f"{key}={value}" for key, value in chosen.items()]).checkpoints
    if not has_checkpoints(folder):
        print(f"\nModels: no checkpoints in {folder}, nothing to measure (--checkpoints FOLDER)")
        return
    print(f"\nModels at 50 Hz with synthetic dancers, {seconds:g} s each, us a tick")
    print(f"{'':26}{'median':>8}{'p99':>8}{'max':>8}{f'first {FIRST}':>11}  aim")
    for performers, aim in AIMS.items():
        host = Host(SETTINGS, {**chosen, "engine.performers": performers})
        cpu, rss = host.cost(seconds)
        _print(performers, aim, host.end())
        print(f"  {cpu:.1f} % of a core, {rss:.0f} MB")


def _print(performers: int, aim: str, result: Mapping[str, Any]) -> None:
    telemetry = result["telemetry"]
    players = ", ".join(f"{name} ({ticks})" for name, ticks in telemetry["mappers"].items())
    print(f"{performers} performer{'s' if performers > 1 else ''}, played by {players}")
    sections = result["sections_us"]
    nets = zip(sections["coherence"], sections["normaliser"], sections["mapper"], strict=True)
    sections = {**sections, "nets": [sum(parts) for parts in nets]}
    for section, name in SECTIONS.items():
        print(f"  {name:24}{_row(sections[section])}  {aim if section == 'nets' else ''}".rstrip())
    late = telemetry["lateness_ms"]
    print(f"  {telemetry['skipped']} slots skipped, {telemetry['held']} held; late p50 {late['50']:.2f} ms, ", end="")
    print(f"p99 {late['99']:.2f} ms, max {result['lateness_max_ms']:.2f} ms")


def _row(us: Sequence[float]) -> str:
    """`us` in the order of the ticks, none left out: the first ones belong to the music too."""
    if not us:
        return f"{'-':>8}" * 4
    return f"{_at(us, 0.5):8.0f}{_at(us, 0.99):8.0f}{max(us):8.0f}{_at(us[:FIRST], 0.5):11.0f}"


def _at(us: Sequence[float], share: float) -> float:
    return sorted(us)[min(len(us) - 1, int(share * len(us)))]
