"""The same WebSocket as the page's, from another process: what is told is kept here, commands are answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp

from choreo_service.cli.shows import Show, read_show
from choreo_service.cli.top.address import Address
from choreo_service.dashboard import hot_frame
from choreo_service.errors import ChoreoError

HZ: Final = 15
ANSWER_S: Final = 3.0
_TRIES_S: Final = (0.25, 4.0)  # between two attempts: at first, at most
_PATIENCE: Final = aiohttp.ClientTimeout(total=5.0)


class Link:
    """Keeps connected while `run` runs. `changed` is called whenever something new was told."""

    def __init__(self, address: Address, performer: int = 0) -> None:
        self.address, self.performer = address, performer
        self.up = False
        self.refused = ""  # why the show doesn't let us in
        self.hello: Mapping[str, Any] = {}
        self.state: Mapping[str, Any] = {}
        self.controls: tuple[float, ...] = ()  # in the ranges of the control map
        self.changed: Callable[[], None] = lambda: None
        # Told its name, when another show answers at the address.
        self.is_another: Callable[[str], None] = lambda name: None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._waiting: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._number = 0

    async def run(self) -> None:
        """Connect, listen, and connect again, until cancelled."""
        wait_s = _TRIES_S[0]
        while True:
            try:
                async with _browser(self.address) as browser:
                    await self._listen(browser)
            except (aiohttp.ClientError, OSError, TimeoutError, ChoreoError) as error:
                self.refused = error.problem if isinstance(error, ChoreoError) else ""
            wait_s = _TRIES_S[0] if self.up else min(_TRIES_S[1], wait_s * 1.6)
            self._lost()
            await asyncio.sleep(wait_s)

    async def ask(self, verb: str, args: Mapping[str, Any] | None = None) -> tuple[bool, str]:
        """(done, reason); always answers, also when nobody is there."""
        return await self._request({"type": "cmd", "verb": verb, "args": dict(args or {})})

    async def _listen(self, browser: aiohttp.ClientSession) -> None:
        await _enter(browser, self.address)
        async with browser.ws_connect(f"{self.address.base}/ws", headers=_bearer(self.address)) as self._socket:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.BINARY:
                    self._frame(message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    await self._words(json.loads(message.data))
                self.changed()

    def _frame(self, data: bytes) -> None:
        _, _, *values = hot_frame.LAYOUT.unpack(data)
        self.controls = tuple(values[: len(self.hello["controls"])])

    async def _words(self, words: Mapping[str, Any]) -> None:
        if words["type"] == "ack" and (waiting := self._waiting.pop(words["id"], None)) is not None:
            waiting.set_result((words["ok"], words["reason"]))
        elif words["type"] == "state":
            self.state = words
        elif words["type"] == "hello":
            if words["version"] != hot_frame.VERSION:
                raise ChoreoError(f"the show speaks version {words['version']}", fix="use the choreo it runs with")
            if self.hello and words["show"] != self.hello["show"]:
                self.state, self.controls = {}, ()  # nothing of the one before is shown as its
                self.is_another(words["name"])
            self.hello, self.up, self.refused = words, True, ""
            await self._send({"type": "subscribe", "id": 0, "hz": HZ, "performer": self.performer})

    async def _request(self, words: Mapping[str, Any]) -> tuple[bool, str]:
        if not self.up:
            return False, "no connection to choreo"
        self._number += 1
        waiting: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = waiting
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._send({**words, "id": self._number})
                return await waiting
        except (TimeoutError, aiohttp.ClientError, OSError):
            return False, "no answer"
        finally:
            self._waiting.pop(self._number, None)

    async def _send(self, words: Mapping[str, Any]) -> None:
        if self._socket is not None:
            await self._socket.send_json(words)

    def _lost(self) -> None:
        self.up, self._socket = False, None
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result((False, "the connection was lost"))
        self.changed()


async def check(address: Address) -> Show:
    """The show that answers; ChoreoError where none does, or where it doesn't let us in."""
    try:
        async with _browser(address) as browser:
            await _enter(browser, address)
            async with browser.get(f"{address.base}/api/show", headers=_bearer(address)) as answer:
                if answer.status in (401, 403, 429):
                    raise ChoreoError(
                        f"{address.base}: {(await answer.text()).strip()}", fix="choreo top --url ADDRESS"
                    )
                return read_show(address.base, await answer.json() if answer.status == 200 else {})
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise ChoreoError(
            f"no show answers at {address.base} ({type(error).__name__})",
            fix="start one (choreo run, choreo demo), or give the address it prints: choreo top --url ADDRESS",
        ) from error
    except ValueError as error:
        raise ChoreoError(f"{address.base} is not choreo's page", fix="give the address choreo prints") from error


def _browser(address: Address) -> aiohttp.ClientSession:
    # Cookies of numeric addresses, which is what tablets use as well.
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True), timeout=_PATIENCE)


def _bearer(address: Address) -> dict[str, str]:
    return {"Authorization": f"Bearer {address.token}"} if address.token else {}


async def _enter(browser: aiohttp.ClientSession, address: Address) -> None:
    """With the PIN we may steer, by the session's cookie; without one the token is enough to look."""
    if not address.pin:
        return
    words = {"token": address.token, "pin": address.pin}
    async with browser.post(f"{address.base}/api/session", json=words) as answer:
        if answer.status != 200:
            raise ChoreoError((await answer.text()).strip(), fix="give --token and --pin of that show")
