"""What the page Config asks for: what is in effect, what a change would be, and the change written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from choreo_service.clock import Clock
from choreo_service.dashboard.configuration import Configuration
from choreo_service.dashboard.limits import Buckets
from choreo_service.dashboard.requests import RIGHTS, json_object, require_steering
from choreo_service.dashboard.wire import to_json


class Rewriting(Protocol):
    """Writes changes of the configuration into the user's file; answers `refused` in words and never raises."""

    async def propose(self, changes: Mapping[str, Any], *, local: bool) -> dict[str, Any]: ...

    async def apply(self, changes: Mapping[str, Any], version: str, *, local: bool) -> dict[str, Any]: ...


class ConfigurationRoutes:
    """`configuration` and `rewrite` say None for a show that was not read from files."""

    def __init__(
        self,
        clock: Clock,
        configuration: Callable[[], Configuration | None],
        rewrite: Callable[[], Rewriting | None],
    ) -> None:
        self._configuration, self._rewrite = configuration, rewrite
        self._buckets = Buckets(clock)

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/config", self._rows)
        router.add_post("/api/config", self._propose)
        router.add_post("/api/config/apply", self._apply)

    async def _rows(self, request: web.Request) -> web.StreamResponse:
        return _answer(self._configured(request).rows)

    async def _propose(self, request: web.Request) -> web.StreamResponse:
        """Judge changes; nothing is changed or written. `apply` says what writing them would be."""
        configuration, (changes, _) = self._configured(request), await _changes(request)
        told, rewrite = configuration.propose(changes), self._rewrite()
        if changes and not told["problems"] and rewrite is not None:
            told["apply"] = await rewrite.propose(changes, local=request[RIGHTS].local)
        return _answer(told)

    async def _apply(self, request: web.Request) -> web.StreamResponse:
        """Write changes that were looked at into the user's file."""
        configuration, (changes, version) = self._configured(request), await _changes(request)
        if not self._buckets.admit(request.remote or ""):
            raise web.HTTPTooManyRequests(text="too many changes\n")
        if (rewrite := self._rewrite()) is None:
            raise web.HTTPNotFound(text="this show was not read from files\n")
        wrong = [problem["problem"] for problem in configuration.propose(changes)["problems"]]
        told: dict[str, Any] = {"refused": "; ".join(wrong)}
        if not told["refused"]:
            told = await rewrite.apply(changes, version, local=request[RIGHTS].local)
        return _answer(told, status=409 if "refused" in told else 200)

    def _configured(self, request: web.Request) -> Configuration:
        """It names addresses and folders: for who may steer."""
        require_steering(request)
        if (configuration := self._configuration()) is None:
            raise web.HTTPNotFound(text="this show was started without a configuration\n")
        return configuration


async def _changes(request: web.Request) -> tuple[dict[str, Any], str]:
    """The changes, by key, and the version of the file they were shown against."""
    words = await json_object(request)
    changes, version = words.get("changes"), words.get("version", "")
    if not isinstance(changes, dict) or not isinstance(version, str):
        raise web.HTTPBadRequest(text='expected {"changes": {"engine.period_ms": 25}}\n')
    return changes, version


def _answer(facts: Any, *, status: int = 200) -> web.Response:
    return web.Response(text=to_json(facts), status=status, content_type="application/json")
