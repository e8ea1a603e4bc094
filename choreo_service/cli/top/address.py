"""Where the show is and what lets us in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from choreo_service.cli.shows import PORT
from choreo_service.errors import ChoreoError

_FIX = "copy the address choreo prints behind `open page`, or leave --url out on the machine that plays"


@dataclass(frozen=True, slots=True)
class Address:
    """`base` is http://host:port; `token` and `pin` are empty on the machine that plays."""

    base: str
    token: str = ""
    pin: str = ""


def read_address(url: str, token: str = "", pin: str = "") -> Address:
    """As printed, with or without `#token=`; a token given beside it counts. ChoreoError for anything else."""
    try:
        parts = urlsplit(url if "//" in url else f"http://{url}")
        host, port = parts.hostname, parts.port or PORT
    except ValueError:
        host = None
    if not host or parts.scheme != "http":
        raise ChoreoError(f"{url[:80]!r} is no address of a show: expected http://HOST:PORT", fix=_FIX)
    given = parse_qs(parts.fragment).get("token", [""])[0]
    named = f"[{host}]" if ":" in host else host
    return Address(f"http://{named}:{port}", token or given, pin)
