"""The page's life: find a port, serve, say goodbye. The supervisor runs it; the show never waits for it."""

from __future__ import annotations

import asyncio
import errno
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from choreo_service.clock import Clock
from choreo_service.config import ControlMap, DashboardSettings
from choreo_service.dashboard.access import Access
from choreo_service.dashboard.assets import load_assets
from choreo_service.dashboard.calibration import Calibration, CalibrationRoutes
from choreo_service.dashboard.configuration import Configuration
from choreo_service.dashboard.configuration_routes import ConfigurationRoutes, Rewriting
from choreo_service.dashboard.errands.errands import Errands
from choreo_service.dashboard.errands.routes import ErrandsRoutes
from choreo_service.dashboard.hub import Hub
from choreo_service.dashboard.metrics import Metrics
from choreo_service.dashboard.phones import PhonesRoutes
from choreo_service.dashboard.picture import Picture
from choreo_service.dashboard.server import CLOSE_S, Ask, Routes, Server
from choreo_service.dashboard.takes.routes import TakesRoutes
from choreo_service.dashboard.takes.shelf import Shelf
from choreo_service.errors import AdapterLost
from choreo_service.http_server import make_runner
from choreo_service.logs import get_logger

PORTS_TRIED: Final = 10  # a second choreo, or whatever holds the port, is no reason to play unseen


class Dashboard:
    """Serves the pages of one show. `address` is where, empty while closed."""

    def __init__(
        self,
        settings: DashboardSettings,
        clock: Clock,
        *,
        hub: Hub,
        picture: Picture,
        metrics: Metrics,
        ask: Ask,
        lan_address: Callable[[], str | None],
        recordings: Path,
        arguments: Sequence[str],
        sensors: Mapping[str, Any],
    ) -> None:
        """`recordings` is the folder of takes; with `arguments` a command reads the configuration that plays."""
        self._settings, self._clock = settings, clock
        self.hub, self._picture, self._metrics, self._ask = hub, picture, metrics, ask
        self._lan_address = lan_address
        self.shelf, self._errands = Shelf(recordings), Errands()
        self._recordings, self._arguments, self._sensors = recordings, arguments, sensors
        self.configuration: Configuration | None = None  # for the page Config; a show may have been built by hand
        self.calibration: Calibration | None = None  # likewise
        self.rewrite: Rewriting | None = None  # who writes its changes; None: this show was not read from files
        self.token = (settings.token or secrets.token_urlsafe(24)) if settings.lan else ""
        self.show_id = secrets.token_urlsafe(12)  # by which pages know that it is still the same show that answers
        self.port = 0
        self._last_port = 0  # opened before, by us or the engine before this one; pages look for us there
        self.lan_ip = ""

    @property
    def host(self) -> str:
        """What is listened on: this machine only, unless the user asked for the network."""
        return "0.0.0.0" if self._settings.lan and self._settings.host == "127.0.0.1" else self._settings.host

    def left(self) -> Mapping[str, Any]:
        """What the page of another engine needs to `go_on`: JSON types only."""
        return {
            "show_id": self.show_id,
            "token": self.token,
            "port": self.port or self._last_port,
            "wanted_port": self._settings.port,
        }

    def go_on(self, left: Mapping[str, Any]) -> None:
        """Be the page of the engine before this one, as it `left` it; before `run`. Where the configuration by now
        names another token or port, that one counts."""
        self.show_id = left["show_id"]
        if left["token"] and self.token and not self._settings.token:
            self.token = left["token"]
        if left["wanted_port"] == self._settings.port:
            self._last_port = left["port"]

    def follow(self, configuration: Configuration, control_map: ControlMap) -> None:
        """Another configuration is in effect; pages that are open show its ranges when they are loaded again."""
        self.configuration = configuration
        self.show_map(control_map)

    def show_map(self, control_map: ControlMap) -> None:
        """Pages that are opened from now on show its ranges."""
        self._picture.control_map = control_map

    def addresses(self) -> list[str]:
        """What to open, for people; the one for other machines carries the token."""
        if not self.port:
            return []
        here = f"http://127.0.0.1:{self.port}" if self.host in ("0.0.0.0", "127.0.0.1") else ""
        return [address for address in (here, self.away()) if address]

    def away(self) -> str:
        """What other machines open, with the token; "" where they aren't let in."""
        return f"http://{self.lan_ip}:{self.port}/#token={self.token}" if self._settings.lan and self.lan_ip else ""

    async def run(self) -> None:
        """Serve until cancelled; AdapterLost where no port can be had, which is tried again."""
        assets = await asyncio.to_thread(load_assets)
        server = Server(
            clock=self._clock,
            hub=self.hub,
            picture=self._picture,
            metrics=self._metrics,
            access=Access(self._clock, token=self.token, pin=self._settings.pin),
            ask=self._ask,
            assets=assets,
            routes=self._routes(),
            away=self.away,
            show_id=self.show_id,
            configuration=lambda: self.configuration,
            max_pages=self._settings.max_pages,
        )
        malformed = self._metrics.malformed
        runner = make_runner(server.application(), door="dashboard", malformed=malformed, close_s=CLOSE_S)
        await runner.setup()
        try:
            self.lan_ip = await asyncio.to_thread(self._own_ip) if self._settings.lan else ""
            await self._listen(runner)
            get_logger().info("dashboard.open", address=f"http://{self.host}:{self.port}", lan=self._settings.lan)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._errands.run())
                await self.hub.pump()
        finally:
            self.port = 0
            for client in self.hub.clients:
                client.leave()
            await runner.cleanup()
            await self.shelf.close()

    def _routes(self) -> list[Routes]:
        recordings, reports = self._recordings, self._recordings.parent / "reports"
        return [
            TakesRoutes(self.shelf, reports),
            CalibrationRoutes(lambda: self.calibration),
            ConfigurationRoutes(self._clock, lambda: self.configuration, lambda: self.rewrite),
            PhonesRoutes(self._sensors, self._lan_address),
            ErrandsRoutes(self._errands, recordings=recordings, reports=reports, arguments=self._arguments),
        ]

    def _ports(self) -> list[int]:
        """What to try, in order; 0: any."""
        wanted = self._settings.port
        ports = list(range(wanted, min(wanted + PORTS_TRIED, 65536))) if wanted else [0]
        return [self._last_port, *ports] if self._last_port else ports

    async def _listen(self, runner: web.AppRunner) -> None:
        ports = self._ports()
        for port in ports:
            try:
                await web.TCPSite(runner, self.host, port).start()
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise AdapterLost(
                        f"dashboard: can't listen on {self.host}:{port}: {error.strerror}",
                        fix="set dashboard.host to an address of this machine, or leave it out",
                    ) from error
                continue
            self.port = self._last_port = int(runner.addresses[0][1])
            if port != ports[0]:
                cause = "in use by another program"
                get_logger().warning("dashboard.port", wanted=ports[0], got=self.port, cause=cause)
            return
        wanted = self._settings.port
        raise AdapterLost(
            f"dashboard: ports {wanted} to {wanted + PORTS_TRIED - 1} are all in use",
            fix="end the other programs, or choose another: -o dashboard.port=9100",
        )

    def _own_ip(self) -> str:
        return self._lan_address() or "" if self.host == "0.0.0.0" else self.host
