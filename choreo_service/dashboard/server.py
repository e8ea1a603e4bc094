"""The HTTP side: pages, one WebSocket, commands, health and metrics, in the daemon's own loop."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from aiohttp import web

from choreo_service.clock import NS, Clock
from choreo_service.dashboard.access import COOKIE, Access, Denied, Request
from choreo_service.dashboard.assets import Asset
from choreo_service.dashboard.configuration import Configuration
from choreo_service.dashboard.hub import Hub
from choreo_service.dashboard.limits import Buckets
from choreo_service.dashboard.metrics import CONTENT_TYPE, Metrics
from choreo_service.dashboard.picture import Picture
from choreo_service.dashboard.qr import qr_modules
from choreo_service.dashboard.requests import RIGHTS, json_object, require_steering
from choreo_service.dashboard.talk import Talk
from choreo_service.dashboard.wire import to_json
from choreo_service.desk import Ack

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY: Final = 16 * 1024
CLOSE_S: Final = 0.5  # how long a page may take to say goodbye
_STALE_NS: Final = NS  # no tick for this long: not healthy
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


class Routes(Protocol):
    """The handlers of one page."""

    def add_to(self, router: web.UrlDispatcher) -> None: ...


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
        routes: Sequence[Routes],
        away: Callable[[], str],
        show_id: str,
        configuration: Callable[[], Configuration | None],
        max_pages: int,
    ) -> None:
        """`away` is the address for other machines, token included; "" where there is none. `show_id` is told to pages,
        which then see when it is another show that answers; `configuration` of one that was read from files gives its
        name.
        """
        self._clock, self._hub, self._picture, self._metrics = clock, hub, picture, metrics
        self._access, self._ask, self._assets, self._max_pages = access, ask, assets, max_pages
        self._routes, self._away, self._show_id = routes, away, show_id
        self._configuration = configuration
        self._buckets = Buckets(clock)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._checked], client_max_size=MAX_BODY)
        for path in self._assets:
            app.router.add_get(path, self._asset)
        app.router.add_post("/api/session", self._enter)
        app.router.add_get("/ws", self._socket)
        app.router.add_post("/api/command", self._command)
        app.router.add_get("/api/show", self._show)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/incoming", self._incoming)
        app.router.add_get("/api/invitation", self._invitation)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/metrics", self._prometheus)
        for routes in self._routes:
            routes.add_to(app.router)
        return app

    @web.middleware
    async def _checked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every request, whatever it asks for, passes here first. The pages' files are no secret; what moves is."""
        asked = _judged(request)
        try:
            self._access.check_page(asked)
            if request.path not in self._assets and request.path != "/api/session":
                request[RIGHTS] = self._access.rights(asked)
            response = await handler(request)
        except Denied as denied:
            reason = denied.reason.encode(errors="replace")  # a Host may be no Unicode
            response = web.Response(
                status=denied.status, body=reason + b"\n", content_type="text/plain", charset="utf-8"
            )
        except web.HTTPException as error:
            response = web.Response(status=error.status, text=error.text)
        if not response.prepared:
            for name, value in _HEADERS.items():
                response.headers.setdefault(name, value)
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
        words = await json_object(request)
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
        may_steer = request[RIGHTS].may_steer
        hello = self._picture.hello(
            show_id=self._show_id, name=self._name(), may_steer=may_steer, pin=self._access.has_pin
        )
        return await Talk(self._clock, self._hub, self._ask, may_steer=may_steer).serve(request, to_json(hello))

    async def _command(self, request: web.Request) -> web.StreamResponse:
        require_steering(request)
        if not self._buckets.admit(request.remote or ""):
            raise web.HTTPTooManyRequests(text="too many commands\n")
        words = await json_object(request)
        ack = self._ask(str(words.get("verb", "")), words.get("args", {}), "http")
        return web.json_response({"ok": ack.ok, "reason": ack.reason}, status=200 if ack.ok else 409)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        """Which show answers here; what it is on this machine is for programs of this machine."""
        card, read = self._picture.card(show_id=self._show_id, name=self._name()), self._configuration()
        here = {"home": read.home if read is not None else "", "process": os.getpid()}
        return web.json_response({**card, **(here if request[RIGHTS].local else {"home": "", "process": 0})})

    def _name(self) -> str:
        read = self._configuration()
        return "" if read is None else read.name

    async def _state(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=to_json(self._picture.state()), content_type="application/json")

    async def _incoming(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=to_json(self._picture.incoming()), content_type="application/json")

    async def _invitation(self, request: web.Request) -> web.StreamResponse:
        """The address for a tablet with a code to scan; only for who may steer, as it holds the token."""
        require_steering(request)
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
