"""Who may look and who may steer.

The page a performer has open in another tab can reach this machine's own addresses, so every request is judged by its
Host and Origin, on whatever address it comes in. Other machines are let in only where the user said so (`lan`), with a
token, to look; to steer they need the PIN too. A visitor on this machine needs neither.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from choreo_service.clock import NS, Clock

COOKIE: Final = "choreo"
LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_SESSIONS: Final = 64
_FREE_GUESSES: Final = 5  # wrong tokens or PINs before everybody elsewhere has to wait
_WAIT_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Rights:
    """What a visitor may do; looking is what everybody who is let in may."""

    may_steer: bool
    local: bool = False  # sits at the machine that choreo runs on


@dataclass(frozen=True, slots=True)
class Request:
    """What is judged of a request. `local_ip` is the address of ours it came in on."""

    host: str  # the Host header
    peer_ip: str
    local_ip: str
    headers: Mapping[str, str]
    cookie: str = ""


class Denied(Exception):
    """`status` is what HTTP answers, `reason` what people read."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Access:
    """The rules of one server. An empty `token` means that only this machine is served."""

    def __init__(self, clock: Clock, *, token: str, pin: str) -> None:
        self._clock, self._token, self._pin = clock, token, pin
        self._sessions: OrderedDict[str, Rights] = OrderedDict()
        self._wrong, self._closed_until_ns = 0, 0

    @property
    def has_pin(self) -> bool:
        return bool(self._pin)

    def check_page(self, request: Request) -> None:
        """Denied 403 for a request that a page of somebody else's brought about, or that came to a foreign name."""
        name = _hostname(request.host)
        if name not in LOOPBACK_NAMES and name != request.local_ip:
            self._deny(403, f"this is choreo, not {name or 'an unnamed host'}: open it by its address")
        origin = request.headers.get("Origin")
        if origin is not None and origin != f"http://{request.host}":
            self._deny(403, "pages of other sites may not talk to choreo")
        if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            self._deny(403, "pages of other sites may not talk to choreo")

    def rights(self, request: Request) -> Rights:
        """What the visitor may do, after `check_page`; Denied 401 where the token is missing."""
        if _is_loopback(request.peer_ip) and _hostname(request.host) in LOOPBACK_NAMES:
            return Rights(may_steer=True, local=True)
        rights = self._sessions.get(request.cookie) if request.cookie else None
        if rights is not None:
            self._sessions.move_to_end(request.cookie)
            return rights
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and self._is_token(given):
            return Rights(may_steer=False)
        self._deny(401, "open the address with the token, as printed where choreo runs")
        raise AssertionError

    def enter(self, token: str, pin: str) -> tuple[str, Rights]:
        """A cookie for who knows the token; with the PIN it may steer. Denied 401 for a wrong one, 429 after many."""
        if self._clock.now_ns() < self._closed_until_ns:
            self._deny(429, f"too many wrong tries: wait {_WAIT_S:g} s")
        if not self._is_token(token):
            self._guessed_wrong("wrong token: open the address as printed where choreo runs")
        if pin and not (self._pin and _same(pin, self._pin)):
            self._guessed_wrong("wrong PIN" if self._pin else "no PIN is set: dashboard.pin in the configuration")
        self._wrong = 0
        cookie, rights = secrets.token_urlsafe(32), Rights(may_steer=bool(pin))
        self._sessions[cookie] = rights
        if len(self._sessions) > _MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return cookie, rights

    def _is_token(self, given: str) -> bool:
        return bool(self._token) and _same(given, self._token)

    def _guessed_wrong(self, reason: str) -> None:
        self._wrong += 1
        if self._wrong >= _FREE_GUESSES:
            self._wrong, self._closed_until_ns = 0, self._clock.now_ns() + round(_WAIT_S * NS)
        self._deny(401, reason)

    def _deny(self, status: int, reason: str) -> None:
        raise Denied(status, reason)


def _same(given: str, kept: str) -> bool:
    """Also for what is no Unicode: a stranger's bytes come as lone surrogates."""
    return hmac.compare_digest(given.encode(errors="surrogatepass"), kept.encode())


def _hostname(host: str) -> str:
    """The name in a Host header without its port; "" where it can't be read."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip.removeprefix("::ffff:")).is_loopback
    except ValueError:
        return False
