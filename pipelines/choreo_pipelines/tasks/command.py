"""`choreo-lab train rps` and `choreo-lab train mapper`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar, Unpack

import click

from choreo_service.errors import ConfigError

DATA: Final = Path("recordings/m0")
OUT: Final = Path("runs/mine")
HZ: Final = 50
_Command = TypeVar("_Command", bound=Callable[..., Any])


class Common(TypedDict):
    """The options both trainings share."""

    data: tuple[Path, ...]
    out: Path
    lr: float
    seed: int
    hz: int
    device: str
    resume: bool
    replace: bool


def common_options(command: _Command) -> _Command:
    """Add the options of Common."""
    options = (
        click.argument("data", nargs=-1, type=click.Path(path_type=Path)),
        click.option("--out", type=click.Path(path_type=Path), default=OUT, show_default=True, help="Where it goes."),
        click.option("--lr", type=float, default=2e-3, show_default=True, help="Highest learning rate."),
        click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
        click.option("--hz", type=click.IntRange(10, 200), default=HZ, show_default=True, help="Frames per second."),
        click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda; a GPU is never needed."),
        click.option("--resume", is_flag=True, help="Go on with an interrupted run."),
        click.option("--replace", is_flag=True, help="Start anew where an earlier result lies."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group("train")
def train_models() -> None:
    """Train the models on takes: first `rps`, then `mapper`."""


@train_models.command("rps")
@common_options
@click.option("--steps", type=int, default=2000, show_default=True)
@click.option("--hidden", type=click.IntRange(4, 1024), default=64, show_default=True, help="Width of the encoders.")
@click.option("--batch", type=click.IntRange(2, 65536), default=512, show_default=True, help="Frames per step.")
@click.option("--dropout", type=click.FloatRange(0, 0.9), default=0.2, show_default=True, help="Of whole modalities.")
@click.option("--dump-latents", is_flag=True, help="Also write <take>_latent.parquet.")
def train_rps(
    steps: int, hidden: int, batch: int, dropout: float, dump_latents: bool, **common: Unpack[Common]
) -> None:
    """M1: one coherent latent of motion, heart, beat and context, from the takes in DATA (recordings/m0)."""
    from choreo_pipelines.tasks import teach_rps
    from choreo_pipelines.tasks.dumps import dump_latents as dump
    from choreo_pipelines.tasks.rps import RPSSettings

    studio, training, progress = _begin("rps", steps, common)
    result = teach_rps.teach_rps(
        studio, RPSSettings(hidden, batch, dropout), training, resume=common["resume"], progress=progress
    )
    _finish(studio, result)
    if dump_latents:
        _list(dump(studio))
    rate = [] if common["hz"] == HZ else ["--hz", str(common["hz"])]
    following = ["choreo-lab", "train", "mapper", *map(str, common["data"]), "--out", str(common["out"]), *rate]
    click.echo(f"next: {shlex.join(following)}")


@train_models.command("mapper")
@common_options
@click.option("--steps", type=int, default=1200, show_default=True)
@click.option("--hidden", type=click.IntRange(4, 1024), default=96, show_default=True, help="Width of the GRU.")
@click.option("--lanes", type=click.IntRange(1, 1024), default=32, show_default=True, help="Sessions side by side.")
@click.option("--window", type=click.IntRange(2, 1000), default=50, show_default=True, help="Frames learnt through.")
@click.option("--dump-controls", is_flag=True, help="Also write <take>_controls.parquet, as the service would send.")
def train_mapper(
    steps: int,
    hidden: int,
    lanes: int,
    window: int,
    dump_controls: bool,
    **common: Unpack[Common],
) -> None:
    """M3: the reflex from latents to controls, on the latents of the `rps` in --out and the takes in DATA."""
    from choreo_pipelines.tasks.dumps import dump_controls as dump
    from choreo_pipelines.tasks.mapper import MapperSettings
    from choreo_pipelines.tasks.teach_mapper import partner, teach_mapper

    out = common["out"]
    rps = partner(out, common["hz"])
    studio, training, progress = _begin("mapper", steps, common)
    settings = MapperSettings(hidden, lanes, window)
    result = teach_mapper(studio, rps, settings, training, resume=common["resume"], progress=progress)
    _finish(studio, result)
    if dump_controls:
        _list(dump(studio))
    click.echo(f"next: {shlex.join(['choreo', 'demo', '-o', f'engine.checkpoints={out}'])}")


def _begin(kind: str, steps: int, common: Common) -> Any:
    """Studio, training settings and progress; nothing slow happens before the folder is known to be free."""
    from choreo_pipelines.datasets import find_takes
    from choreo_pipelines.tasks.studio import Studio
    from choreo_pipelines.training import TrainSettings, open_progress, prepare_folder, resolve_device, use_one_thread

    use_one_thread()
    training = TrainSettings(steps, common["lr"], seed=common["seed"], device=common["device"])
    data = common["data"] or (DATA,)
    if not common["data"] and not DATA.exists():
        raise ConfigError(f"no takes: expected a folder, and {DATA} is not there", fix="make generate-data")
    # Before --replace discards an unfinished run: a mistyped folder or device must not cost it.
    find_takes(data)
    resolve_device(training.device)
    prepare_folder(common["out"], kind, common["resume"], common["replace"])
    studio = Studio.open(data, common["out"], seed=common["seed"], hz=common["hz"])
    return studio, training, open_progress(f"train {kind}")


def _finish(studio: Any, result: Any) -> None:
    from choreo_pipelines.evaluation.table import lines
    from choreo_pipelines.tasks.studio import write_result
    from choreo_pipelines.training import command_line

    files = write_result(studio, result, command_line(sys.argv[1:]))
    click.echo("\n".join(lines(result.metrics)))
    _list(files)


def _list(files: Sequence[Path]) -> None:
    for path in files:
        click.echo(f"wrote {path}")
