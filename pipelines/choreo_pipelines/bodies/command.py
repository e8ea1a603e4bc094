"""`choreo-lab heart-fit`."""

from __future__ import annotations

from pathlib import Path

import click

from choreo_pipelines.bodies.heart_fit import fit_heart_rate
from choreo_pipelines.bodies.pace import MIN_BOUT_S, read_paces
from choreo_pipelines.generator.settings import TAU_PRESETS_S
from choreo_service.errors import SessionError


@click.command("heart-fit")
@click.argument("recording", metavar="FILE", type=click.Path(path_type=Path))
def fit_heart(recording: Path) -> None:
    """Measure how fast the heart in FILE follows the effort: a take, a TCX or FIT activity, or another recording.

    Fits the first-order heart of the generator (choreo-lab generate --tau) once per kind of effort found: speed,
    cadence, power, or the motion of a take. Says so where the recording can't tell.
    """
    paces = read_paces(recording)
    if not paces:
        raise SessionError(
            f"{recording} has no {MIN_BOUT_S} s with both heart rate and effort",
            fix="take a recording with a heart-rate strap and motion, or an activity with speed, cadence or power",
        )
    click.echo(f"{recording.name}: presets of the generator are {', '.join(f'{tau:g}' for tau in TAU_PRESETS_S)} s")
    for pace in paces:
        click.echo(fit_heart_rate(pace).text())
