"""`choreo calibrate latency`: how long a receiver takes to sound; becomes a profile that bridges are aligned by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Unpack

import click

from choreo_service.cli.options import Choice, config_options
from choreo_service.packets import CONTROL_NAMES

if TYPE_CHECKING:
    from choreo_service.config import Adapter, Loaded
    from choreo_service.latency import Measured
    from choreo_service.latency.ears import Ears

LEAST: Final = 25  # pulses: fewer give no percentile worth the name
_ENOUGH: Final = 0.8  # of the pulses must have been heard


@click.command()
@config_options
@click.option("--bridge", required=True, metavar="NAME", help="Which of your bridges plays the receiver.")
@click.option(
    "--control", type=click.Choice(CONTROL_NAMES), default="density", help="What makes it loud (default density)."
)
@click.option(
    "--listen", multiple=True, metavar="PORT", help="JACK output, e.g. fluidmidi:left, or the sound card's name."
)
@click.option("--ears", type=click.Choice(["jack", "device"]), default="jack", help="Listen on JACK or by sound card.")
@click.option("--save", metavar="NAME", help="Keep the result as a profile, e.g. strudel-midin, osc-sc.")
@click.option("--pulses", type=click.IntRange(LEAST, 1000), default=LEAST, help=f"At least {LEAST}, the default.")
@click.option("--window-ms", type=click.FloatRange(20, 5000), default=500.0, help="Longest latency looked for (500).")
@click.option("--wait", type=click.FloatRange(0, 600), default=2.0, help="Seconds to connect things first (2).")
@click.option("--replace", is_flag=True, help="Overwrite the profile.")
def latency(
    bridge: str,
    control: str,
    listen: tuple[str, ...],
    ears: str,
    save: str | None,
    pulses: int,
    window_ms: float,
    wait: float,
    replace: bool,
    **choice: Unpack[Choice],
) -> int:
    """Measure how long a receiver takes from a message to its sound.

    The receiver must be silent while the control is at its lowest value and sound at its highest.
    """
    from choreo_service.config import load_settings, profile_path

    loaded = load_settings(**choice)
    chosen = _chosen(loaded, bridge)
    path = profile_path(loaded.base_dir, save) if save else None
    _refuse(path, replace)
    with _ears(ears, listen) as hearing:
        click.echo(f"{pulses} pulses of {control} through {bridge} ({chosen.entry.name}), listening to {hearing.name}")
        measured = _measure(loaded, chosen, hearing, control, pulses, window_ms / 1000.0, wait)
    click.echo(measured.text())
    _judge(measured, control)
    if path is not None:
        _keep(path, measured, chosen, hearing.name)
        click.echo(f"{path}: written; use it: -o bridges.{bridge}.latency_profile={save}")
    return 0


def _measure(
    loaded: Loaded, chosen: Adapter, hearing: Ears, control: str, pulses: int, window_s: float, wait_s: float
) -> Measured:
    import asyncio

    from choreo_service.clock import MS, MonotonicClock
    from choreo_service.latency import measure
    from choreo_service.service.build import build_paths
    from choreo_service.service.runtime import first_user_error

    clock = MonotonicClock()
    offset_ms = max(0.0, loaded.settings.bridges[chosen.name].latency_offset_ms)
    try:
        return asyncio.run(
            measure(
                chosen.cls(chosen.config, loaded.control_map.wires(), clock),
                build_paths(loaded.control_map, loaded.settings.output),
                hearing,
                clock,
                control=control,
                pulses=pulses,
                window_s=window_s,
                delay_ns=round(offset_ms * MS),
                wait_s=wait_s,
            )
        )
    except BaseExceptionGroup as group:
        raise first_user_error(group) from group


def _chosen(loaded: Loaded, bridge: str) -> Adapter:
    from choreo_service.errors import ConfigError

    if bridge not in loaded.bridges:
        there = ", ".join(loaded.bridges) or "none"
        raise ConfigError(f"no bridge {bridge!r:.60} is configured; there are: {there}", fix="name one with --bridge")
    return loaded.bridges[bridge]


def _ears(kind: str, listen: tuple[str, ...]) -> Ears:
    from choreo_service.errors import ChoreoError

    if kind == "device":
        from choreo_service.latency.device_ears import DeviceEars

        return DeviceEars(listen[0] if listen else None)
    from choreo_service.latency.jack_ears import JackEars

    if not listen:
        raise ChoreoError("nothing to listen to", fix="--listen PORT; jack_lsp lists the ports")
    return JackEars(listen)


def _refuse(path: Path | None, replace: bool) -> None:
    from choreo_service.errors import ChoreoError

    if path is not None and path.exists() and not replace:
        raise ChoreoError(f"{path} is there already", fix="choose another name, or say --replace")


def _judge(measured: Measured, control: str) -> None:
    from choreo_service.errors import ChoreoError

    heard = len(measured.latencies_ms)
    if heard < _ENOUGH * measured.judged.pulses:
        raise ChoreoError(
            f"only {heard} of {measured.judged.pulses} pulses were heard: nothing is kept",
            fix=f"the receiver must be silent with {control} at its lowest, and sound at its highest value; "
            "unmute it, or widen --window-ms",
        )


def _keep(path: Path, measured: Measured, chosen: Adapter, ears: str) -> None:
    import os

    import yaml

    from choreo_service.clock import wall_time_iso
    from choreo_service.config import LatencyProfile
    from choreo_service.disk import put_file
    from choreo_service.errors import ChoreoError

    own = measured.own_delay_ms
    figures = {"min": 0, "median": 50, "p95": 95, "max": 100}
    profile = LatencyProfile(
        bridge=chosen.entry.name,
        measured=wall_time_iso(),
        ears=ears,
        pulses=measured.judged.pulses,
        missed=measured.judged.missed,
        rejected=measured.judged.rejected,
        xruns=measured.xruns,
        sd_ms=round(measured.sd_ms, 3),
        **{f"{name}_ms": round(measured.percentile_ms(share) - own, 3) for name, share in figures.items()},
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        put_file(path, yaml.safe_dump(profile.model_dump(), sort_keys=False).encode(), like=path)
    except OSError as error:
        raise ChoreoError(
            f"{path}: can't be written ({os.strerror(error.errno or 0)})",
            fix="make a workspace of your own: choreo init my-show, then --home my-show",
        ) from None
