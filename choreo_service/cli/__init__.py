"""The `choreo` command. A command's module is imported when it is called: `choreo --help` needs click alone."""

from __future__ import annotations

import sys

import click

from choreo_service import __version__
from choreo_service.cli.failure import Invocation, exit_code_of
from choreo_service.cli.lazy import LazyGroup

COMMANDS = {
    "demo": ("choreo_service.cli.run:demo", "A synthetic dancer plays: no sensor needed."),
    "run": ("choreo_service.cli.run:run", "Play: sensors in, controls out, until Ctrl-C."),
    "record": ("choreo_service.cli.run:record", "Play, and record everything as a take."),
    "takes": ("choreo_service.cli.takes:takes", "List takes, mend what a fall cut off, export."),
    "top": ("choreo_service.cli.top:top", "Watch and steer a running show in the terminal, also over ssh."),
    "replay": ("choreo_service.cli.replay:replay", "Run a take again, exactly or in real time."),
    "devices": ("choreo_service.cli.devices:devices", "List sensors, bridges, doors and their ports."),
    "phone": ("choreo_service.cli.phone:phone", "Connect a phone: where to send, and whether it arrives."),
    "doctor": ("choreo_service.cli.doctor:doctor", "Check this machine: what works, what to do about the rest."),
    "calibrate": ("choreo_service.cli.calibrate:calibrate", "Measure once, before the show."),
    "init": ("choreo_service.cli.init:init", "Make a workspace with a commented configuration."),
    "service": ("choreo_service.cli.service:service", "Files that let the system start choreo and bring it back."),
    "support-bundle": (
        "choreo_service.cli.support_bundle:support_bundle",
        "Pack what somebody who helps needs, and no takes.",
    ),
    "config": ("choreo_service.cli.config:config", "Show, check or document the configuration."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", message="choreo %(version)s")
@click.option("--debug", is_flag=True, help="Show the Python traceback of an error.")
@click.pass_obj
def choreo(invocation: Invocation, debug: bool) -> None:
    """A body plays music: motion and heartbeat become five musical controls.

    First steps: choreo demo, then choreo doctor, then choreo init my-show.
    """
    invocation.debug = debug


def main() -> None:
    """Entry point of the console script; exits with the code that says what happened."""
    sys.exit(exit_code_of(choreo, sys.argv[1:]))
