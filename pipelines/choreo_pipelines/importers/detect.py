"""Finds out what a source is, and reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from choreo_pipelines.importers.e4 import looks_like_e4, read_e4
from choreo_pipelines.importers.fit import read_fit
from choreo_pipelines.importers.phone_csv import read_phone_csv
from choreo_pipelines.importers.recording import Options, Recording, SourceError
from choreo_pipelines.importers.tcx import read_tcx

FORMATS: Final[Mapping[str, tuple[Callable[[Path, Options], Recording], str]]] = {
    "e4": (read_e4, "Empatica E4 folder with ACC.csv, HR.csv or IBI.csv"),
    "tcx": (read_tcx, "TCX activity (Polar, Garmin, Suunto)"),
    "fit": (read_fit, "Garmin FIT activity"),
    "csv": (read_phone_csv, "CSV of a phone logger, or a folder of them"),
}


def read_source(path: Path, form: str = "auto", options: Options | None = None) -> Recording:
    """Read a recording of another device or app. `form` is a key of FORMATS or auto; SourceError says what is wrong."""
    if not path.exists():
        raise SourceError(f"no file or folder {path}", fix="check the name")
    form = detect(path) if form == "auto" else form
    if path.is_dir() and form in ("tcx", "fit"):
        raise SourceError(f"{path} is a folder; a {form.upper()} activity is one file", fix=f"name the .{form} file")
    if not path.is_dir() and form == "e4":
        raise SourceError(f"{path} is a file; an E4 recording is a folder", fix=f"name its folder: {path.parent}")
    reader, _ = FORMATS[form]
    return reader(path, options or Options())


def detect(path: Path) -> str:
    """The key of FORMATS for a file or folder, by content before name; SourceError when it is none of them."""
    if path.is_dir():
        if looks_like_e4(path):
            return "e4"
        if any(path.glob("*.csv")):
            return "csv"
        raise _unknown(path, "a folder without CSV files")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise SourceError(f"{path} can't be read: {error.strerror}", fix="check its permissions") from error
    if head[8:12] == b".FIT":
        return "fit"
    if b"<TrainingCenterDatabase" in head or path.suffix.lower() == ".tcx":
        return "tcx"
    if head.startswith(b"PK\x03\x04"):
        raise SourceError(f"{path} is a ZIP archive", fix="unpack it and name the folder")
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return "csv"
    raise _unknown(path, f"a file that begins with {head[:16]!r}" if head else "an empty file")


def _unknown(path: Path, found: str) -> SourceError:
    known = "; ".join(f"{form}: {about}" for form, (_, about) in FORMATS.items())
    return SourceError(f"{path} is {found}; known are {known}", fix="say what it is: --as csv (or e4, tcx, fit)")
