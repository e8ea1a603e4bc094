"""`choreo-lab bench`: what the nets cost, and what the features are worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from choreo_service.cli.lazy import LazyGroup

BENCHES: Final[Mapping[str, tuple[str, str]]] = {
    "inference": (
        "choreo_pipelines.inference_bench.command:bench_inference",
        "How fast are the models, by which backend? Runs where no other is named.",
    ),
    "features": (
        "choreo_pipelines.feature_bench.command:bench_features",
        "How late and how wrong is each feature?",
    ),
}


class _Benches(LazyGroup):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["inference", *args]
        return super().parse_args(ctx, args)


@click.group("bench", cls=_Benches, lazy=BENCHES)
def bench() -> None:
    """Measure on this machine. Without a name: inference, with its options."""
