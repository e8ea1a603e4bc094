"""Which shows play on this machine, as their pages tell; the commands beside a show find theirs by it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from choreo_service.config.settings import DashboardSettings
from choreo_service.dashboard.dashboard import PORTS_TRIED
from choreo_service.errors import ChoreoError

PORT: Final[int] = DashboardSettings.model_fields["port"].default
_PATIENCE: Final = aiohttp.ClientTimeout(total=2.0)


@dataclass(frozen=True, slots=True)
class Show:
    """One show that answers at `base`, http://host:port."""

    base: str
    id: str  # of this run; a take-over keeps it
    name: str  # for people; "" where the show was not read from files
    home: Path | None  # its workspace; told to this machine only
    performers: int
    sensors: tuple[str, ...]
    process: int  # its id; told to this machine only, elsewhere 0

    def __str__(self) -> str:
        return f"{self.name or 'a show'} at {self.base}"


async def shows_here(port: int = PORT) -> list[Show]:
    """The shows of this machine whose page is where one is put that was to be at `port`."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as browser:
        ports = range(port, min(port + PORTS_TRIED, 65536))
        found = await asyncio.gather(*(_show_at(browser, f"http://127.0.0.1:{p}") for p in ports))
    return [show for show in found if show is not None]


def read_show(base: str, told: Mapping[str, Any]) -> Show:
    """From what /api/show says; ValueError where it is something else that answers."""
    try:
        home = Path(told["home"]) if told["home"] else None
        sensors, process = tuple(told["sensors"]), int(told["process"])
        return Show(base, str(told["show"]), str(told["name"]), home, int(told["performers"]), sensors, process)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{base} is not choreo's page") from error


def the_one(shows: Sequence[Show], home: Path | None) -> Show:
    """The show that is meant where nobody named one: the only one, or the only one of the workspace `home`."""
    if not shows:
        raise ChoreoError(
            f"no show answers at http://127.0.0.1:{PORT} or the ports after it",
            fix="start one (choreo run, choreo demo), or give the address it prints: choreo top --url ADDRESS",
        )
    own = [show for show in shows if home is not None and show.home == home]
    if len(shows) == 1 or len(own) == 1:
        return own[0] if len(own) == 1 else shows[0]
    there = "; ".join(map(str, shows))
    raise ChoreoError(
        f"{len(shows)} shows play on this machine: {there}", fix=f"say which one: choreo top --url {shows[0].base}"
    )


async def _show_at(browser: aiohttp.ClientSession, base: str) -> Show | None:
    try:
        async with browser.get(f"{base}/api/show") as answer:
            return read_show(base, await answer.json()) if answer.status == 200 else None
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None
