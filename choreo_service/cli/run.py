"""`choreo run`, `choreo record` and `choreo demo`: the service itself."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from choreo_service.cli.options import Choice, check_take_name, config_options, standby_option
from choreo_service.cli.wording import counted
from choreo_service.standby.channel import VARIABLE

if TYPE_CHECKING:
    from choreo_service.config import Adapter, Loaded
    from choreo_service.doctor.report import Finding
    from choreo_service.service.performance import RecordPlan
    from choreo_service.service.reload import Load

seconds_option = click.option(
    "--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop by itself after this time."
)

lan_option = click.option(
    "--lan", is_flag=True, help="Let tablets and phones of the network look at the page, with the token it prints."
)


@click.command()
@config_options
@seconds_option
@click.option("--record", is_flag=True, help="Record it as a take; `choreo record` has more to say.")
@lan_option
@standby_option
@click.option("--dry-run", is_flag=True, help="Say what would run; exit code 1 if it could not.")
def run(seconds: float | None, record: bool, lan: bool, standby: bool, dry_run: bool, **choice: Unpack[Choice]) -> int:
    """Play: sensors in, controls out, until Ctrl-C."""
    if _watches(standby) and not dry_run:  # before anything is loaded: the watcher needs none of it
        return _watch()
    from choreo_service.config import load_settings

    choice["overrides"] = (*choice["overrides"], *_lan(lan))
    load = partial(load_settings, **choice)
    if dry_run:
        loaded = load()
        from choreo_service.doctor.network import udp_ports
        from choreo_service.service.refusals import judge

        judge(loaded)

        ports = list(udp_ports(loaded))
        click.echo("\n".join([plan(loaded), *_ports(ports)]))
        return int(any(port.status == "fail" for port in ports))
    if record:
        from choreo_service.service.performance import RecordPlan

        return start(load, seconds, RecordPlan(), seated=standby)
    return start(load, seconds, seated=standby)


@click.command()
@config_options
@seconds_option
@click.option("--name", default="", help="The take's folder; default: date and time. Never overwrites: NAME_2.")
@click.option("--tag", "tags", multiple=True, help="A word to find the take by; may be given more than once.")
@standby_option
@click.option("--auto", is_flag=True, help="Begin by itself when every required sensor is live (recorder.required).")
def record(
    seconds: float | None, name: str, tags: tuple[str, ...], auto: bool, standby: bool, **choice: Unpack[Choice]
) -> int:
    """Play like `choreo run`, and record everything as a take: what came in, every step, what was sent."""
    if name:
        check_take_name(name)
    if _watches(standby):
        return _watch()
    from choreo_service.config import load_settings
    from choreo_service.service.performance import RecordPlan

    return start(partial(load_settings, **choice), seconds, RecordPlan(name, tags, auto), seated=standby)


@click.command()
@click.option("--headless", is_flag=True, help="Without the bars on the terminal.")
@seconds_option
@lan_option
@click.option("overrides", "-o", "--option", multiple=True, metavar="KEY=VALUE", help="Set one key.")
@click.option("--home", type=click.Path(path_type=Path), help="Workspace made by `choreo init`.")
def demo(headless: bool, seconds: float | None, lan: bool, overrides: tuple[str, ...], home: Path | None) -> int:
    """A synthetic dancer plays: no sensor needed."""
    options = (*overrides, *_lan(lan))
    return start(partial(_demo, overrides=options, home=home, headless=headless), seconds)


def _demo(*, overrides: Sequence[str], home: Path | None, headless: bool, draft: str | None = None) -> Loaded:
    """The demo's settings; a function of the module, as a reload has it run by another process."""
    from choreo_service.config import load_settings

    loaded = load_settings(profile="demo", overrides=overrides, home=home, draft=draft)
    if not headless:
        return loaded
    kept = {name: bridge for name, bridge in loaded.bridges.items() if bridge.entry.name != "console"}
    return dataclasses.replace(loaded, bridges=kept)


def start(load: Load, seconds: float | None, record: RecordPlan | None = None, *, seated: bool = False) -> int:
    """Run the service on the settings `load` gives, now and when it is told to read them again; its exit code.

    `seated`: this process is one of the two engines of a show with a standby.
    """
    seat = None
    if seated:
        from choreo_service.standby.seat import take_seat

        seat = take_seat(os.environ)  # before most is imported
    loaded = load()
    # Only now: it imports the page's web server, for which no refusal should wait.
    from choreo_service.service.runtime import run_service

    return run_service(loaded, seconds=seconds, banner=click.echo, record=record, load=load, seat=seat)


def _watches(standby: bool) -> bool:
    """Whether this process is to watch over two engines, which it starts by its own arguments."""
    return standby and VARIABLE not in os.environ


def _watch() -> int:
    from choreo_service.standby.watcher import watch

    return watch(sys.argv[1:])


def _lan(asked: bool) -> tuple[str, ...]:
    return ("dashboard.lan=true",) if asked else ()


def plan(loaded: Loaded) -> str:
    """What would run, in the user's words."""
    engine = loaded.settings.engine
    from choreo_service.service.models import chosen_models

    chosen = chosen_models(loaded)
    models = "the rule mapper" if chosen is None else f"the models {chosen.name} of {loaded.checkpoints}"
    performers = counted(engine.performers, "performer")
    lines = [f"engine: a tick every {engine.period_ms:g} ms for {performers}, played by {models}"]
    lines += _adapters("sensors", loaded.sensors.values()) + _adapters("bridges", loaded.bridges.values())
    lines += _adapters("doors", loaded.doors.values())
    return "\n".join([*lines, f"control map: {loaded.control_map_path}"])


def _adapters(section: str, adapters: Iterable[Adapter]) -> list[str]:
    lines = [f"  {a.name}: {a.entry.name} ({a.entry.distribution} {a.entry.version})" for a in adapters]
    return [f"{section}:", *(lines or ["  none"])]


def _ports(tried: Iterable[Finding]) -> list[str]:
    """UDP ports were bound for a moment."""
    lines = [f"  {found.name}: {found.found}" + (f"\n    fix: {found.fix}" if found.fix else "") for found in tried]
    return [
        *(["ports:", *lines] if lines else []),
        "not tried: MIDI and WebSocket ports; choreo doctor looks at MIDI",
    ]
