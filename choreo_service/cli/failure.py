"""How a command ends: an exit code and, where something went wrong, one screen without a traceback."""

from __future__ import annotations

import os
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from choreo_service.errors import EXIT_INTERRUPTED, ChoreoError

EXIT_USAGE: Final = 2
EXIT_CRASH: Final = 70  # EX_SOFTWARE of sysexits.h


@dataclass(slots=True)
class Invocation:
    """One call of a program, and what its root options said."""

    line: str  # as it was typed
    debug: bool = False


def exit_code_of(command: click.Command, arguments: Sequence[str], *, program: str = "choreo") -> int:
    """Run a command and turn however it ends into an exit code; messages go to stderr under the program's name."""
    invocation = Invocation(f"{program} {' '.join(arguments)}".rstrip())
    try:
        result = command.main(list(arguments), prog_name=program, standalone_mode=False, obj=invocation)
    except (KeyboardInterrupt, click.Abort):
        return EXIT_INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return EXIT_USAGE
    except click.ClickException as error:
        return _usage(error, program)
    except Exception as error:  # noqa: BLE001  # the one place where everything else ends
        return _failed(error, invocation, program)
    return result if isinstance(result, int) else 0


def _usage(error: click.ClickException, program: str) -> int:
    where = getattr(error, "ctx", None)
    path = where.command_path if where is not None else program
    _say(program, error.format_message(), f"{path} --help")
    return EXIT_USAGE


def _failed(error: Exception, invocation: Invocation, program: str) -> int:
    if invocation.debug:
        traceback.print_exception(error)
    if isinstance(error, ChoreoError):
        _say(program, error.problem, error.fix)
        return error.exit_code
    kept = None if invocation.debug else _keep(error, invocation.line)
    fix = f"the details are in {kept}; send them to the authors" if kept else f"run it again as {program} --debug ..."
    _say(program, f"stopped by a mistake in the program ({type(error).__name__}: {error})", fix)
    return EXIT_CRASH


def _say(program: str, problem: str, fix: str) -> None:
    click.echo(f"{program}: {problem}", err=True)
    if fix:
        click.echo(f"  fix: {fix}", err=True)


def _keep(error: Exception, line: str) -> Path | None:
    """Write the traceback where logs of the user's programs live; None where that isn't possible."""
    from choreo_service.clock import wall_time_iso
    from choreo_service.places import state_folder

    folder = state_folder(os.environ)
    text = f"{wall_time_iso()} {line}\n{''.join(traceback.format_exception(error))}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "crash.log"
        path.write_text(text, encoding="utf-8")
    except OSError:
        return None
    return path
