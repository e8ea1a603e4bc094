"""`choreo doctor`: what works on this machine, and one line of advice for what doesn't."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Unpack

import click

from choreo_service.cli.options import Choice, config_options


@click.command()
@config_options
@click.option("as_json", "--json", is_flag=True, help="For programs and bug reports.")
@click.option("--quick", is_flag=True, help="Measure the tick for 1 s instead of 3.")
@click.option("--beside", is_flag=True, help="For the page of a running show: the ports that show holds are in order.")
def doctor(as_json: bool, quick: bool, beside: bool, **choice: Unpack[Choice]) -> int:
    """Check this machine. Exit code 1 where something must be mended before playing.

    What a show of this workspace holds that plays meanwhile is in order.
    """
    from choreo_service.config import load_settings
    from choreo_service.doctor import examine

    show = os.getppid() if beside else _playing(choice["home"])
    report = examine(lambda: load_settings(**choice), seconds=1.0 if quick else 3.0, show=show)
    click.echo(report.to_json() if as_json else report.text())
    return report.exit_code


def _playing(home: Path | None) -> int | None:
    """The process of the show that plays from this workspace, as far as a page tells of one."""
    from choreo_service.cli.shows import shows_here
    from choreo_service.config.locate import workspace

    here = workspace(home)
    shows = asyncio.run(shows_here()) if here is not None else []
    return next((show.process for show in shows if show.home == here), None)
