"""HTTP for the page Takes: the list, the curves of one, its tags, its groove report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Final

from aiohttp import web

from choreo_service.dashboard.errands.plans import report_folder
from choreo_service.dashboard.requests import LONGEST_S, json_object, number, require_steering
from choreo_service.dashboard.takes.shelf import Shelf, Unreadable

_EXCERPT: Final = {"performer": 0.0, "from": 0.0, "to": LONGEST_S, "points": 1500.0}
# A report brings its own style and drawings, and needs nothing else: no script, no address, shown inside the page only.
_REPORT_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
    "Cache-Control": "no-cache",
}


class TakesRoutes:
    """The takes of one folder, for visitors of a page."""

    def __init__(self, shelf: Shelf, reports: Path) -> None:
        self._shelf, self._reports = shelf, reports

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/takes", self._list)
        router.add_get("/api/takes/{name}", self._curves)
        router.add_put("/api/takes/{name}/tags", self._tag)
        router.add_get("/api/takes/{name}/report", self._report)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=await _read(self._shelf.list()), content_type="application/json")

    async def _curves(self, request: web.Request) -> web.StreamResponse:
        """As bytes (takes/reader.py): an hour of JSON would stall the loop."""
        asked = {key: number(request, key, default) for key, default in _EXCERPT.items()}
        excerpt = self._shelf.open(
            request.match_info["name"],
            performer=int(asked["performer"]),
            begin_s=asked["from"],
            end_s=asked["to"],
            points=int(asked["points"]),
        )
        return web.Response(body=await _read(excerpt), content_type="application/octet-stream")

    async def _tag(self, request: web.Request) -> web.StreamResponse:
        require_steering(request)
        tags = (await json_object(request)).get("tags")
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise web.HTTPBadRequest(text='expected {"tags": ["berlin", "premiere"]}\n')
        try:
            done = await self._shelf.tag(request.match_info["name"], tags)
        except Unreadable as error:
            raise web.HTTPConflict(text=f"{error}\n") from None
        return web.Response(body=done, content_type="application/json")

    async def _report(self, request: web.Request) -> web.StreamResponse:
        name, performer = request.match_info["name"], int(number(request, "performer", 0.0))
        page = report_folder(self._reports, Path(name).name, performer) / "report.html"
        if Path(name).name != name or not await asyncio.to_thread(page.is_file):
            raise web.HTTPNotFound(text=f"no report yet: choreo-lab report {name}\n")
        return web.FileResponse(page, headers=_REPORT_HEADERS)


async def _read(answer: Awaitable[bytes]) -> bytes:
    try:
        return await answer
    except Unreadable as error:
        raise web.HTTPNotFound(text=f"{error}\n") from None
