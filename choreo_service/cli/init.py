"""`choreo init`: a workspace of one's own, where files that are there already stay as they are, or a Strudel patch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Unpack

import click

from choreo_service.cli.options import Choice, config_options
from choreo_service.errors import ChoreoError

README: Final = """\
# My show

    choreo demo                 a synthetic dancer plays
    choreo doctor               what works on this machine
    choreo run                  play with configs/default.yaml
    choreo run --profile stage  the same with the settings of configs/profiles/stage.yaml

- `configs/default.yaml`      sensors, bridges, engine; every key has a comment
- `configs/local.yaml`        what you change, over default.yaml; the page Config writes it. It may hold a PIN
- `configs/control_map.yaml`  range, MIDI address and curve of each control
- `configs/profiles/`         small files over default.yaml: demo, rehearsal, stage
- `profiles/`                 how each performer moves: choreo calibrate body NAME
- `configs/scenes/`           presets of the control map that a show cross-fades to
- `recordings/`               takes
- `checkpoints/`              trained models; without them the rule mapper plays

Run `choreo` in this folder, or set CHOREO_HOME to it.
"""


@click.command()
@click.argument("what", default=".", metavar="[DIR|strudel]")
@click.argument("patch", required=False, metavar="[PATCH]")
@click.option("--websocket", is_flag=True, help="strudel: no MIDI port, the controls come over bridge midi_ws.")
@click.option("--accents", is_flag=True, help="strudel: add a sound for hits, jolts and stamps.")
@click.option("--instant", is_flag=True, help="strudel: add a filter that follows brightness at once.")
@config_options
def init(what: str, patch: str | None, websocket: bool, accents: bool, instant: bool, **choice: Unpack[Choice]) -> int:
    """Make a workspace in DIR (default: here) with a commented configuration. Never overwrites a file.

    `choreo init strudel` prints a patch to paste into Strudel, with the port and controllers of your configuration;
    PATCH is core, drums, bass, pads or fx. A workspace of that name is `choreo init ./strudel`.
    """
    if what == "strudel":
        return _strudel(patch or "core", websocket, accents, instant, choice)
    if patch or websocket or accents or instant or any(choice.values()):
        raise click.UsageError("a workspace takes a folder alone; patches are choreo init strudel [PATCH]")
    return _workspace(Path(what))


def _strudel(name: str, websocket: bool, accents: bool, instant: bool, choice: Choice) -> int:
    from choreo_service.config import load_settings
    from choreo_service.strudel import FOLDER, patch_text, receiver_of

    loaded = load_settings(**choice)
    receiver = receiver_of(loaded, websocket=websocket, accents=accents)
    click.echo(patch_text(_shipped(FOLDER), name, loaded, receiver, accents=accents, instant=instant), nl=False)
    command = " ".join(("choreo run", *receiver.missing))
    click.echo(f"paste this into strudel.cc while this runs: {command}", err=True)
    return 0


def _workspace(folder: Path) -> int:
    source = _shipped(Path("configs"))
    try:
        made, kept = _fill(folder, source)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise ChoreoError(
            f"{error.filename or folder}: can't be written ({reason})",
            fix="choose a folder of yours: choreo init ~/my-show",
        ) from None
    click.echo(f"{folder}: {made} files written" + (f", {kept} were there already and stay" if kept else ""))
    click.echo("next: choreo demo" if folder == Path() else f"next: cd {folder} && choreo demo")
    return 0


def _shipped(part: Path) -> Path:
    """The folder that holds `part` of what came with the package."""
    from choreo_service.config.locate import shipped_homes

    source = next((home for home in shipped_homes() if (home / part).is_dir()), None)
    if source is None:
        raise ChoreoError("the files that came with choreo are missing", fix="reinstall choreo-service")
    return source


def _fill(folder: Path, source: Path) -> tuple[int, int]:
    """Write what is missing; (files written, files that were there)."""
    written = [_write_new(folder / path, content) for path, content in _files(source)]
    (folder / "recordings").mkdir(exist_ok=True)
    (folder / "checkpoints").mkdir(exist_ok=True)
    return sum(written), len(written) - sum(written)


def _files(source: Path) -> Iterator[tuple[Path, bytes]]:
    """What came with choreo. A checkout that was played from also has its user's settings, a PIN among them: never."""
    from choreo_service.config.locate import LOCAL_FILE

    yield Path("README.md"), README.encode()
    for part, endings in (("configs", {".yaml", ".json"}), ("checkpoints", {".safetensors", ".json"})):
        for path in sorted((source / part).rglob("*")):
            if path.is_file() and path.suffix in endings and path.name != LOCAL_FILE:
                yield path.relative_to(source), path.read_bytes()


def _write_new(path: Path, content: bytes) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError:
        return False
    return True
