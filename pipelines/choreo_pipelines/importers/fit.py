"""Garmin FIT: heart rate from `record` messages, intervals between beats from `hrv` messages."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np

from choreo_pipelines.importers.reading import MAX_WHOLE_BYTES, check_size
from choreo_pipelines.importers.recording import Options, Recording, SourceError, Track, lab_module, track
from choreo_service.clock import NS


def read_fit(path: Path, options: Options) -> Recording:
    """Heart rate and beats of an activity; laps become markers. No option applies."""
    check_size(path, MAX_WHOLE_BYTES)
    reader = _Reader()
    fitdecode = lab_module("fitdecode")
    try:
        with warnings.catch_warnings(), fitdecode.FitReader(path, check_crc=fitdecode.CrcCheck.RAISE) as frames:
            warnings.simplefilter("ignore")  # oddities of single fields we don't use
            for frame in frames:
                if isinstance(frame, fitdecode.FitDataMessage):
                    reader.message(frame)
    except OSError as error:
        raise SourceError(
            f"{path} can't be read: {error.strerror}", fix="check its name and its permissions"
        ) from error
    except (fitdecode.FitError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SourceError(f"{path} is no intact FIT file: {error}", fix="export the activity again") from error
    return reader.recording(path)


class _Reader:
    """Collects what can be played. `hrv` messages have no time of their own: beats are counted on from the record
    before them, and tied to it again when they have drifted away (pauses)."""

    def __init__(self) -> None:
        self._now_ns: int | None = None
        self._beat_ns: int | None = None
        self._heart_rate: list[tuple[int, float]] = []
        self._beats: list[tuple[int, float]] = []
        self._laps: list[int] = []
        self._ignored: Counter[str] = Counter()

    def message(self, message: Any) -> None:
        at_ns = _time(message)
        if message.name == "record" and at_ns is not None:
            self._now_ns = at_ns
            rate = message.get_value("heart_rate", fallback=None)
            if rate is not None:
                self._heart_rate.append((at_ns, float(rate)))
            self._ignored.update(f.name for f in message.fields if f.value is not None and f.name not in _USED)
        elif message.name == "hrv":
            for interval in _listed(message.get_value("time", fallback=None)):
                self._beat(float(interval))
        elif message.name == "lap" and (start := _time(message, "start_time")) is not None:
            self._laps.append(start)

    def _beat(self, interval_s: float) -> None:
        if self._now_ns is None:
            return
        beat_ns = self._now_ns if self._beat_ns is None else self._beat_ns + round(interval_s * NS)
        if abs(beat_ns - self._now_ns) > _DRIFT_NS:
            beat_ns = self._now_ns
        self._beat_ns = beat_ns
        self._beats.append((beat_ns, interval_s))

    def recording(self, path: Path) -> Recording:
        tracks: list[Track] = []
        notes: list[str] = []
        for stream, samples, unit in (("heart_rate", self._heart_rate, "bpm"), ("rr_interval", self._beats, "s")):
            if samples:
                at_ns = np.array([at for at, _ in samples], np.int64)
                found, remarks = track(stream, at_ns, np.array([value for _, value in samples]), f"{unit} (format)")
                tracks += [found] if found else []
                notes += remarks
        ignored = tuple(f"{name} ({count})" for name, count in self._ignored.items())
        if not tracks:
            raise SourceError(
                f"{path} has no heart rate; found only {', '.join(ignored) or 'no record'}",
                fix="record with a heart-rate strap, or choose an activity that was recorded with one",
            )
        if self._beats:
            notes.append("rr_interval: FIT gives beats no time; they follow the clock of the records within 3 s")
        markers = tuple((at, f"lap {i + 1}") for i, at in enumerate(self._laps))
        return Recording("fit", path.stem, tuple(tracks), True, markers, ignored, tuple(notes))


_USED: Final = ("timestamp", "heart_rate")
_DRIFT_NS: Final = 3 * NS


def _time(message: Any, name: str = "timestamp") -> int | None:
    value = message.get_value(name, fallback=None)
    return round(value.timestamp()) * NS if hasattr(value, "timestamp") else None


def _listed(value: Any) -> list[float]:
    values = value if isinstance(value, list | tuple) else [value]
    return [v for v in values if isinstance(v, int | float)]
