"""evaluation.json with every number and evaluation.md for people."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from choreo_models.inference import Pair
from choreo_pipelines.evaluation.takes.evaluate import Evaluated
from choreo_pipelines.evaluation.takes.hearts import Heart
from choreo_pipelines.evaluation.takes.tables import notes, tables
from choreo_pipelines.metrics import Outcome
from choreo_pipelines.report.markdown import gates, plain, rows
from choreo_pipelines.report.tables import Table
from choreo_pipelines.report.wording import number
from choreo_pipelines.results import CHOOSE, earlier_results
from choreo_service.errors import ConfigError

SCHEMA_VERSION: Final = 1
JSON_FILE: Final = "evaluation.json"
MARKDOWN_FILE: Final = "evaluation.md"


def check_folder(folder: Path) -> None:
    """ConfigError where the folder can't be made or written, or holds files of these names that no evaluation wrote.

    Told before anything slow; nothing is made.
    """
    earlier_results(folder, "evaluation", JSON_FILE, _check_document, (JSON_FILE, MARKDOWN_FILE))
    try:
        there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{there} is a file")
        if not os.access(there, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_evaluation(folder: Path, pair: Pair, takes: Sequence[Evaluated], hearts: Sequence[Heart]) -> list[Path]:
    """Both files, which replace those of an earlier evaluation; the folder is made. Same input, same bytes."""
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
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        except OSError as error:
            raise _unwritable(path, error) from error
    return list(files)


def _check_document(text: str) -> None:
    document = json.loads(text)
    if missing := {"schema_version", "models", "takes"} - set(document):
        raise ValueError(f"no evaluation: without {', '.join(sorted(missing))}")


def markdown(models: str, takes: Sequence[Evaluated], hearts: Sequence[Heart]) -> str:
    """All takes at a glance, then each with its tables, then the hearts."""
    lines = [f"# Evaluation of {models}", "", *rows(_glance(takes))]
    for take in takes:
        lines += ["", f"## {plain(take.name)}", "", f"{plain(take.source)}, {take.play.seconds:.1f} s"]
        said = [f"- {plain(note)}" for note in notes(take)]
        lines += ["", *said] if said else []
        for table in tables(take):
            lines += ["", f"### {table.title}", "", plain(table.about), "", *rows(table)]
        lines += ["", "### Groove report", "", *rows(gates(take.checks))]
    if hearts:
        lines += ["", "## Hearts"]
        lines += [line for heart in hearts for line in ("", "```text", heart.text(), "```")]
    return "\n".join([*lines, ""])


def _glance(takes: Sequence[Evaluated]) -> Table:
    found = []
    for take in takes:
        play = take.play
        narrowest = min((c.used_range for c in play.controls.values() if c.used_range is not None), default=None)
        stuck = ", ".join(name for name, control in play.controls.items() if control.stuck) or "none"
        passed = sum(check.verdict.passed for check in take.checks)
        judged = sum(check.verdict.outcome is not Outcome.NOT_COMPUTABLE for check in take.checks)
        sound = "yes" if play.sound else "NO"
        found.append((take.name, sound, number(narrowest), stuck, number(play.coherence), f"{passed} of {judged}"))
    header = ("take", "finite and in range", "least p95-p5", "stuck", "coherence", "gates passed")
    return Table("Takes", "", header, tuple(found))


def _unwritable(path: Path, error: OSError) -> Any:
    return ConfigError(f"can't write {path}: {error.strerror or error}", fix=CHOOSE)
