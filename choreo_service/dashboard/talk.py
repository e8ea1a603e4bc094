"""One WebSocket: JSON in, JSON and hot frames out.

In: `{"type": "subscribe", "id", "hz", "performer"}`, `{"type": "cmd", "id", "verb", "args"}`; each is answered by
`{"type": "ack", "id", "ok", "reason"}`. Out: `hello` once, `state`, `event`, `ack` as text, the hot frame as binary.
"""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from typing import TYPE_CHECKING, Any, Final

from aiohttp import WSMsgType, web

from choreo_service.clock import NS, Clock
from choreo_service.dashboard.client import FASTEST_HZ, SLOWEST_HZ, Client
from choreo_service.dashboard.hub import Hub
from choreo_service.dashboard.limits import Bucket
from choreo_service.dashboard.wire import to_json
from choreo_service.desk import Ack

if TYPE_CHECKING:
    from choreo_service.dashboard.server import Ask

MAX_MESSAGE: Final = 16 * 1024
_HEARTBEAT_S: Final = 10.0  # finds a page that vanished without a word
_CLOSE_S: Final = 0.5
_WAITING_BYTES: Final = 16 * 1024  # in our own buffer, before sending waits
_KERNEL_BYTES: Final = 32 * 1024  # a page that stalls must not come back to minutes of old frames


class Talk:
    """Serves one page from hello to goodbye."""

    def __init__(self, clock: Clock, hub: Hub, ask: Ask, *, may_steer: bool) -> None:
        self._clock, self._hub, self._ask = clock, hub, ask
        self._client = Client(clock, may_steer=may_steer)
        self._bucket = Bucket(clock)

    async def serve(self, request: web.Request, hello: str) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE,
            heartbeat=_HEARTBEAT_S,
            timeout=_CLOSE_S,
            compress=False,
            writer_limit=_WAITING_BYTES,
        )
        await socket.prepare(request)
        raw = request.transport.get_extra_info("socket") if request.transport else None
        if raw is not None:
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, _KERNEL_BYTES)
        self._client.put_text(hello)
        self._client.let_go = request.transport.abort if request.transport else None
        self._hub.join(self._client)
        try:
            async with asyncio.TaskGroup() as tasks:
                feeding = tasks.create_task(self._feed(socket))
                await self._listen(socket, request)
                feeding.cancel()
        finally:
            self._hub.leave(self._client)
            await socket.close()
        return socket

    async def _feed(self, socket: web.WebSocketResponse) -> None:
        client = self._client
        try:
            while True:
                await client.ready.wait()
                client.ready.clear()
                while (message := client.take()) is not None:
                    client.began()
                    await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))
                    client.ended()
                if client.leaving:
                    await socket.close(code=1001)  # RFC 6455: going away
                    return
        except ConnectionError:
            return  # the listener notices too

    async def _listen(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        async for message in socket:
            wait_s = self._bucket.take()
            if wait_s:  # not reading is what slows a flood down: its own network buffers fill
                if request.transport is None:
                    return  # it left; what its flood still wants would take minutes, and the place of another page
                await self._clock.sleep_until(self._clock.now_ns() + round(wait_s * NS))
            if message.type is WSMsgType.TEXT:
                self._client.put_text(self._answer(message.data))

    def _answer(self, text: str) -> str:
        try:
            words = json.loads(text)
        except (ValueError, RecursionError):
            words = None
        if not isinstance(words, dict):
            return _ack(None, Ack(False, "expected a JSON object"))
        match words.get("type"):
            case "cmd":
                ack = self._command(words)
            case "subscribe":
                ack = self._subscribe(words)
            case other:
                ack = Ack(False, f"unknown type {str(other)[:40]!r}; expected cmd or subscribe")
        return _ack(words.get("id"), ack)

    def _command(self, words: dict[str, Any]) -> Ack:
        if not self._client.may_steer:
            return Ack(False, "this page may only look; enter the PIN to steer")
        return self._ask(str(words.get("verb", "")), words.get("args", {}), "websocket")

    def _subscribe(self, words: dict[str, Any]) -> Ack:
        hz, performer = words.get("hz", self._client.hz), words.get("performer", self._client.performer)
        if isinstance(hz, bool) or not isinstance(hz, int | float) or not SLOWEST_HZ <= hz <= FASTEST_HZ:
            return Ack(False, f"hz: expected {SLOWEST_HZ:g} to {FASTEST_HZ:g}")
        if type(performer) is not int or not 0 <= performer < self._hub.performers:
            return Ack(False, f"performer: expected 0 to {self._hub.performers - 1}")
        self._client.hz, self._client.performer = float(hz), performer
        return Ack(True)


def _ack(command: Any, ack: Ack) -> str:
    known = command if isinstance(command, int | str) else None
    return to_json({"type": "ack", "id": known, "ok": ack.ok, "reason": ack.reason})
