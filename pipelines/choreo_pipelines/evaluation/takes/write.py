"""evaluation.json with every number and evaluation.md for people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from choreo_models.inference import Pair
from choreo_pipelines.evaluation.takes.evaluate import Evaluated
from choreo_pipelines.evaluation.takes.hearts import Heart
from choreo_pipelines.evaluation.takes.tables import notes, tables
from choreo_pipelines.metrics import Outcome
from choreo_pipelines.report.tables import Table
from choreo_pipelines.report.wording import number, spoken
from choreo_service.errors import ConfigError

SCHEMA_VERSION: Final = 1
JSON_FILE: Final = "evaluation.json"
MARKDOWN_FILE: Final = "evaluation.md"


def claim_folder(folder: Path) -> None:
    """Make the folder, before anything slow; ConfigError where it can't be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_evaluation(folder: Path, pair: Pair, takes: Sequence[Evaluated], hearts: Sequence[Heart]) -> list[Path]:
    """Both files, which replace those of an earlier evaluation. Same input, same bytes."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "models": pair.name,
        "rps": pair.rps.run_id,
        "mapper": pair.mapper.run_id,
        "takes": [take.to_dict() for take in takes],
        "hearts": [heart.to_dict() for heart in hearts],
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files = {folder / JSON_FILE: text, folder / MARKDOWN_FILE: markdown(pair.name, takes, hearts)}
    for path, content in files.items():
        try:
            path.write_text(content, "utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error
    return list(files)


def markdown(models: str, takes: Sequence[Evaluated], hearts: Sequence[Heart]) -> str:
    """All takes at a glance, then each with its tables, then the hearts."""
    lines = [f"# Evaluation of {models}", "", *_table(_glance(takes))]
    for take in takes:
        lines += ["", f"## {_plain(take.name)}", "", f"{_plain(take.source)}, {take.play.seconds:.1f} s"]
        said = [f"- {_plain(note)}" for note in notes(take)]
        lines += ["", *said] if said else []
        for table in tables(take):
            lines += ["", f"### {table.title}", "", _plain(table.about), "", *_table(table)]
        lines += ["", "### Groove report", "", *_table(_gates(take))]
    if hearts:
        lines += ["", "## Hearts"]
        lines += [line for heart in hearts for line in ("", "```text", heart.text(), "```")]
    return "\n".join([*lines, ""])


def _glance(takes: Sequence[Evaluated]) -> Table:
    rows = []
    for take in takes:
        play = take.play
        narrowest = min((c.used_range for c in play.controls.values() if c.used_range is not None), default=None)
        stuck = ", ".join(name for name, control in play.controls.items() if control.stuck) or "none"
        passed = sum(check.verdict.passed for check in take.checks)
        judged = sum(check.verdict.outcome is not Outcome.NOT_COMPUTABLE for check in take.checks)
        sound = "yes" if play.sound else "NO"
        rows.append((take.name, sound, number(narrowest), stuck, number(play.coherence), f"{passed} of {judged}"))
    header = ("take", "finite and in range", "least p95-p5", "stuck", "coherence", "gates passed")
    return Table("Takes", "", header, tuple(rows))


def _gates(take: Evaluated) -> Table:
    rows = tuple((check.name, check.found, check.gate, spoken(check.verdict)) for check in take.checks)
    return Table("Groove report", "", ("gate", "found", "asked", "verdict"), rows)


def _table(table: Table) -> Iterator[str]:
    yield _row(table.header)
    yield _row(["---"] * len(table.header))
    for row in table.rows:
        yield _row(row)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Text in which Markdown finds nothing to interpret."""
    return "".join(f"\\{sign}" if sign in r"\`*_[]<>|#" else sign for sign in text)


def _unwritable(path: Path, error: OSError) -> Any:
    return ConfigError(f"can't write {path}: {error.strerror or error}", fix="choose another folder: --out DIR")
