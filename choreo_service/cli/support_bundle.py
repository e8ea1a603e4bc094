"""`choreo support-bundle`: one file to send to whoever helps."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Unpack

import click

from choreo_service.cli.options import Choice, config_options


@click.command("support-bundle")
@click.argument("path", type=click.Path(path_type=Path), default="choreo-support.zip", metavar="[FILE]")
@config_options
def support_bundle(path: Path, **choice: Unpack[Choice]) -> int:
    """Pack doctor's findings, the settings in effect and the logs of the last shows into FILE.

    No takes. Names, addresses and secrets are taken out; look into it before you send it.
    """
    from choreo_service.cli.config import effective
    from choreo_service.config import load_settings
    from choreo_service.doctor import bundle, examine
    from choreo_service.errors import ChoreoError
    from choreo_service.places import state_folder

    report = examine(lambda: load_settings(**choice), seconds=1.0)
    names: list[tuple[str, str]] = []
    try:
        loaded = load_settings(**choice)
        settings, names = list(effective(loaded)), list(bundle.given_names(loaded))
    except ChoreoError as error:  # a bad configuration is what help is often wanted with
        settings = [(str(error), "could not be read")]
    files = bundle.contents(report, settings, state_folder(os.environ))
    bundle.write_bundle(path, files, names)
    click.echo(f"{path}: {', '.join(files)}")
    click.echo("no takes are in it; names, addresses and secrets were taken out. Look into it before you send it.")
    return 0
