"""`choreo-lab gates`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from choreo_pipelines.evaluation.gates.reading import Reading


@click.command("gates")
@click.option("--seeds", type=click.IntRange(1, 20), default=3, show_default=True, help="How many, from 0.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/gates"), show_default=True)
@click.option("--sessions", type=click.IntRange(2, 100), default=8, show_default=True, help="To train on.")
@click.option("--unseen", type=click.IntRange(2, 100), default=5, show_default=True, help="To measure on.")
@click.option("--minutes", type=click.FloatRange(2.0, 60.0), default=3.0, show_default=True, help="Of each session.")
@click.option("--rps-steps", type=click.IntRange(1), default=2000, show_default=True)
@click.option("--mapper-steps", type=click.IntRange(1), default=1500, show_default=True)
@click.option("--strict", is_flag=True, help="End with 1 when a gate is missed.")
def measure_gates(
    seeds: int,
    work: Path,
    sessions: int,
    unseen: int,
    minutes: float,
    rps_steps: int,
    mapper_steps: int,
    strict: bool,
) -> int:
    """Train M1-M3 anew with several seeds and print every gate beside its baseline, on dancers nobody trained on.

    A quarter of an hour as it stands. gates.json and gates.md in --work hold the same.
    """
    from choreo_pipelines.evaluation.gates.reading import by_name, summary
    from choreo_pipelines.evaluation.gates.table import markdown, text
    from choreo_pipelines.evaluation.gates.trial import Scale, trial
    from choreo_pipelines.training import open_progress, use_one_thread

    use_one_thread()
    scale = Scale(sessions, unseen, minutes, rps_steps, mapper_steps)
    readings: list[Reading] = []
    for seed in range(seeds):
        readings += trial(seed, work, scale, open_progress)
    found = [summary(each) for each in by_name(readings).values()]
    work.mkdir(parents=True, exist_ok=True)
    (work / "gates.json").write_text(json.dumps(found, indent=1) + "\n")
    (work / "gates.md").write_text(markdown(found))
    click.echo(text(found))
    click.echo(f"\nwrote {work / 'gates.md'}")
    return int(strict and not all(gate["passed"] for gate in found))
