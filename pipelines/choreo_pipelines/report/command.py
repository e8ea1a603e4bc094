"""`choreo-lab report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from choreo_pipelines import REPORTS
from choreo_service.cli.options import Choice, config_options, find_take, for_take

if TYPE_CHECKING:
    from choreo_pipelines.report.subject import CoreFactory
    from choreo_service.session import Session


@click.command("report")
@click.argument("take", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the report; reports/TAKE if not given.")
@click.option("--swap", type=click.Path(path_type=Path), help="Take whose body is put in; a neighbour if not given.")
@click.option("--performer", type=click.IntRange(0), default=0, show_default=True, help="Which one of the take.")
@click.option(
    "--drift-minutes",
    type=click.FloatRange(5, 240),
    metavar="MIN",
    help="Also play the take in a loop for so long, and see whether it stays the same.",
)
@click.option("--strict", is_flag=True, help="End with 1 when a gate fails.")
@config_options
def report_take(
    take: Path,
    out: Path | None,
    swap: Path | None,
    performer: int,
    drift_minutes: float | None,
    strict: bool,
    **choice: Unpack[Choice],
) -> int:
    """Does the music of TAKE land on the beat and follow the body? Numbers beside the fakes that expose them.

    A take that was played keeps the controls that were sent; any other is played now. Writes a page with figures, the
    same as Markdown, and all numbers as JSON. They replace an earlier report of the same take, and no other file.
    """
    from choreo_pipelines.metrics import Outcome
    from choreo_pipelines.plots import require_matplotlib
    from choreo_pipelines.report.checks import checks
    from choreo_pipelines.report.measure import measure
    from choreo_pipelines.report.notes import notes
    from choreo_pipelines.report.subject import open_subject
    from choreo_pipelines.report.tables import tables
    from choreo_pipelines.report.terminal import terminal_text
    from choreo_pipelines.report.variants import play_variants
    from choreo_pipelines.report.write import check_folder, facts, write_report
    from choreo_service.session import open_session

    require_matplotlib()
    take = find_take(take, choice)
    new_core = _core_factory(choice, open_session(take))
    subject = open_subject(take, new_core, performer=performer)
    folder = out or REPORTS / (subject.name if not performer else f"{subject.name}_performer_{performer}")
    check_folder(folder, subject)  # before the work, not after it
    variants = play_variants(subject, new_core, swap=swap, drift_minutes=drift_minutes)
    measured, clip = measure(subject, variants)
    found = checks(measured)
    heading = f"{subject.name}: {facts(subject)}"
    click.echo(terminal_text(heading, found, tables(measured, clip), notes(subject, variants, measured)))
    write_report(folder, subject, variants, measured, clip)
    click.echo(f"\nwrote {folder / 'report.html'}")
    return int(strict and any(check.verdict.outcome is Outcome.FAIL for check in found))


def _core_factory(choice: Choice, session: Session) -> CoreFactory:
    """Fresh cores of one configuration, for as many performers as the take has unless an option says otherwise."""
    from choreo_service.config import load_settings
    from choreo_service.service.playing import build_core

    loaded = load_settings(**for_take(choice, session.meta))
    return lambda: build_core(loaded)
