"""HTTP for errands: begin one, ask how it goes, fetch what it brought."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from choreo_service.dashboard.errands import plans
from choreo_service.dashboard.errands.errands import Errand, Errands
from choreo_service.dashboard.requests import json_object, require_steering
from choreo_service.dashboard.takes.reader import take_path
from choreo_service.errors import ChoreoError


class ErrandsRoutes:
    """Errands on takes of one folder, reports go into another; `arguments` choose the configuration that plays."""

    def __init__(self, errands: Errands, *, recordings: Path, reports: Path, arguments: Sequence[str]) -> None:
        self._errands, self._recordings = errands, recordings
        self._reports, self._arguments = reports, arguments

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_post("/api/errands", self._begin)
        router.add_get(r"/api/errands/{number:\d{1,9}}", self._told)
        router.add_get(r"/api/errands/{number:\d{1,9}}/answer", self._answer)
        router.add_get(r"/api/errands/{number:\d{1,9}}/file", self._file)

    async def _begin(self, request: web.Request) -> web.StreamResponse:
        """202 and where it stands; 409 with the reason."""
        require_steering(request)
        words = await json_object(request)
        try:
            plan = await asyncio.to_thread(self._plan, words)
            return web.json_response(self._errands.begin(plan).told(), status=202)
        except ChoreoError as error:
            raise web.HTTPConflict(text=f"{error.problem}: {error.fix}\n") from None

    def _plan(self, words: dict[str, Any]) -> plans.Plan:
        """Looks for the take on the disk: not on the loop."""
        match words.get("kind"):
            case "doctor":
                return plans.doctor(self._arguments)
            case "export":
                return plans.export(self._take(words), str(words.get("form", "")))
            case "report":
                performer = words.get("performer", 0)
                if type(performer) is not int or not 0 <= performer < 1000:
                    raise ChoreoError("performer: no such one", fix="count from 0")
                return plans.report(self._take(words), self._reports, performer, self._arguments)
            case other:
                raise ChoreoError(f"no errand {str(other)[:20]!r}", fix="choose doctor, export or report")

    def _take(self, words: dict[str, Any]) -> Path:
        return take_path(self._recordings, str(words.get("take", "")))

    async def _told(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self._found(request).told())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """What the last command printed."""
        errand = self._found(request)
        kind = "application/json" if errand.plan.kind == "doctor" else "text/plain"
        return web.Response(body=errand.printed, content_type=kind, charset="utf-8")

    async def _file(self, request: web.Request) -> web.StreamResponse:
        errand = self._found(request)
        if errand.result is None:
            raise web.HTTPNotFound(text="there is no file yet\n")
        named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(errand.result.name)}"}  # RFC 6266
        return web.FileResponse(errand.result, headers=named)

    def _found(self, request: web.Request) -> Errand:
        require_steering(request)
        errand = self._errands.find(int(request.match_info["number"]))
        if errand is None:
            raise web.HTTPNotFound(text="no such errand; only the last few are kept\n")
        return errand
