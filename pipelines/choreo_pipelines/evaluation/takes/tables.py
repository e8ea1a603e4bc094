"""The numbers of a take as tables of text, the same on the terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from choreo_pipelines.evaluation.takes.cast import POLICIES
from choreo_pipelines.evaluation.takes.evaluate import Evaluated
from choreo_pipelines.evaluation.takes.silence import Silence
from choreo_pipelines.metrics.usage import MIN_USED
from choreo_pipelines.report.tables import Table
from choreo_pipelines.report.wording import NONE, number, percent

_READ: Final = (("as the mapper gave it", "raw_absent"), ("as sent", "sent_absent"))


def tables(found: Evaluated) -> list[Table]:
    """What the models did, the controls, and the cost of silent sensors."""
    return [_models(found), _controls(found), _silences(found)]


def notes(found: Evaluated) -> list[str]:
    """What a reader must know before trusting the numbers."""
    said = []
    if found.known_dancer:
        said.append("The models were trained on this dancer: the numbers flatter them.")
    if found.silences_limited_to_s is not None:
        said.append(f"Sensors fall silent in the first {found.silences_limited_to_s / 60:g} minutes alone.")
    said += [f"{_what(s)} not silenced: {s.reason}." for s in found.silences if s.reason]
    unheard = [name for name, control in found.play.controls.items() if not control.heard]
    if unheard:
        said.append(f"No sensor for {', '.join(unheard)}: played from what the models reconstruct.")
    return said


def _models(found: Evaluated) -> Table:
    play = found.play
    rows = (
        ("finite", _yes(play.finite)),
        ("in range", _yes(play.in_range)),
        ("played by the models", percent(play.models_played)),
        ("held ticks", str(play.held_ticks)),
        ("coherence, mean", number(play.coherence)),
        *((f"{name} reconstructed", percent(share)) for name, share in play.reconstructed.items()),
    )
    return Table("Models", "Of all ticks; coherence is 0..1.", (play.mapper, "found"), rows)


def _controls(found: Evaluated) -> Table:
    rows = []
    for name, control in found.play.controls.items():
        ends = NONE if control.saturated is None else percent(control.saturated)
        sensor = control.listens_to if control.heard else f"no {control.listens_to}"
        rows.append((name, sensor, number(control.used_range), ends, _yes(control.stuck)))
    about = f"As sent; a control that is played uses {MIN_USED} of its range, a stuck one less than 0.02."
    return Table("Controls", about, ("control", "sensor", "p95-p5", "at ends", "stuck"), tuple(rows))


def _silences(found: Evaluated) -> Table:
    about = (
        "Mean square difference from the unmasked run while the sensor counts as missing, over the five control "
        "positions. Zero-fill and hold are what reconstruction must beat."
    )
    rows = tuple(row for silence in found.silences for row in _silence_rows(silence))
    return Table("Silent sensors", about, ("missing", "control error", *POLICIES, "least"), rows)


def _silence_rows(silence: Silence) -> Iterator[tuple[str, ...]]:
    for title, field in _READ:
        errors = {policy: getattr(row, field) for policy, row in silence.policies.items()}
        there = {policy: error for policy, error in errors.items() if error is not None and not silence.reason}
        cells = (number(there.get(policy), 4) for policy in POLICIES)
        yield _what(silence), title, *cells, min(there, key=there.__getitem__) if there else NONE


def _what(silence: Silence) -> str:
    return f"{silence.modality} {silence.length_s:g} s"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
