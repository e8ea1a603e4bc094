"""The HTTP side: pages, one WebSocket, commands, health and metrics, in the daemon's own loop."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

from aiohttp import web

from choreo_service.clock import NS, Clock
from choreo_service.dashboard.access import COOKIE, Access, Denied, Request, Rights
from choreo_service.dashboard.assets import Asset
from choreo_service.dashboard.configuration import Configuration
from choreo_service.dashboard.hub import Hub
from choreo_service.dashboard.limits import Buckets
from choreo_service.dashboard.metrics import CONTENT_TYPE, Metrics
from choreo_service.dashboard.picture import Picture
from choreo_service.dashboard.qr import qr_modules
from choreo_service.dashboard.takes.shelf import Shelf, Unreadable
from choreo_service.dashboard.talk import Talk
from choreo_service.dashboard.wire import to_json
from choreo_service.desk import Ack

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY: Final = 16 * 1024
CLOSE_S: Final = 0.5  # how long a page may take to say goodbye
_STALE_NS: Final = NS  # no tick for this long: not healthy
_LONGEST_S: Final = 1e6
_EXCERPT: Final = {"performer": 0.0, "from": 0.0, "to": _LONGEST_S, "points": 1500.0}
_RIGHTS: Final = web.RequestKey("rights", Rights)
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Ask(Protocol):
    """Words to the service's one desk; never raises."""

    def __call__(self, verb: str, args: Any, door: str) -> Ack: ...


class Rewriting(Protocol):
    """Writes changes of the configuration into the user's file; answers `refused` in words and never raises."""

    async def propose(self, changes: Mapping[str, Any], *, local: bool) -> dict[str, Any]: ...

    async def apply(self, changes: Mapping[str, Any], version: str, *, local: bool) -> dict[str, Any]: ...


class Server:
    """Builds the application; who listens where is the caller's choice."""

    def __init__(
        self,
        *,
        clock: Clock,
        hub: Hub,
        picture: Picture,
        metrics: Metrics,
        access: Access,
        ask: Ask,
        assets: Mapping[str, Asset],
        shelf: Shelf,
        away: Callable[[], str],
        configuration: Callable[[], Configuration | None],
        rewrite: Callable[[], Rewriting | None],
        max_pages: int,
    ) -> None:
        """`away` is the address for other machines, token included; "" where there is none."""
        self._clock, self._hub, self._picture, self._metrics = clock, hub, picture, metrics
        self._access, self._ask, self._assets, self._max_pages = access, ask, assets, max_pages
        self._shelf, self._away, self._configuration, self._rewrite = shelf, away, configuration, rewrite
        self._buckets = Buckets(clock)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._checked], client_max_size=MAX_BODY)
        for path in self._assets:
            app.router.add_get(path, self._asset)
        app.router.add_post("/api/session", self._enter)
        app.router.add_get("/ws", self._socket)
        app.router.add_post("/api/command", self._command)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/incoming", self._incoming)
        app.router.add_get("/api/takes", self._takes)
        app.router.add_get("/api/takes/{name}", self._take)
        app.router.add_get("/api/config", self._config)
        app.router.add_post("/api/config", self._propose)
        app.router.add_post("/api/config/apply", self._apply)
        app.router.add_get("/api/invitation", self._invitation)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._prometheus)
        return app

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every request, whatever it asks for, passes here first. The pages' files are no secret; what moves is."""
        asked = _judged(request)
        try:
            self._access.check_page(asked)
            if request.path not in self._assets and request.path != "/api/session":
                request[_RIGHTS] = self._access.rights(asked)
            response = await handler(request)
        except Denied as denied:
            response = web.Response(status=denied.status, text=f"{denied.reason}\n")
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text)
        if not response.prepared:
            response.headers.update(_HEADERS)
        return response

    async def _asset(self, request: web.Request) -> web.StreamResponse:
        asset = self._assets[request.path]
        headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == asset.etag:
            return web.Response(status=304, headers=headers)
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=asset.body, content_type=asset.mime, charset="utf-8", headers=headers)
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=asset.packed, content_type=asset.mime, charset="utf-8", headers=headers)

    async def _enter(self, request: web.Request) -> web.StreamResponse:
        words = await _json(request)
        token, pin = words.get("token"), words.get("pin", "")
        if not isinstance(token, str) or not isinstance(pin, str):
            raise web.HTTPBadRequest(text='expected {"token": "...", "pin": "..."}\n')
        cookie, rights = self._access.enter(token, pin)
        response = web.json_response({"may_steer": rights.may_steer})
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="Strict", path="/")
        return response

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        if len(self._hub.clients) >= self._max_pages:
            raise web.HTTPServiceUnavailable(text=f"{self._max_pages} pages are open already: close one\n")
        may_steer = request[_RIGHTS].may_steer
        hello = self._picture.hello(may_steer=may_steer, pin=self._access.has_pin)
        return await Talk(self._clock, self._hub, self._ask, may_steer=may_steer).serve(request, to_json(hello))

    async def _command(self, request: web.Request) -> web.StreamResponse:
        if not request[_RIGHTS].may_steer:
            raise web.HTTPForbidden(text="this visitor may only look\n")
        if not self._buckets.admit(request.remote or ""):
            raise web.HTTPTooManyRequests(text="too many commands\n")
        words = await _json(request)
        ack = self._ask(str(words.get("verb", "")), words.get("args", {}), "http")
        return web.json_response({"ok": ack.ok, "reason": ack.reason}, status=200 if ack.ok else 409)

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=to_json(self._picture.state()), content_type="application/json")

    async def _incoming(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=to_json(self._picture.incoming()), content_type="application/json")

    async def _takes(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=await _read(self._shelf.list()), content_type="application/json")

    async def _take(self, request: web.Request) -> web.StreamResponse:
        """The curves of one take as bytes (takes/reader.py): an hour of JSON would stall the loop."""
        asked = {key: _number(request, key, default) for key, default in _EXCERPT.items()}
        excerpt = self._shelf.open(
            request.match_info["name"],
            performer=int(asked["performer"]),
            begin_s=asked["from"],
            end_s=asked["to"],
            points=int(asked["points"]),
        )
        return web.Response(body=await _read(excerpt), content_type="application/octet-stream")

    async def _config(self, request: web.Request) -> web.StreamResponse:
        rows = self._configured(request).rows
        return web.Response(text=to_json(rows), content_type="application/json")

    async def _propose(self, request: web.Request) -> web.StreamResponse:
        """Judge changes; nothing is changed or written. `apply` says what writing them would be."""
        configuration, (changes, _) = self._configured(request), await _changes(request)
        told, rewrite = configuration.propose(changes), self._rewrite()
        if changes and not told["problems"] and rewrite is not None:
            told["apply"] = await rewrite.propose(changes, local=request[_RIGHTS].local)
        return web.Response(text=to_json(told), content_type="application/json")

    async def _apply(self, request: web.Request) -> web.StreamResponse:
        """Write changes that were looked at into the user's file."""
        configuration, (changes, version) = self._configured(request), await _changes(request)
        if not self._buckets.admit(request.remote or ""):
            raise web.HTTPTooManyRequests(text="too many changes\n")
        if (rewrite := self._rewrite()) is None:
            raise web.HTTPNotFound(text="this show was not read from files\n")
        told: dict[str, Any] = {"refused": "; ".join(configuration.propose(changes)["problems"])}
        if not told["refused"]:
            told = await rewrite.apply(changes, version, local=request[_RIGHTS].local)
        status = 409 if "refused" in told else 200
        return web.Response(text=to_json(told), status=status, content_type="application/json")

    def _configured(self, request: web.Request) -> Configuration:
        """It names addresses and folders: for who may steer."""
        if not request[_RIGHTS].may_steer:
            raise web.HTTPForbidden(text="this visitor may only look\n")
        if (configuration := self._configuration()) is None:
            raise web.HTTPNotFound(text="this show was started without a configuration\n")
        return configuration

    async def _invitation(self, request: web.Request) -> web.StreamResponse:
        """The address for a tablet with a code to scan; only for who may steer, as it holds the token."""
        if not request[_RIGHTS].may_steer:
            raise web.HTTPForbidden(text="this visitor may only look\n")
        address = self._away()
        return web.json_response({"address": address, "modules": qr_modules(address) if address else []})

    async def _healthz(self, request: web.Request) -> web.StreamResponse:
        """200 while the tick runs, else 503: what a container or watchdog needs to know, and no more."""
        step = self._hub.step
        age_ns = self._clock.now_ns() - step.frame.t_ns if step else None
        alive = age_ns is not None and age_ns < _STALE_NS
        facts = {"ok": alive, "last_tick_s": None if age_ns is None else round(age_ns / NS, 3)}
        return web.json_response(facts, status=200 if alive else 503)

    async def _prometheus(self, request: web.Request) -> web.StreamResponse:
        return web.Response(body=self._metrics.page(), headers={"Content-Type": CONTENT_TYPE})


def _judged(request: web.Request) -> Request:
    transport = request.transport
    local = transport.get_extra_info("sockname") if transport is not None else None
    return Request(
        host=request.headers.get("Host", ""),
        peer_ip=request.remote or "",
        local_ip=str(local[0]) if local else "",
        headers=request.headers,
        cookie=request.cookies.get(COOKIE, ""),
    )


async def _read(answer: Awaitable[bytes]) -> bytes:
    try:
        return await answer
    except Unreadable as error:
        raise web.HTTPNotFound(text=f"{error}\n") from None


def _number(request: web.Request, key: str, default: float) -> float:
    try:
        value = float(request.query.get(key, default))
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= _LONGEST_S:
        raise web.HTTPBadRequest(text=f"{key}: expected a number from 0 to {_LONGEST_S:g}\n")
    return value


async def _changes(request: web.Request) -> tuple[dict[str, Any], str]:
    """The changes, by key, and the version of the file they were shown against."""
    words = await _json(request)
    changes, version = words.get("changes"), words.get("version", "")
    if not isinstance(changes, dict) or not isinstance(version, str):
        raise web.HTTPBadRequest(text='expected {"changes": {"engine.period_ms": 25}}\n')
    return changes, version


async def _json(request: web.Request) -> dict[str, Any]:
    """The body; a form of another site can't send this content type without asking first, which we don't answer."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="expected Content-Type: application/json\n")
    try:
        words = json.loads(await request.text())
    except (ValueError, RecursionError):
        raise web.HTTPBadRequest(text="this is no JSON\n") from None
    if not isinstance(words, dict):
        raise web.HTTPBadRequest(text="expected a JSON object\n")
    return words
