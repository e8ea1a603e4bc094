"""One folder with the whole report: complete under its name, or not there, and beside it what the user put there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from choreo_pipelines.report.checks import checks
from choreo_pipelines.report.figures import Drawing, draw_all, drawn_files, save_drawings
from choreo_pipelines.report.markdown import markdown
from choreo_pipelines.report.measure import Clip, Measured
from choreo_pipelines.report.notes import notes
from choreo_pipelines.report.page import page
from choreo_pipelines.report.replacing import replacing
from choreo_pipelines.report.subject import Subject
from choreo_pipelines.report.tables import tables
from choreo_pipelines.report.variants import Variants
from choreo_pipelines.results import CHOOSE, earlier_results
from choreo_service.clock import NS
from choreo_service.errors import ConfigError

SCHEMA_VERSION: Final = 1
REPORT_FILE: Final = "report.json"
MARKDOWN_FILE: Final = "report.md"
PAGE_FILE: Final = "report.html"


def write_report(folder: Path, subject: Subject, variants: Variants, measured: Measured, take: Clip) -> None:
    """Write `folder` with report.json, report.md, report.html and figures/. Same input, same bytes.

    The files of an earlier report of the same take are replaced once all new ones are written; any other file there
    stays. ConfigError when the folder holds no such report but something else, can't be written, or without matplotlib.
    """
    check_folder(folder, subject)
    found, shown, said = checks(measured), tables(measured, take), notes(subject, variants, measured)
    about = _about(subject, variants)
    drawings = draw_all(measured, take, variants, subject.given)
    with replacing(folder, _names(drawings)) as new:
        save_drawings(drawings, new / "figures", about)
        svgs = {d.name: (new / "figures" / f"{d.name}.svg").read_text("utf-8") for d in drawings if d.figure}
        document = {
            "schema_version": SCHEMA_VERSION,
            **about,
            "gates": [check.to_dict() for check in found],
            "measured": measured.to_dict(),
            "notes": said,
            "figures": {d.name: d.missing or "drawn" for d in drawings},
        }
        text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
        (new / REPORT_FILE).write_text(f"{text}\n", "utf-8")
        words = (subject.name, facts(subject), found, shown, drawings)
        (new / MARKDOWN_FILE).write_text(markdown(*words, said), "utf-8")
        (new / PAGE_FILE).write_text(page(*words, svgs, said), "utf-8")


def check_folder(folder: Path, subject: Subject) -> None:
    """ConfigError unless `folder` is free or holds an earlier report of the same take and performer."""
    earlier = earlier_results(folder, "report", REPORT_FILE, _take_of)
    if earlier is None:
        return
    name, digest = earlier
    if digest != subject.digest:
        raise ConfigError(f"{folder} holds the report of another take called {name}", fix=CHOOSE)


def facts(subject: Subject) -> str:
    """One line: where the take comes from, how long it is, who played."""
    played, meta = subject.played, subject.session.meta
    seconds = float(played.t_ns[-1] - played.t_ns[0]) / NS
    lasts = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
    who = f", performer {subject.performer}" if meta["performers"] > 1 else ""
    by = "controls as recorded" if subject.was_played else f"played by {subject.replayed.mapper}"
    return f"{meta['source']}{who}, {lasts}, {len(played)} ticks at {played.hz:g} Hz, {by}"


def _take_of(text: str) -> tuple[str, str]:
    """Name and digest of the take a report.json is about."""
    take = json.loads(text)["take"]
    return take["name"], take["digest"]


def _names(drawings: list[Drawing]) -> list[str]:
    """Every file a report may have. report.json, by which a report is known, comes last and the page just before."""
    return [*(f"figures/{name}" for name in drawn_files(drawings)), MARKDOWN_FILE, PAGE_FILE, REPORT_FILE]


def _about(subject: Subject, variants: Variants) -> dict[str, Any]:
    played = subject.played
    return {
        "take": {
            "name": subject.name,
            "digest": subject.digest,
            "source": subject.session.meta["source"],
            "performer": subject.performer,
            "ticks": len(played),
            "hz": played.hz,
            "given": sorted(subject.given),
        },
        "controls": "recorded" if subject.was_played else "played",
        "mapper": subject.replayed.mapper,
        "swapped_with": variants.swapped_with,
    }
