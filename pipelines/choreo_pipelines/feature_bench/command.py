"""`choreo-lab bench features`."""

from __future__ import annotations

from pathlib import Path

import click

from choreo_pipelines.inference_bench.command import write_json


@click.command("features")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    envvar="CHOREO_DATA",
    help="Folder of the real recordings (or CHOREO_DATA): mocaptoolbox_demo, stress_predict.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the numbers to this file, too.")
def bench_features(data: Path | None, json_file: Path | None) -> int:
    """Latency and error of every motion feature on simulated bodies; tempo, noise floor and freeze on real ones.

    Beside each figure stands that of the prototype the feature was designed by. Exit code 1 where one is a MISS.
    """
    from choreo_pipelines.feature_bench.quick import quick_rows
    from choreo_pipelines.feature_bench.real import real_rows
    from choreo_pipelines.feature_bench.slow import slow_rows
    from choreo_pipelines.feature_bench.table import text

    if json_file is not None:
        write_json(json_file, {})  # before the work, not after it
    rows = [*quick_rows(), *slow_rows()]
    real = [] if data is None else list(real_rows(data))
    click.echo("Simulated phone on a hip, 60 Hz, noise 0.08 m/s^2")
    click.echo(text(rows))
    if real:
        click.echo(f"\nReal recordings\n{text(real)}")
    else:
        click.echo("\nno real recordings: --data FOLDER with mocaptoolbox_demo or stress_predict")
    if json_file is not None:
        write_json(json_file, {"rows": [row.to_dict() for row in (*rows, *real)]})
        click.echo(f"wrote {json_file}")
    return int(not all(row.is_good for row in (*rows, *real)))
