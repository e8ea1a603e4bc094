"""`choreo-lab bench`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from choreo_service.cli.wording import counted
from choreo_service.errors import ConfigError

if TYPE_CHECKING:
    from choreo_models.inference import Pair
    from choreo_pipelines.inference_bench.rounds import Timing

CHECKPOINTS: Final = Path("checkpoints")
PERFORMERS: Final = (1, 4, 16, 64)


@click.command("bench")
@click.option(
    "--checkpoints",
    type=click.Path(path_type=Path),
    default=CHECKPOINTS,
    show_default=True,
    help="Folder of the trained pair.",
)
@click.option("--rounds", type=click.IntRange(200, 100_000), default=1000, show_default=True, help="Ticks of each.")
@click.option(
    "--performers",
    type=click.IntRange(1, 64),
    multiple=True,
    default=PERFORMERS,
    show_default=True,
    help="How many play in one call; may be given more than once.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file, too.")
def bench_inference(checkpoints: Path, rounds: int, performers: tuple[int, ...], json_file: Path | None) -> None:
    """What a tick of the models costs here: numpy, torch, and torch the naive way, in one interleaved run.

    Absolute times are this machine's; the ratios are what to compare.
    """
    from choreo_pipelines.importers.recording import lab_module

    # Before numpy is imported: on a busy machine a second thread of its matrix products waits for a core, 50 ms a tick.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    lab_module("torch")
    pair = open_pair(checkpoints)
    if json_file is not None:
        write_json(json_file, {})  # before the work, not after it

    from choreo_pipelines.inference_bench.start_up import BACKENDS, start_up
    from choreo_pipelines.inference_bench.table import text

    starts = [start_up(backend, checkpoints) for backend in BACKENDS]
    timings = []
    for count in performers:
        click.echo(f"measuring {counted(count, 'performer')}", err=True)
        timings += _timings(pair, count, rounds)
    click.echo(text(pair.name, timings, starts))
    if json_file is not None:
        ways, begins = ([each.to_dict() for each in part] for part in (timings, starts))
        write_json(json_file, {"pair": pair.name, "timings": ways, "start_up": begins})
        click.echo(f"wrote {json_file}")


def open_pair(folder: Path) -> Pair:
    """The checkpoints to measure; ConfigError where they can't be used."""
    from choreo_models.checkpoint import CheckpointError
    from choreo_models.inference import load_pair

    try:
        return load_pair(folder)
    except CheckpointError as error:
        raise ConfigError(
            f"nothing to measure: {error}",
            fix=f"choose another folder (--checkpoints FOLDER), or make the pair: "
            f"choreo-lab train rps --out {folder}, then choreo-lab train mapper --out {folder}",
        ) from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """ConfigError where the file can't be written."""
    try:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"can't write {path}: {error.strerror}", fix="--json FILE, in a folder there is") from error


def _timings(pair: Pair, performers: int, rounds: int) -> list[Timing]:
    from choreo_pipelines.inference_bench.frames import dance
    from choreo_pipelines.inference_bench.rounds import measure
    from choreo_pipelines.inference_bench.variants import make_variants, one_thread

    with one_thread():
        return measure(lambda: make_variants(pair, performers), dance(performers, rounds))
