"""The options every command that reads the configuration has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar

import click

_TAKE_NAME: Final = re.compile(r"\w[\w .+-]{0,99}")

F = TypeVar("F", bound=Callable[..., Any])


standby_option = click.option(
    "--standby", is_flag=True, help="Keep a second engine warm, which takes over where the first one falls."
)


class Choice(TypedDict):
    """What the options below give; the keyword arguments of `load_settings`."""

    profile: str | None
    file: Path | None
    overrides: Sequence[str]
    home: Path | None


def for_take(choice: Choice, meta: Mapping[str, Any]) -> Choice:
    """The same choice with as many performers as the take with this header has, unless an option says otherwise."""
    return {**choice, "overrides": (f"engine.performers={meta['performers']}", *choice["overrides"])}


def check_take_name(name: str) -> None:
    """BadParameter unless a take may be called so: a folder of its own that `choreo takes` shows, on every system."""
    if not _TAKE_NAME.fullmatch(name):
        said = f"{name!r:.120}: at most 100 letters, digits, space and ._+-, a letter or digit first"
        raise click.BadParameter(said, param_hint="--name")


def find_take(take: Path, choice: Choice) -> Path:
    """The folder TAKE means: a path, or a bare name as `choreo takes` prints it, of the recorder's folder.

    What is nowhere stays as it was typed: whoever opens it says what was expected.
    """
    if take.exists() or take.name != str(take):
        return take
    from choreo_service.config import load_settings

    recorded = load_settings(**choice).recordings / take
    return recorded if recorded.exists() else take


def config_options(command: F) -> F:
    """-c, -p, -o and --home."""
    for option in (
        click.option(
            "--home", type=click.Path(path_type=Path), help="Workspace made by `choreo init` (or CHOREO_HOME)."
        ),
        click.option(
            "overrides",
            "-o",
            "--option",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one key, e.g. -o engine.period_ms=25.",
        ),
        click.option("-p", "--profile", help="A file of configs/profiles: demo, rehearsal, stage or your own."),
        click.option("file", "-c", "--config", type=click.Path(path_type=Path), help="Your configuration file."),
    ):
        command = option(command)
    return command
