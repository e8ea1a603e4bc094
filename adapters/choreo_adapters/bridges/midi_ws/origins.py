"""Which pages may connect: any page in any tab can try to reach this machine, so Host and Origin are checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp import web

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


def is_welcome(request: web.Request, host: str, origins: Sequence[str]) -> bool:
    """Whether a page may connect to a server on `host`; a program, which has no Origin, always may."""
    try:
        asked = urlsplit(f"//{request.host}").hostname
        if asked not in (*LOOPBACK, host):
            return False  # a name that was rebound to this machine
        origin = request.headers.get("Origin")
        return origin is None or any(_matches(origin, allowed) for allowed in origins)
    except ValueError:
        return False  # no address at all, as http://[


def _matches(origin: str, allowed: str) -> bool:
    """`allowed` may end in :* for any port; scheme and host must always be equal."""
    if not allowed.endswith(":*"):
        return origin == allowed
    scheme_host = allowed.removesuffix(":*")
    given = urlsplit(origin)
    return origin != "null" and f"{given.scheme}://{given.hostname}" == scheme_host
