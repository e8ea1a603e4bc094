"""`choreo replay`: a take once more, exactly (as fast as the machine can) or in real time through the normal door."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Unpack

import click

from choreo_service.cli.options import Choice, config_options, find_take, for_take
from choreo_service.cli.run import seconds_option, start


@click.command()
@click.argument("take", type=click.Path(path_type=Path))
@config_options
@seconds_option
@click.option(
    "--realtime", is_flag=True, help="Play it into your rig at its own speed; new time stamps, so not bit-exact."
)
def replay(take: Path, realtime: bool, seconds: float | None, **choice: Unpack[Choice]) -> int:
    """Run TAKE (a folder, or its name in recordings/) again.

    Without --realtime: compute its steps anew, with the engine's settings of the take, and compare them with what was
    recorded; exit code 1 where they differ.
    """
    if seconds is not None and not realtime:
        raise click.UsageError("--seconds needs --realtime: an exact replay runs the whole take")
    from choreo_service.config import load_settings
    from choreo_service.session import open_session

    take = find_take(take, choice)
    session = open_session(take)
    session.verify()  # before anything plays: a take whose last row is damaged must not end a show that has begun
    choice = for_take(choice, session.meta)
    if realtime:
        block = {"type": "session_replay", "path": str(take.resolve())}
        return start(partial(load_settings, **choice, sensors={"take": block}), seconds)
    from choreo_service.replay import replay_take, settings_of
    from choreo_service.service.playing import build_accents, build_core
    from choreo_service.service.wardrobe import models_of_take

    choice["overrides"] = (*settings_of(session), *choice["overrides"])
    loaded = load_settings(**choice)
    report = replay_take(take, build_core(loaded), build_accents(loaded), models_of_take(session, loaded))
    click.echo(report.text())
    return 0 if report.ok else 1
