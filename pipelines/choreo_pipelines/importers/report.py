"""What an import found, for people: streams, gaps, what is missing and what that means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from choreo_pipelines.importers.recording import Recording, Track, iso_time
from choreo_service.clock import NS
from choreo_service.fallback import RULES
from choreo_service.packets import STREAMS
from choreo_service.session import Session


def print_report(recording: Recording, session: Session, console: Console) -> None:
    """A table of the streams, then a line for everything that deserves one."""
    console.print(_heading(recording))
    console.print(_table(recording))
    console.print(Group(*(Text.from_markup(line) for line in _lines(recording))))
    console.print(f"[bold]take[/bold] {escape(str(session.path))} ({', '.join(session.kinds)})")
    console.print(f"[bold]next[/bold] choreo replay {escape(str(session.path))}")


_GAPS_SHOWN: Final = 3
_IGNORED_SHOWN: Final = 12

# What the service does without a modality that none of its rules listens to.
_UNUSED: Final = {
    "beat": "no beats: musical time runs by itself at transport.home_bpm, and no control follows it",
    "context": "no context: it stays at 0.5, and no control follows it",
}


def _heading(recording: Recording) -> str:
    when = f", {iso_time(recording.start_ns)}" if recording.wall else ", date unknown"
    return f"[bold]{escape(recording.name)}[/bold] ({recording.form}{when}), {_duration(recording.duration_s)}"


def _table(recording: Recording) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("stream", no_wrap=True)
    table.add_column("unit", overflow="fold")
    for column in ("samples", "rate", "starts", "lasts", "gaps"):
        table.add_column(column, justify="right", no_wrap=True)
    for track in recording.tracks:
        rate = "per beat" if track.stream == "rr_interval" else f"{_rate_hz(track):.1f} Hz"
        starts = (int(track.at_ns[0]) - recording.start_ns) / NS
        cells = (str(len(track.at_ns)), rate, f"{starts:.1f} s", _duration(track.duration_s), str(len(track.gaps())))
        table.add_row(track.stream, escape(track.unit), *cells)
    return table


def _lines(recording: Recording) -> Iterator[str]:
    yield "kept     every sample as it was recorded: nothing resampled, nothing filled in"
    for track in recording.tracks:
        if gaps := track.gaps():
            longest = sorted(gaps, key=lambda gap: -gap[1])[:_GAPS_SHOWN]
            where = ", ".join(f"{length:.1f} s at {_at(recording, at_ns)}" for at_ns, length in longest)
            more = f" and {len(gaps) - _GAPS_SHOWN} shorter" if len(gaps) > _GAPS_SHOWN else ""
            yield f"gaps     {track.stream}: {where}{more}"
    for modality in recording.missing():
        yield f"missing  {_without(modality)}"
    yield from (f"missing  {line}" for line in _consequences({track.stream for track in recording.tracks}))
    if recording.markers:
        named = ", ".join(f"{label} at {_at(recording, at_ns)}" for at_ns, label in recording.markers[:_IGNORED_SHOWN])
        yield f"markers  {escape(named)}"
    if recording.ignored:
        hidden = len(recording.ignored) - _IGNORED_SHOWN
        rest = f" and {hidden} more" if hidden > 0 else ""
        yield f"ignored  {escape(', '.join(recording.ignored[:_IGNORED_SHOWN]))}{rest}"
    yield from (f"note     {escape(note)}" for note in recording.notes)


def _without(modality: str) -> str:
    """What the rule mapper does without a modality."""
    resting = [rule.control for rule in RULES if rule.modality == modality]
    if not resting:
        return _UNUSED[modality]
    *others, last = resting
    listed = f"{', '.join(others)} and {last}, which follow it, rest" if others else f"{last}, which follows it, rests"
    return f"no {modality}: {listed} at neutral"


def _consequences(there: set[str]) -> Iterator[str]:
    """What the features do without single streams of a modality that is there."""
    if "acceleration" in there and not there & {"linear_acceleration", "gravity"}:
        means = "a filter over the gyroscope" if "rotation_rate" in there else "|a|, sway and bounce are rough"
        without = "" if "rotation_rate" in there else ", no gyroscope"
        yield f"no gravity{without}: it is found by {means}"
    if "linear_acceleration" in there and not there & {"gravity", "acceleration"}:
        yield "no gravity: which way is up is unknown, sway and bounce are rough"
    if any(STREAMS[name].modality == "heart" for name in there) and "rr_interval" not in there:
        yield "no intervals between beats: the slope follows the averaged heart rate, some seconds late"


def _rate_hz(track: Track) -> float:
    """Samples per second where there are samples; gaps don't count."""
    steps = np.diff(track.at_ns)
    whole = steps[steps <= (track.step_s + 1.0) * NS]
    return float(NS / whole.mean()) if whole.size and whole.mean() > 0 else 0.0


def _at(recording: Recording, at_ns: int) -> str:
    seconds = (at_ns - recording.start_ns) / NS
    sign = "-" if seconds < 0 else ""
    return f"{sign}{int(abs(seconds)) // 60}:{int(abs(seconds)) % 60:02d}"


def _duration(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.1f} min"
