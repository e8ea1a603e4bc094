"""`choreo calibrate`: what is measured once, before the show."""

from __future__ import annotations

import click

from choreo_service.cli.lazy import LazyGroup

COMMANDS = {
    "latency": ("choreo_service.cli.calibrate.latency:latency", "How long a receiver takes to sound."),
    "body": ("choreo_service.cli.calibrate.body:body", "How a performer moves: a guided minute, kept as a profile."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def calibrate() -> None:
    """Measure once, before the show."""
