"""One performer of one take: played by the models, measured, and silenced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from choreo_pipelines.evaluation.takes.cast import POLICIES, Cast
from choreo_pipelines.evaluation.takes.numbers import PlayNumbers, play_numbers
from choreo_pipelines.evaluation.takes.silence import LIMIT_S, Silence, silences
from choreo_pipelines.evaluation.takes.subjects import take_folder
from choreo_pipelines.metrics import Result
from choreo_pipelines.report import Subject, measure, open_subject, play_variants, write_report
from choreo_pipelines.report.checks import Check, checks
from choreo_pipelines.report.write import check_folder
from choreo_service.clock import MS
from choreo_service.core import Core
from choreo_service.replay import take_entries
from choreo_service.session import Session


@dataclass(frozen=True, slots=True)
class Evaluated(Result):
    """Every number of one performer of one take."""

    name: str  # of the take, and of the performer where there are several
    source: str
    known_dancer: bool  # the models were trained on this dancer: the numbers flatter them
    given: tuple[str, ...]  # modalities somebody sent
    play: PlayNumbers
    silences: tuple[Silence, ...]
    silences_limited_to_s: float | None  # None where the whole take was silenced
    checks: tuple[Check, ...]  # of the groove report


def evaluate(take: Session, performer: int, cast: Cast, report: Path | None) -> Evaluated:
    """Play, measure and silence; the groove report goes into the folder `report`, where one is wanted.

    What a take recorded of an earlier show is left aside: the models play it now. ConfigError when the report's folder
    is in use.
    """
    loaded = cast.settings(take.meta["performers"])
    new_core: Callable[[], Core] = partial(cast.core, loaded)
    subject = open_subject(take.path, new_core, performer=performer)
    subject = replace(subject, played=subject.replayed)
    if report:
        check_folder(report, subject)
    found = _groove(subject, new_core, report)
    tape = list(take_entries(take, round(loaded.settings.engine.period_ms * MS)))
    cores = {name: partial(cast.core, loaded, absence) for name, absence in POLICIES.items()}
    play = play_numbers(subject.played, subject.given)
    return Evaluated(
        name=label(take, performer),
        source=str(take.meta["source"]),
        known_dancer=cast.knows(take.meta),
        given=tuple(sorted(subject.given)),
        play=play,
        silences=tuple(silences(tape, cores, subject.given, name=subject.name, performer=performer)),
        silences_limited_to_s=LIMIT_S if play.seconds > LIMIT_S else None,
        checks=tuple(found),
    )


def label(take: Session, performer: int) -> str:
    """The take's name, with the performer where it has several; also the name of the report's folder."""
    return take_folder(take) if take.meta["performers"] == 1 else f"{take_folder(take)}_performer_{performer}"


def _groove(subject: Subject, new_core: Callable[[], Core], report: Path | None) -> list[Check]:
    variants = play_variants(subject, new_core)
    measured, clip = measure(subject, variants)
    if report:
        write_report(report, subject, variants, measured, clip)
    return checks(measured)
