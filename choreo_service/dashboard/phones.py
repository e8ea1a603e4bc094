"""What the page tells somebody with a phone in their hand: where to send, a code to scan, the steps of each app."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from aiohttp import web

from choreo_service.dashboard.qr import qr_modules


class AppGuide(Protocol):
    """One app, as a sensor that hears it describes it."""

    @property
    def app(self) -> str: ...

    @property
    def steps(self) -> Sequence[str]: ...


@runtime_checkable
class HearsPhones(Protocol):
    """A sensor that phones send to. `health()["target"]` is where it listens, HOST:PORT."""

    def guides(self, host: str, port: int) -> Sequence[AppGuide]: ...

    def pairing_link(self, host: str, port: int) -> str: ...

    def health(self) -> Mapping[str, Any]: ...


class PhonesRoutes:
    """`own_address` is this machine's in the network; None without one. It may block."""

    def __init__(self, sensors: Mapping[str, Any], own_address: Callable[[], str | None]) -> None:
        self._sensors, self._own_address = sensors, own_address

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/api/phones", self._phones)

    async def _phones(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(list(self._told(await asyncio.to_thread(self._own_address))))

    def _told(self, own: str | None) -> Iterator[dict[str, Any]]:
        for name, sensor in self._sensors.items():
            if not isinstance(sensor, HearsPhones):
                continue
            host, _, number = str(sensor.health()["target"]).rpartition(":")
            address, port = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host), int(number)
            reached = own or "" if address.is_loopback or address.is_unspecified else str(address)
            link = sensor.pairing_link(reached, port) if reached else ""
            yield {
                "sensor": name,
                "host": reached,
                "port": port,
                "heard": not address.is_loopback,  # by this show, from elsewhere than this machine
                "link": link,
                "modules": qr_modules(link) if link else [],
                "apps": [{"app": guide.app, "steps": list(guide.steps)} for guide in sensor.guides(reached, port)],
            }
