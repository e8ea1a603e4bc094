"""The port in the local network's list of services (mDNS, `_osc._udp`), for apps that browse it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

SERVICE: Final = "_osc._udp.local."
FAREWELL_S: Final = 0.7  # what the end may wait for the network to be told


class Announcement:
    """One service called "choreo on MACHINE", as long as `serve` runs. Needs the zeroconf package (`[discover]`).

    zeroconf works in a thread of its own: looking for a free name takes a second and a half, and interfaces can hang.
    Whatever goes wrong there is a state, never an exception: phones can always be told the address by hand.
    """

    def __init__(self) -> None:
        self._state: Mapping[str, str] = {"state": "off"}
        self._zeroconf = _imported()  # here, before the loop runs: the import takes a tenth of a second

    @property
    def state(self) -> Mapping[str, str]:
        """`state`, with the `name` it is listed under, the `reason` it isn't, or a `hint`."""
        return self._state

    async def serve(self, host: str, port: int) -> None:
        """Announce `port` of `host` (0.0.0.0: every address of this machine) until cancelled."""
        if self._zeroconf is None:
            self._become("not installed", hint="pip install 'choreo-service[discover]'")
            await asyncio.get_running_loop().create_future()
        loop, ended, gone = asyncio.get_running_loop(), threading.Event(), asyncio.Event()

        def told() -> None:
            with suppress(RuntimeError):  # the loop is closed: nobody waits for us any more
                loop.call_soon_threadsafe(gone.set)

        threading.Thread(target=self._announce, args=(host, port, ended, told), name="mdns", daemon=True).start()
        try:
            await loop.create_future()
        finally:
            ended.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await gone.wait()

    def _announce(self, host: str, port: int, ended: threading.Event, told: Any) -> None:
        """In the thread."""
        network = None
        try:
            self._become("starting")
            network = self._zeroconf.Zeroconf() if _any(host) else self._zeroconf.Zeroconf(interfaces=[host])
            info = _service(self._zeroconf, host, port)
            network.register_service(info, allow_name_change=True)
            if not ended.is_set():  # the sensor may be gone already: looking for a name takes a while
                self._become("announced", name=info.name.removesuffix(f".{SERVICE}"))
            ended.wait()
        except Exception as error:  # noqa: BLE001 - no network, no multicast, no permission: the show needs none of it
            self._become("failed", reason=f"{type(error).__name__}: {error}".rstrip(": "))
        finally:
            if network is not None:
                network.close()
            if ended.is_set():
                self._become("off")
            told()

    def _become(self, state: str, **facts: str) -> None:
        self._state = {"state": state, **facts}


def _imported() -> Any:
    try:
        import zeroconf
    except ImportError:
        return None
    return zeroconf


def _service(zeroconf: Any, host: str, port: int) -> Any:
    machine = socket.gethostname().partition(".")[0] or "this machine"
    # Without addresses zeroconf's own host name would have to be looked up: give those it listens on.
    addresses = _own_addresses() if _any(host) else [host]
    packed = [socket.inet_pton(socket.AF_INET6 if ":" in a else socket.AF_INET, a) for a in addresses]
    return zeroconf.ServiceInfo(
        SERVICE, f"choreo on {machine}.{SERVICE}", addresses=packed, port=port, server=f"{machine}.local."
    )


def _own_addresses() -> list[str]:
    import ifaddr  # zeroconf's own way to find interfaces

    found = (ip.ip for adapter in ifaddr.get_adapters() for ip in adapter.ips if ip.is_IPv4)
    return [str(ip) for ip in found if not is_loopback(str(ip))]


def is_loopback(host: str) -> bool:
    """Whether only this machine can send there."""
    return ipaddress.ip_address(host).is_loopback


def _any(host: str) -> bool:
    return ipaddress.ip_address(host).is_unspecified
