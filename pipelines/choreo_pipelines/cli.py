"""The `choreo-lab` command: everything that happens before and after a show.

A command's module is imported when it is called: `choreo-lab --help` needs click alone.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Final

import click

from choreo_service import __version__
from choreo_service.cli.failure import Invocation, exit_code_of
from choreo_service.cli.lazy import LazyGroup

COMMANDS: Final[Mapping[str, tuple[str, str]]] = {  # name -> (where the command lives, its line of help)
    "generate": ("choreo_pipelines.generator.command:generate_takes", "Make synthetic takes to train and test with."),
    "import": (
        "choreo_pipelines.importers.command:import_take",
        "Make a take of a recording of another device or app.",
    ),
    "inspect": ("choreo_pipelines.inspector.command:inspect_take", "Look at a take: ranges, gaps, promises, figures."),
    "evaluate": (
        "choreo_pipelines.evaluation.takes.command:evaluate_takes",
        "How do the models play these takes, and what when a sensor falls silent?",
    ),
    "bench": ("choreo_pipelines.benches:bench", "How fast are the models, how late and how wrong the features?"),
    "gates": (
        "choreo_pipelines.evaluation.gates.command:measure_gates",
        "Train anew and hold the models to their gates.",
    ),
    "heart-fit": (
        "choreo_pipelines.bodies.command:fit_heart",
        "Measure how fast the heart in a recording follows the effort.",
    ),
    "report": ("choreo_pipelines.report.command:report_take", "Does the body play it? Metrics and figures of a take."),
    "stream": ("choreo_pipelines.stream.command:stream_take", "Send a take over the network as a phone app would."),
    "train": ("choreo_pipelines.tasks.command:train_models", "Train the models on takes."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="choreo-lab %(version)s")
@click.option("--debug", is_flag=True, help="Show the Python traceback of an error.")
@click.pass_obj
def choreo_lab(invocation: Invocation, debug: bool) -> None:
    """The studio beside the stage: take recordings in, look at them, train with them.

    In the folder you are in, takes go to recordings/, what is found out about them to reports/, what is trained to
    runs/; --out puts it elsewhere, and the last line says where it is.
    """
    invocation.debug = debug


def main() -> None:
    """Entry point of the console script."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; what a user can mend ends without a traceback."""
    return exit_code_of(choreo_lab, arguments, program="choreo-lab")
