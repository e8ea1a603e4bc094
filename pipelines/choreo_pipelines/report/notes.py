"""What a reader must know before trusting the numbers: where they come from, and what can't be had and why."""

from __future__ import annotations

from collections.abc import Iterator

from choreo_pipelines.report.measure import SWAPPED, TAKE, Measured
from choreo_pipelines.report.subject import Subject
from choreo_pipelines.report.variants import Variants
from choreo_pipelines.report.wording import listed

_MUCH_ALIKE = 0.9  # frames of two bodies hardly correlate so well unless one is a copy of the other


def notes(subject: Subject, variants: Variants, measured: Measured) -> list[str]:
    """Sentences in plain English."""
    return [*_origin(subject), *_fakes(variants, measured), *_missing(subject, measured)]


def _origin(subject: Subject) -> Iterator[str]:
    if not subject.was_played:
        yield f"The take holds no controls; they are played now by {subject.replayed.mapper}."
        return
    yield f"The take's controls are those recorded; the fakes are played now by {subject.replayed.mapper}."
    if subject.difference != 0:
        yield (
            f"This configuration doesn't play the recorded controls (largest difference {subject.difference:.3f}). "
            "Take and fakes may come from different mappers, so that dancer-or-clock compares unlike things."
        )


def _fakes(variants: Variants, measured: Measured) -> Iterator[str]:
    yield f"Swapped body: {variants.swapped_with}."
    swapped, take = (measured.readings[name].energy for name in (SWAPPED, TAKE))
    if take.r and swapped.r and take.r >= 0.6 and swapped.r >= _MUCH_ALIKE * take.r:
        yield "The swapped body gives nearly the take's own r: it may be the same dance; name another with --swap."


def _missing(subject: Subject, measured: Measured) -> Iterator[str]:
    if "beat" not in subject.given:
        yield (
            "No beat was recorded: the frames' phase is the service's own clock, on which this body owes nothing. "
            "Phase coherence, bars, look-ahead and dancer-or-clock can't be computed."
        )
    if "motion" not in subject.given:
        yield "No motion was recorded: energy correlation and dancer-or-clock can't be computed."
    if "heart" not in subject.given:
        yield "No heart was recorded: tension has nothing to follow."
    if measured.silent and {"motion", "heart"} & subject.given:
        yield f"Left out of the gate on the range: {listed(measured.silent)}."
