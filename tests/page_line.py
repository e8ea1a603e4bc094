"""One page's connection to the dashboard without a socket: bytes go into aiohttp's own protocol and come out of it.

Everything between is what runs on stage: HTTP, the checks of Host and Origin, the WebSocket's frames, our handler.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, cast

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10  # opcodes of RFC 6455
_MASK: Final = b"\x11\x22\x33\x44"
_HOST: Final = "127.0.0.1"
UPGRADE: Final = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Message(NamedTuple):
    """One frame the service sent."""

    opcode: int
    payload: bytes

    @property
    def words(self) -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(self.payload))

    @property
    def close_code(self) -> int:
        return int.from_bytes(self.payload[:2], "big")


class PageLine(asyncio.Transport):
    """A transport whose other end is this object: `give` what the page sends, `taken` what it gets."""

    def __init__(self, factory: Callable[[], asyncio.BaseProtocol], port: int) -> None:
        super().__init__({"peername": (_HOST, 50_000), "sockname": (_HOST, port)})
        self._protocol = cast(asyncio.Protocol, factory())
        self._out = bytearray()
        self._closing = False
        self.reading = True  # False: the service asks the network to wait
        self._protocol.connection_made(self)
        self._protocol.data_received(UPGRADE.format(port=port).encode())

    async def opened(self) -> None:
        """Wait for the answer to the handshake; ConnectionError where it is a refusal."""
        while b"\r\n\r\n" not in self._out:  # noqa: ASYNC110 - the other end decides
            await asyncio.sleep(0)
        status, _, rest = bytes(self._out).partition(b"\r\n\r\n")
        if b" 101 " not in status:
            raise ConnectionError(status.decode())
        self._out[:] = rest

    def give(self, data: bytes) -> None:
        """Bytes as they come from the network."""
        if not self._closing:
            self._protocol.data_received(data)

    def taken(self) -> Iterator[Message]:
        """What has arrived since the last call; pings are answered."""
        while (message := self._next()) is not None:
            if message.opcode == PING:
                self.give(frame(PONG, message.payload))
            yield message

    def _next(self) -> Message | None:
        if len(self._out) < 2:
            return None
        size, at = self._out[1], 2
        if size >= 126:
            at = 4 if size == 126 else 10
            size = int.from_bytes(self._out[2:at], "big")
        if len(self._out) < at + size:
            return None
        message = Message(self._out[0] & 15, bytes(self._out[at : at + size]))
        del self._out[: at + size]
        return message

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self._out += data

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """What is written is taken at once."""

    def get_write_buffer_size(self) -> int:
        return 0


def frame(opcode: int, payload: bytes) -> bytes:
    """A whole frame as a browser sends it, masked."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, 0x80 | size])
    elif size < 1 << 16:
        head = bytes([0x80 | opcode, 0x80 | 126]) + struct.pack(">H", size)
    else:
        head = bytes([0x80 | opcode, 0x80 | 127]) + struct.pack(">Q", size)
    mask = (_MASK * (size // 4 + 1))[:size]
    return head + _MASK + (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
