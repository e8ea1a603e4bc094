"""One folder with the whole report: complete under its name, or not there."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from choreo_pipelines.report.checks import checks
from choreo_pipelines.report.figures import draw_all, save_drawings
from choreo_pipelines.report.markdown import markdown
from choreo_pipelines.report.measure import Clip, Measured
from choreo_pipelines.report.notes import notes
from choreo_pipelines.report.page import page
from choreo_pipelines.report.subject import Subject
from choreo_pipelines.report.tables import tables
from choreo_pipelines.report.variants import Variants
from choreo_service.clock import NS
from choreo_service.errors import ConfigError

SCHEMA_VERSION: Final = 1
REPORT_FILE: Final = "report.json"


def write_report(folder: Path, subject: Subject, variants: Variants, measured: Measured, take: Clip) -> None:
    """Write `folder` with report.json, report.md, report.html and figures/. Same input, same bytes.

    An earlier report of the same take is replaced in one step. ConfigError when the folder holds anything else, can't
    be written, or without matplotlib.
    """
    check_folder(folder, subject)
    found, shown, said = checks(measured), tables(measured, take), notes(subject, variants, measured)
    about = _about(subject, variants)
    drawings = draw_all(measured, take, variants, subject.given)
    with _replacing(folder) as new:
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
        (new / "report.md").write_text(markdown(*words, said), "utf-8")
        (new / "report.html").write_text(page(*words, svgs, said), "utf-8")


def check_folder(folder: Path, subject: Subject) -> None:
    """ConfigError unless `folder` is free or holds an earlier report of the same take and performer."""
    if not folder.exists() and not folder.is_symlink():
        return
    choose = "choose another folder: --out DIR"
    if not folder.is_dir():
        raise ConfigError(f"{folder} is a file; expected a folder for the report", fix=choose)
    if not any(folder.iterdir()):
        return
    try:
        earlier = json.loads((folder / REPORT_FILE).read_text("utf-8"))["take"]
        name, digest = earlier["name"], earlier["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{folder} is in use and holds no report", fix=choose) from error
    if digest != subject.digest:
        raise ConfigError(f"{folder} holds the report of another take called {name}", fix=choose)


def facts(subject: Subject) -> str:
    """One line: where the take comes from, how long it is, who played."""
    played, meta = subject.played, subject.session.meta
    seconds = float(played.t_ns[-1] - played.t_ns[0]) / NS
    lasts = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
    who = f", performer {subject.performer}" if meta["performers"] > 1 else ""
    by = "controls as recorded" if subject.was_played else f"played by {subject.replayed.mapper}"
    return f"{meta['source']}{who}, {lasts}, {len(played)} ticks at {played.hz:g} Hz, {by}"


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


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """A hidden folder to fill, put in the place of `folder` at the end; removed after a failure."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent))
    except OSError as error:
        problem = f"can't write to {folder.parent}: {error.strerror}"
        raise ConfigError(problem, fix="choose another folder: --out DIR") from error
    old = new.with_suffix(".replaced")
    try:
        yield new
        new.chmod(0o755)  # mkdtemp keeps others out
        if folder.exists():
            folder.rename(old)
        new.rename(folder)
    except OSError as error:
        problem = f"can't write {folder}: {error.strerror}"
        raise ConfigError(problem, fix="choose another folder: --out DIR") from error
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        shutil.rmtree(new, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
