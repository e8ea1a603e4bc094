"""Garmin Training Center XML (Polar, Garmin, Suunto, ...): heart rate about once a second, no motion."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from choreo_pipelines.importers.reading import read_text
from choreo_pipelines.importers.recording import Options, Recording, SourceError, lab_module, track


def read_tcx(path: Path, options: Options) -> Recording:
    """The heart rate of every track point that has one. Laps become markers. No option applies."""
    root = _parse(path)
    at_ns: list[int] = []
    bpm: list[float] = []
    ignored: Counter[str] = Counter()
    for point in _all(root, "Trackpoint"):
        when, rate = _text(point, "Time"), _text(point, "HeartRateBpm", "Value")
        if when and rate:
            at_ns.append(epoch_ns(when, path))
            bpm.append(_number(rate, path))
        ignored.update(name for child in point if (name := _tag(child)) not in ("Time", "HeartRateBpm"))
    found, notes = track("heart_rate", np.array(at_ns, np.int64), np.array(bpm), "bpm (format)")
    if found is None:
        raise SourceError(
            f"{path} has no heart rate; found only {', '.join(ignored) or 'no track point'}",
            fix="record with a heart-rate strap, or export the activity that was recorded with one",
        )
    laps = [epoch_ns(start, path) for lap in _all(root, "Lap") if (start := lap.get("StartTime"))]
    markers = tuple((at, f"lap {i + 1}") for i, at in enumerate(laps))
    columns = tuple(f"{name} ({count})" for name, count in ignored.items())
    return Recording("tcx", path.stem, (found,), True, markers, columns, tuple(notes))


def epoch_ns(text: str, path: Path) -> int:
    """ISO 8601 date and time, with or without offset, as ns since 1970."""
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise SourceError(f"{path}: {text!r:.60} is no time; expected e.g. 2026-05-01T20:15:00Z", fix="export it again")
    local, sign, hours, minutes = match.groups()
    offset_s = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    try:
        return int(np.datetime64(local, "ns").astype(np.int64)) - offset_s * 1_000_000_000
    except ValueError as error:
        raise SourceError(f"{path}: {text!r:.60} is no time: {error}", fix="export it again") from error


_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|([+-])(\d\d):?(\d\d))?")


def _parse(path: Path) -> Any:
    etree = lab_module("defusedxml.ElementTree")
    errors = (etree.ParseError, lab_module("defusedxml").DefusedXmlException)
    try:
        root = etree.fromstring(read_text(path).encode(), forbid_dtd=True)
    except errors as error:
        raise SourceError(f"{path} is no readable XML: {error}", fix="export the activity again as TCX") from error
    if _tag(root) != "TrainingCenterDatabase":
        raise SourceError(
            f"{path} is XML of another kind: found <{_tag(root)}>, expected <TrainingCenterDatabase>",
            fix="export the activity as TCX (or FIT), with heart rate",
        )
    return root


def _all(root: Any, name: str) -> Iterator[Any]:
    return (element for element in root.iter() if _tag(element) == name)


def _text(element: Any, *names: str) -> str:
    """The text at the end of a path of children; namespaces differ between writers and are ignored."""
    for name in names:
        element = next((child for child in element if _tag(child) == name), None)
        if element is None:
            return ""
    return (element.text or "").strip()


def _tag(element: Any) -> str:
    return str(element.tag).rpartition("}")[2]


def _number(text: str, path: Path) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise SourceError(f"{path}: heart rate is {text!r:.40}; expected a number", fix="export it again") from error
