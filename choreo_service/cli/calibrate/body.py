"""`choreo calibrate body`: stand still, move normally, move fully; the performer's ranges become a profile."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click

from choreo_service.calibration.flow import FULL_S, LONGEST_S, NORMAL_S, SHORTEST_S, STILL_S
from choreo_service.cli.options import Choice, config_options, find_take, for_take
from choreo_service.errors import ConfigError

if TYPE_CHECKING:
    from choreo_service.calibration.flow import Flow, Heard, Phase
    from choreo_service.calibration.measure import Measured
    from choreo_service.config import Loaded

_LENGTH = click.FloatRange(min=SHORTEST_S, max=LONGEST_S)
# A calibration begins with nothing known, plays nothing, and nobody steers it.
_BARE = (
    "engine.bodies=[]",
    "engine.mapper=rules",
    "output.exit_ease_s=0",
    "log.level=warning",
    "dashboard.enabled=false",
)


@click.command()
@click.argument("name")
@config_options
@click.option("--performer", type=click.IntRange(min=0), default=0, show_default=True, help="Who, counted from 0.")
@click.option("--take", type=click.Path(path_type=Path), help="Listen to a recording instead of the sensors.")
@click.option(
    "--from", "from_s", type=click.FloatRange(min=0), default=0.0, help="Where in the take the minute begins."
)
@click.option("--still", type=_LENGTH, default=STILL_S, show_default=True, help="Seconds of standing still.")
@click.option("--normal", type=_LENGTH, default=NORMAL_S, show_default=True, help="Seconds of moving normally.")
@click.option("--full", type=_LENGTH, default=FULL_S, show_default=True, help="Seconds of moving fully.")
@click.option("--replace", is_flag=True, help="Write over a profile of this name.")
def body(
    name: str,
    performer: int,
    take: Path | None,
    from_s: float,
    still: float,
    normal: float,
    full: float,
    replace: bool,
    **choice: Unpack[Choice],
) -> int:
    """Learn how a performer moves and keep it as profiles/NAME.yaml.

    Stand still, then move normally, then move fully, as you are told. What was not seen is refused with the reason. A
    show of this workspace that plays with the same sensors plays on, and listens meanwhile.
    """
    from choreo_service.calibration.flow import phases_of
    from choreo_service.calibration.measure import measure
    from choreo_service.calibration.profile import profile_path, refuse_existing, save_body
    from choreo_service.config import load_settings
    from choreo_service.session import open_session

    if take is not None:
        take = find_take(take, choice)
        choice = for_take(choice, open_session(take).meta)
    choice["overrides"] = (*choice["overrides"], *_BARE)
    loaded = load_settings(**choice)
    _check(name, performer, loaded)
    refuse_existing(profile_path(loaded.profiles, name), replace=replace)  # before the minute, not after it
    phases = phases_of((still, normal, full))
    if take is None and (told := _in_the_show(loaded, name, performer, phases, replace=replace)):
        click.echo(told)
        return 0
    if take is None:
        source, heard = ", ".join(loaded.sensors), _from_sensors(loaded, performer, phases)
    else:
        source, heard = f"take {take.name}", _from_take(loaded, performer, phases, take, from_s)
    measured = measure(name, heard)
    path = save_body(loaded.profiles, measured, source, replace=replace)
    click.echo(_told(measured))
    click.echo(
        f"wrote {path}; play with it: engine.bodies: [{name}] in your configuration, or -o engine.bodies=[{name}]"
    )
    return 0


def _check(name: str, performer: int, loaded: Loaded) -> None:
    from pydantic import TypeAdapter, ValidationError

    from choreo_service.config.settings import BodyName

    try:
        TypeAdapter(BodyName).validate_python(name)
    except ValidationError:
        raise ConfigError(
            f"{name[:40]!r} can't name a body", fix="use lower case letters, digits, - and _, at most 40: anna"
        ) from None
    if performer >= loaded.settings.engine.performers:
        raise ConfigError(
            f"no performer {performer}; the configuration has {loaded.settings.engine.performers}, counted from 0",
            fix=f"-o engine.performers={performer + 1}",
        )


def _in_the_show(loaded: Loaded, name: str, performer: int, phases: Sequence[Phase], *, replace: bool) -> str:
    """What came of it where a show that plays has the sensors; "" where none does."""
    from choreo_service.cli.calibrate.beside import calibrate_there, show_that_listens

    async def ask() -> str:
        show = await show_that_listens(loaded) if loaded.sensors else None
        return await calibrate_there(show, name, performer, phases, replace=replace) if show else ""

    return asyncio.run(ask())


def _from_sensors(loaded: Loaded, performer: int, phases: Sequence[Phase]) -> Heard:
    """Run the configured sensors, and nothing else, through the service until the flow is over."""
    from choreo_service import logs
    from choreo_service.calibration.flow import PATIENCE_S, Flow
    from choreo_service.clock import MonotonicClock
    from choreo_service.service.build import build_service
    from choreo_service.service.runtime import first_user_error

    if not loaded.sensors:
        raise ConfigError(
            "no sensor to listen to", fix="add one to your configuration, or give a recording: --take TAKE"
        )
    writer = logs.configure(loaded.settings.log.level, loaded.settings.log.format)
    service = build_service(dataclasses.replace(loaded, bridges={}, doors={}), MonotonicClock())
    flow = Flow(service.core, performer, phases, _Guide(phases))

    def tick(*seen: Any) -> None:
        flow(*seen)
        if flow.over:
            service.stop()

    service.listeners.append(tick)
    click.echo(f"listening to {', '.join(loaded.sensors)} for up to {PATIENCE_S:g} s")
    try:
        asyncio.run(service.run())
    except BaseExceptionGroup as group:
        raise first_user_error(group) from group
    finally:
        writer.close()
    return _complete(flow)


def _from_take(loaded: Loaded, performer: int, phases: Sequence[Phase], take: Path, from_s: float) -> Heard:
    from choreo_service.calibration.flow import Flow
    from choreo_service.clock import NS
    from choreo_service.replay import take_entries
    from choreo_service.service.playing import build_core
    from choreo_service.session import open_session
    from choreo_service.ticker import Tick

    core = build_core(loaded)
    flow, first_ns = Flow(core, performer, phases, _Guide(phases)), None
    for entry in take_entries(open_session(take), core.period_ns):
        first_ns = entry.t_ns if first_ns is None else first_ns
        step = core.step(entry.k, entry.dk, entry.t_ns, entry.packets)
        if entry.t_ns - first_ns >= from_s * NS:
            flow(Tick(entry.k, entry.dk, entry.t_ns, 0), entry.packets, step)
        if flow.over:
            break
    return _complete(flow)


def _complete(flow: Flow) -> Heard:
    """What the flow heard; CalibrationRefused where it didn't come to its end."""
    from choreo_service.calibration.measure import CalibrationRefused

    if not flow.done:
        raise CalibrationRefused(
            f"no calibration: {flow.missing}", fix="choreo devices lists sensors; choreo run shows what arrives"
        )
    return flow.heard()


class _Guide:
    """Tells the performer what to do."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        self._phases = list(phases)

    def __call__(self, phase: Phase) -> None:
        at = self._phases.index(phase) + 1
        click.echo(f"  {at}/{len(self._phases)}  {phase.name:14} {phase.seconds:g} s")


def _told(measured: Measured) -> str:
    from choreo_service.calibration.measure import HEART_ENOUGH_S
    from choreo_service.calibration.profile import UNITS

    body = measured.body
    lines = [f"at rest {measured.noise:.3f} m/s^2; {body.name} moves above {body.gate:.2f}"]
    if body.mounting.gravity is not None:
        lines.append(f"the device reads {body.mounting.gravity:.2f} m/s^2 at rest (9.81 is exact)")
    lines += [
        f"  {column:14} {s.range.mean:8.2f} +- {s.range.sd:7.2f}   {s.low:8.2f} .. {s.high:8.2f}  {UNITS[column]}"
        for column, s in measured.spreads.items()
    ]
    if not measured.knows_heart:
        lines.append(
            f"the heart's range is learnt while playing: it takes {HEART_ENOUGH_S:g} s of movement to know one"
        )
    return "\n".join(lines)
