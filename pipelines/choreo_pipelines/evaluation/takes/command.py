"""`choreo-lab evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack

import click

from choreo_pipelines import REPORTS
from choreo_service.cli.options import Choice, config_options, find_take

if TYPE_CHECKING:
    from choreo_pipelines.evaluation.takes.cast import Cast
    from choreo_pipelines.evaluation.takes.evaluate import Evaluated
    from choreo_service.session import Session

OUT: Final = REPORTS / "evaluation"
_FOLDER: Final = click.Path(path_type=Path)


@click.command("evaluate")
@click.argument("takes", nargs=-1, type=_FOLDER)
@click.option("--checkpoints", type=_FOLDER, help="Folder of the trained pair; engine.checkpoints if not given.")
@click.option("--out", type=_FOLDER, default=OUT, show_default=True, help="Folder of the results.")
@click.option("--reports/--no-reports", default=True, show_default=True, help="A groove report with figures per take.")
@click.option(
    "--real",
    type=_FOLDER,
    metavar="DATA",
    help="Also the folder of real recordings: three wristbands, a dancer, and the hearts of a run and a ride.",
)
@click.option("--heart", "hearts", type=_FOLDER, metavar="FILE", multiple=True, help="Also fit the heart of FILE.")
@config_options
def evaluate_takes(
    takes: tuple[Path, ...],
    checkpoints: Path | None,
    out: Path,
    reports: bool,
    real: Path | None,
    hearts: tuple[Path, ...],
    **choice: Unpack[Choice],
) -> int:
    """How do the trained models play these TAKES (takes, or folders of takes), and what when a sensor falls silent?

    Without TAKES three synthetic dancers nobody trained on are made in recordings/m0_unseen. evaluation.json and
    evaluation.md in --out hold all numbers. Ends with 1 when anything played was not finite or not in range.
    """
    from choreo_pipelines.evaluation.takes.cast import Cast
    from choreo_pipelines.evaluation.takes.hearts import read_heart
    from choreo_pipelines.evaluation.takes.subjects import UNSEEN, activities, chosen_takes
    from choreo_pipelines.evaluation.takes.write import check_folder, write_evaluation
    from choreo_pipelines.plots import require_matplotlib

    if reports:
        require_matplotlib()
    cast = Cast.open(choice, checkpoints)
    check_folder(out)
    if not takes:
        click.echo(f"no takes given: playing three synthetic dancers nobody trained on, in {UNSEEN}\n")
    fitted = [read_heart(path) for path in (*hearts, *(activities(real) if real else ()))]
    chosen = chosen_takes([find_take(take, choice) for take in takes], real, out)
    found = [_evaluate(take, b, cast, out if reports else None) for take in chosen for b in range(_performers(take))]
    for heart in fitted:
        click.echo(f"{heart.text()}\n")
    for path in write_evaluation(out, cast.pair, found, fitted):
        click.echo(f"wrote {path}")
    return int(not all(take.play.sound for take in found))


def _performers(take: Session) -> int:
    return int(take.meta["performers"])


def _evaluate(take: Session, performer: int, cast: Cast, out: Path | None) -> Evaluated:
    """Evaluate and show one performer; the report's folder lies in `out`, where one is wanted."""
    from choreo_pipelines.evaluation.takes.evaluate import evaluate, label
    from choreo_pipelines.evaluation.takes.tables import notes, tables
    from choreo_pipelines.report.terminal import terminal_text

    name = label(take, performer)
    click.echo(f"playing {name}", err=True)
    found = evaluate(take, performer, cast, out / name if out else None)
    heading = f"{name}: {found.source}, {found.play.seconds:.1f} s"
    click.echo(f"{terminal_text(heading, found.checks, tables(found), notes(found)).rstrip()}\n")
    return found
