"""`choreo-lab import`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from choreo_pipelines.importers.columns import TIME
from choreo_pipelines.importers.detect import FORMATS, read_source
from choreo_pipelines.importers.features import PERIOD_NS, recorded_frames
from choreo_pipelines.importers.recording import FIRST_NS, Options, Recording, lab_module
from choreo_service.cli.options import check_take_name
from choreo_service.packets import STREAMS
from choreo_service.session import Session, write_session


@click.command("import")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--as", "form", type=click.Choice(["auto", *FORMATS]), default="auto", help="What the source is.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("recordings"), help="Folder for the take.")
@click.option("--name", help="Name of the take; the source's name if not given. An existing take is never replaced.")
@click.option("--columns", multiple=True, metavar="STREAM=A,B,C", help="CSV: where a stream (or time) stands.")
@click.option("--unit", "units", multiple=True, metavar="STREAM=UNIT", help="CSV: its unit, e.g. acceleration=g.")
def import_take(
    source: Path, form: str, out: Path, name: str | None, columns: Sequence[str], units: Sequence[str]
) -> None:
    """Make a take of SOURCE: a recording of another device or app.

    Knows Empatica E4 folders, TCX and FIT activities, and CSV of phone loggers (phyphox, Sensor Logger, SensorLog and
    what resembles them). Raw samples are kept as they are; features are computed by the code that plays on stage.
    """
    if name is not None:
        check_take_name(name)
    rich_console = lab_module("rich.console")
    report = lab_module("choreo_pipelines.importers.report")
    named = {stream: names.split(",") for stream, names in _pairs(columns, "--columns").items()}
    recording = read_source(source, form, Options(named, _pairs(units, "--unit")))
    if name is None and recording.name[:1] in ("", "."):  # hidden, also from `choreo takes`
        raise click.UsageError(f"{recording.name!r} can't name a take; give it a name: --name NAME")
    console = rich_console.Console(highlight=False, width=None if rich_console.Console().is_terminal else _PIPE_WIDTH)
    with console.status("computing features"):
        session = write_take(recording, out / (recording.name if name is None else name))
    report.print_report(recording, session, console)


def write_take(recording: Recording, path: Path) -> Session:
    """Write a recording as a take with packets and frames."""
    frames = recorded_frames(recording.packets(), start_ns=FIRST_NS)
    meta = {**recording.meta(), "period_ns": PERIOD_NS, "start_ns": FIRST_NS}
    return write_session(path, packets=recording.packets(), steps=None, frames=frames, meta=meta)


_PIPE_WIDTH = 160  # without a terminal nothing says how long lines may be


def _pairs(options: Sequence[str], option: str) -> Mapping[str, str]:
    pairs = {}
    for text in options:
        stream, equals, value = text.partition("=")
        if stream not in (TIME, *STREAMS) or not equals or not value:
            known = ", ".join((TIME, *STREAMS))
            raise click.UsageError(f"{option} {text}: expected STREAM=..., STREAM one of {known}")
        pairs[stream] = value
    return pairs
