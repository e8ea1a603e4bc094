"""`choreo top`: the Live page for a terminal, also over ssh."""

from __future__ import annotations

import asyncio

import click


@click.command()
@click.option(
    "--url", default="http://127.0.0.1:8787", show_default=True, help="The address choreo prints as its page."
)
@click.option("--token", default="", help="For a show on another machine; the printed address may hold it already.")
@click.option("--pin", default="", help="To steer a show on another machine, where dashboard.pin is set.")
@click.option("--performer", type=click.IntRange(min=0), default=0, show_default=True, help="Whose, counted from 0.")
def top(url: str, token: str, pin: str, performer: int) -> int:
    """Watch a running show in the terminal, and steer it with the page's keys."""
    from choreo_service.cli.top.address import read_address
    from choreo_service.cli.top.link import Link, check
    from choreo_service.errors import ChoreoError

    try:
        from choreo_service.cli.top.app import Top
    except ModuleNotFoundError as error:
        raise ChoreoError(
            f"choreo top needs the package {error.name}, which isn't installed", fix="pip install 'choreo-service[tui]'"
        ) from error
    address = read_address(url, token, pin)
    asyncio.run(check(address))  # before the screen is taken: what is wrong is told where it can be read
    Top(Link(address, performer)).run()
    return 0
