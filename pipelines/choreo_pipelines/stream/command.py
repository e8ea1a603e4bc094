"""`choreo-lab stream`."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import click

from choreo_adapters.osc.presets import LAYOUTS
from choreo_pipelines.stream.encoder import PhoneEncoder
from choreo_pipelines.stream.player import Player, rates_hz
from choreo_service.clock import NS, MonotonicClock
from choreo_service.errors import ConfigError
from choreo_service.session import PacketColumns, open_session

APPS: Final = sorted(name for name, layout in LAYOUTS.items() if layout.streams())  # that send whole messages
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 9000  # where `choreo run` listens, whichever app is imitated


@click.command("stream")
@click.argument("take", type=click.Path(path_type=Path))
@click.option("--as", "app", type=click.Choice(APPS), default="choreo", help="The app to imitate.")
@click.option(
    "--to",
    "target",
    metavar="HOST[:PORT]",
    default=DEFAULT_HOST,
    help=f"Where to send [{DEFAULT_HOST}:{DEFAULT_PORT}].",
)
@click.option("--speed", type=click.FloatRange(0, 1000, min_open=True), default=1.0, help="2 plays twice as fast.")
@click.option("--loop", is_flag=True, help="Start again at the end, until Ctrl-C.")
@click.option("--from", "from_s", type=click.FloatRange(0), default=0.0, help="Leave out so many seconds of the take.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Stop after so many seconds.")
@click.option("--performer", type=click.IntRange(0), default=0, help="Whose packets: one phone is one performer.")
def stream_take(
    take: Path,
    app: str,
    target: str,
    speed: float,
    loop: bool,
    from_s: float,
    seconds: float | None,
    performer: int,
) -> None:
    """Send TAKE as a phone would that records it now: the app's addresses, units, bundles, at the recorded rate.

    A stand-in for a phone at rehearsals, in tests and in bug reports.
    """
    layout = LAYOUTS[app]
    host, port = _address(target)
    packets = _packets(take, performer, from_s)
    encoder = PhoneEncoder(layout, rates_hz(packets), rates_hz(packets))
    for line in _announcement(encoder, rates_hz(packets), f"{host}:{port}"):
        click.echo(line)
    with _socket(host, port) as udp:
        problems: Counter[str] = Counter()
        player = Player(packets, encoder, lambda data: _send(udp, data, problems), MonotonicClock())
        try:
            asyncio.run(_play(player, speed=speed, loop=loop, seconds=seconds))
        except KeyboardInterrupt:
            click.echo("\nstopped")
    click.echo(_summary(player))
    for problem, count in problems.items():
        click.echo(f"  {count} datagrams not delivered: {problem}")


def _packets(take: Path, performer: int, from_s: float) -> PacketColumns:
    """One performer's packets from `from_s` on; zero is the take's first packet, whoever sent it."""
    packets = PacketColumns.join(open_session(take).packet_columns())
    mine = packets.where(packets.performer == performer)
    if not len(mine):
        there = sorted(set(packets.performer.tolist()))
        raise ConfigError(
            f"take {take} has no packets of performer {performer}; it has performers {there}",
            fix=f"--performer {there[0]}" if there else "choose another take",
        )
    played = mine.where(mine.rx_ns - packets.rx_ns[0] >= round(from_s * NS))
    if not len(played):
        last_s = int(mine.rx_ns.max() - packets.rx_ns[0]) / NS
        raise ConfigError(
            f"take {take} has nothing of performer {performer} from second {from_s:g} on; its last packet is at "
            f"{last_s:.1f} s",
            fix="start earlier: --from SECONDS",
        )
    return played


async def _play(player: Player, *, speed: float, loop: bool, seconds: float | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        showing = tasks.create_task(_show(player))
        await player.play(speed=speed, loop=loop, seconds=seconds)
        showing.cancel()


async def _show(player: Player) -> None:
    """The rate, once a second on a terminal; a file or pipe gets only the summary."""
    clock = MonotonicClock()
    while sys.stdout.isatty():
        await clock.sleep_until(clock.now_ns() + NS)
        click.echo(f"\r{_summary(player)}  ", nl=False)


def _announcement(encoder: PhoneEncoder, rates: dict[str, float], where: str) -> list[str]:
    made = []
    for stream, parts in encoder.sends.items():
        origin = "" if parts == (stream,) else f", from {' and '.join(parts)}"
        made.append(f"  {stream} at {rates[parts[0]]:.1f} Hz{origin}")
    left = [f"  not sent by this app: {', '.join(encoder.left_out)}"] if encoder.left_out else []
    return [f"as {encoder.layout.app} to {where}", *made, *left]


def _summary(player: Player) -> str:
    sent = player.sent
    rate = sent.rate_hz(MonotonicClock().now_ns())
    return f"{sent.datagrams} datagrams, {rate:.1f} a second, {sent.octets} bytes, {sent.rounds} rounds"


def _address(text: str) -> tuple[str, int]:
    """host and port of "HOST:PORT", "[v6]:PORT" or "HOST"."""
    host, colon, port = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, port = port or host, ""
    number = int(port) if port.isdecimal() else DEFAULT_PORT if not port else None
    if number is None or not 0 < number < 65536 or not host:
        raise click.UsageError(f"--to {text}: expected HOST:PORT with a port of 1..65535")
    return host.strip("[]"), number


def _socket(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        udp = socket.socket(family, kind, protocol)
        udp.setblocking(False)
        udp.connect(address)
    except OSError as error:
        raise ConfigError(
            f"can't send to {host}:{port}: {error.strerror}", fix="give another address: --to HOST:PORT"
        ) from error
    return udp


def _send(udp: socket.socket, data: bytes, problems: Counter[str]) -> None:
    """A connected socket tells of the datagram before when nobody listens; a phone would go on, and so does this."""
    try:
        udp.send(data)
    except OSError as error:
        problems[error.strerror or str(error)] += 1
