"""The guided minute in a show that plays: it has the sensors, so it listens; this terminal tells the performer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import aiohttp
import click

from choreo_service.calibration.flow import PATIENCE_S, Phase
from choreo_service.calibration.measure import CalibrationRefused
from choreo_service.cli.shows import Show, shows_here
from choreo_service.config import Loaded
from choreo_service.errors import ChoreoError

_EVERY_S: Final = 0.25
_PATIENCE: Final = aiohttp.ClientTimeout(total=5.0)


async def show_that_listens(loaded: Loaded) -> Show | None:
    """The show of this workspace that hears the same sensors; None where there is none, or it has no page to ask."""
    settings = loaded.settings.dashboard
    if not settings.port:
        return None
    return next(
        (
            s
            for s in await shows_here(settings.port)
            if s.home == loaded.base_dir and set(s.sensors) == set(loaded.sensors)
        ),
        None,
    )


async def calibrate_there(show: Show, name: str, performer: int, phases: Sequence[Phase], *, replace: bool) -> str:
    """What the show says when the profile is written; ChoreoError where there is none. Cancelled, it forgets it."""
    words = {"name": name, "performer": performer, "replace": replace, "seconds": [phase.seconds for phase in phases]}
    try:
        async with aiohttp.ClientSession(show.base, timeout=_PATIENCE) as browser:
            try:
                await _begin(browser, show, words)
                return await _follow(browser)
            except asyncio.CancelledError:
                await browser.delete("/api/calibration")
                raise
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        problem = f"{show} doesn't answer any more ({type(error).__name__})"
        raise ChoreoError(problem, fix="see whether it still plays, then type this again") from error


async def _begin(browser: aiohttp.ClientSession, show: Show, words: Mapping[str, Any]) -> None:
    async with browser.post("/api/calibration", json=words) as answer:
        if answer.status != 202:
            raise ChoreoError(f"{show} says: {(await answer.text()).strip()}")
    click.echo(f"{show} plays on and listens, for up to {PATIENCE_S:g} s")


async def _follow(browser: aiohttp.ClientSession) -> str:
    """Tell every phase once, until it is over."""
    told = ""
    while True:
        async with browser.get("/api/state") as answer:
            facts = (await answer.json())["calibration"]
        match facts["state"]:
            case "done":
                return str(facts["said"])
            case "failed":
                raise CalibrationRefused(str(facts["said"]), fix=str(facts["fix"]))
            case "idle":
                raise ChoreoError("the calibration was cancelled on the page", fix="type this again")
        if facts["phase"] != told:
            told = facts["phase"]
            click.echo(f"  {facts['at']}/{facts['of']}  {told:14} {facts['seconds']:g} s")
        await asyncio.sleep(_EVERY_S)
