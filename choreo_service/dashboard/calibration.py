"""HTTP for the guided minute; how it goes is told in the state, to every page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from aiohttp import web

from choreo_service.dashboard.requests import json_object, require_steering
from choreo_service.errors import ChoreoError

_EXAMPLE: Final = '{"name": "anna", "performer": 0, "replace": false, "seconds": [10, 30, 20]}'


class Calibration(Protocol):
    """Learns one body at a time beside the show."""

    async def begin(self, name: str, performer: int, *, replace: bool, seconds: Sequence[float] | None = None) -> None:
        """ChoreoError says why not."""
        ...

    def cancel(self) -> None: ...


class CalibrationRoutes:
    """`calibration` gives the show's; None where it has none."""

    def __init__(self, calibration: Callable[[], Calibration | None]) -> None:
        self._calibration = calibration

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post("/api/calibration", self._begin)
        router.add_delete("/api/calibration", self._cancel)

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        require_steering(request)
        words = await json_object(request)
        name, performer, seconds = words.get("name"), words.get("performer", 0), words.get("seconds")
        if not isinstance(name, str) or type(performer) is not int or not _are_seconds(seconds):
            raise web.HTTPBadRequest(text=f"expected {_EXAMPLE}\n")
        try:
            await self._found().begin(name, performer, replace=words.get("replace") is True, seconds=seconds)
        except ChoreoError as error:
            raise web.HTTPConflict(text=f"{error.problem}: {error.fix}\n") from None
        return web.Response(status=202)

    async def _cancel(self, request: web.Request) -> web.StreamResponse:
        require_steering(request)
        self._found().cancel()
        return web.Response(status=204)

    def _found(self) -> Calibration:
        if (calibration := self._calibration()) is None:
            raise web.HTTPNotFound(text="this show calibrates nobody\n")
        return calibration


def _are_seconds(found: Any) -> bool:
    """None, or numbers: how long each part lasts."""
    return found is None or (isinstance(found, list) and all(type(s) in (int, float) for s in found))
