"""`choreo top`: the Live page for a terminal, also over ssh."""

from __future__ import annotations

import asyncio

import click


@click.command()
@click.option("--url", help="The address choreo prints as its page; left out: the show on this machine.")
@click.option("--token", default="", help="For a show on another machine; the printed address may hold it already.")
@click.option("--pin", default="", help="To steer a show on another machine, where dashboard.pin is set.")
@click.option("--performer", type=click.IntRange(min=0), default=0, show_default=True, help="Whose, counted from 0.")
def top(url: str | None, token: str, pin: str, performer: int) -> int:
    """Watch a running show in the terminal, and steer it with the page's keys.

    Where several play on this machine it is the one of this folder, or they are listed.
    """
    from choreo_service.cli.shows import shows_here, the_one
    from choreo_service.cli.top.address import read_address
    from choreo_service.cli.top.link import Link, check
    from choreo_service.config.locate import workspace
    from choreo_service.errors import ChoreoError

    try:
        from choreo_service.cli.top.app import Top
    except ModuleNotFoundError as error:
        raise ChoreoError(
            f"choreo top needs the package {error.name}, which isn't installed",
            fix="make setup (in the project's folder), or pip install 'choreo-service[tui]'",
        ) from error
    if url is None:
        url = the_one(asyncio.run(shows_here()), workspace()).base
    address = read_address(url, token, pin)
    show = asyncio.run(check(address))  # before the screen is taken: what is wrong is told where it can be read
    if performer >= show.performers:
        raise ChoreoError(f"no performer {performer} in {show}", fix=f"there are {show.performers}, counted from 0")
    Top(Link(address, performer)).run()
    return 0
