"""`choreo phone`: where a phone should send, what to type into its app, and whether its packets arrive."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final, Unpack

import click

from choreo_service.cli.options import Choice, config_options

if TYPE_CHECKING:
    from choreo_service.config import Loaded

SENSOR: Final = "osc_motion"
EVERYWHERE: Final = "0.0.0.0"


@click.command()
@config_options
@click.option("--host", help="Address to listen on [your configuration's; 0.0.0.0 where that is this machine only].")
@click.option("--port", type=click.IntRange(1, 65535), help="UDP port [your configuration's, else 9000].")
@click.option("--app", help="Show the steps of this app only, e.g. gyrosc.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), help="Stop by itself after this time.")
def phone(host: str | None, port: int | None, app: str | None, seconds: float | None, **choice: Unpack[Choice]) -> int:
    """Connect a phone: where to send, a code to scan, and a line that moves when its packets arrive.

    Listens on every address of this machine, because a phone is another machine; nothing is played. Exit code 1 when
    --seconds pass without a packet that is understood.
    """
    from choreo_service.cli.phone.guide import welcome
    from choreo_service.cli.phone.live import listen
    from choreo_service.config import load_settings
    from choreo_service.doctor.network import lan_addresses

    name, sensor, config = _sensor(load_settings(**choice))
    config = _listening(config, host, port)
    addresses = lan_addresses() if ipaddress.ip_address(config.host).is_unspecified else [config.host]
    screen = welcome(name, sensor, addresses, config.port, app)
    _must_be_free(config.host, config.port)
    click.echo(screen + "\n")
    return listen(sensor, config, seconds)


def _sensor(loaded: Loaded) -> tuple[str, Any, Any]:
    """(the user's name, class, settings) of the first sensor that hears phones, or of one with built-in settings."""
    from choreo_service.registry import find

    for name, adapter in loaded.sensors.items():
        if adapter.entry.name == SENSOR:
            return name, adapter.cls, adapter.config
    sensor = find("sensor", SENSOR).load()
    return "phone", sensor, sensor.Config()


def _listening(config: Any, host: str | None, port: int | None) -> Any:
    """The settings with `host` and `port`; what listens to this machine only is widened."""
    from choreo_service.errors import ConfigError

    lonely = ipaddress.ip_address(config.host).is_loopback
    chosen = host or (EVERYWHERE if lonely else config.host)
    try:
        chosen = str(ipaddress.ip_address("127.0.0.1" if chosen == "localhost" else chosen))
    except ValueError as error:
        raise ConfigError(
            f"--host {chosen!r:.60} is no IP address", fix="leave it out to hear every address"
        ) from error
    return config.model_copy(update={"host": chosen, "port": port or config.port or 9000})


def _must_be_free(host: str, port: int) -> None:
    """ChoreoError with what to do where another program has the port."""
    from choreo_service.doctor.network import holder, port_fault
    from choreo_service.errors import ChoreoError

    fault = port_fault(host, port)
    if fault is None:
        return
    if not fault.taken:
        raise ChoreoError(
            f"can't listen on {host}:{port}: {fault.reason}", fix="choreo phone --host 0.0.0.0 --port 9001"
        )
    held = holder(port)
    who = str(held or "another program")
    beside = f"or listen beside it: choreo phone --port {port + 1 if port < 65535 else 9001}, same port in the app"
    if held is not None and (page := _page_of(held.process)):
        fix = f"that show hears phones itself, and {page}/sensors tells which; {beside}"
    elif who.startswith("choreo"):
        fix = f"a running choreo hears phones itself: its lines and log tell which; end it with Ctrl-C first, {beside}"
    else:
        fix = f"end it, {beside}"
    raise ChoreoError(f"port {port} is held by {who}", fix=fix)


def _page_of(process: int) -> str:
    """The address of that process's page; "" where it is no show, or has none."""
    import asyncio

    from choreo_service.cli.shows import shows_here

    return next((show.base for show in asyncio.run(shows_here()) if show.process == process), "")
