"""What a page sends, mutated: messages of every kind, in whole and in damaged frames, to the dashboard as it runs."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from aiohttp import web
from faults.mutants import LOOK_EVERY, Target
from page_line import BINARY, CLOSE, PING, TEXT, Message, PageLine, frame
from page_stage import PageStage
from shows import make_recorder

from choreo_service.clock import NS, VirtualClock
from choreo_service.commands import COMMANDS
from choreo_service.config import DashboardSettings
from choreo_service.dashboard.limits import BURST, RATE_HZ
from choreo_service.testing.disk import SimulatedDisk

PORT: Final = 8787
FLOOD: Final = 300  # messages at once
MOST_ANSWER: Final = 64 * 1024  # bytes of one ack: what was said wrong may be repeated, at four times its size
ROUNDS: Final = 40  # of the loop, until what is not answered counts as unanswered
WAYS: Final = ("text", "text", "text", "binary", "frames", "flood")  # by the first byte of an input
ORDERLY: Final = frozenset({1000, 1001, 1002, 1003, 1007, 1009})  # close codes: the page's fault, or its wish
_BUG: Final = re.compile(r"\b[A-Z][A-Za-z]*(Error|Exception)\b")  # a handler raised what is no refusal


class WebSocketStage:
    """A show with a recorder, its page, a visitor who misbehaves and one who doesn't; time is given by the inputs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._clock = VirtualClock()
        disk = SimulatedDisk()
        settings = DashboardSettings(port=0)
        self._stage = PageStage(
            self._clock, settings, recorder=lambda core: make_recorder(self._clock, core, Path("/takes"), disk)
        )
        self.page, self.service = self._stage.page, self._stage.service
        self._server: web.Server[Any] | None = None
        self._count = 0
        self.failures: list[str] = []  # what anything under the page complained of
        loop.set_exception_handler(lambda _, context: self.failures.append(str(context)))

    async def open(self) -> None:
        """Let the page run without a port, and let the quiet visitor in."""
        opened = asyncio.Event()

        async def listen(runner: web.AppRunner) -> None:
            self._server = runner.server
            self.page.port = PORT
            opened.set()

        self.page._listen = listen  # type: ignore[method-assign]
        self.serving = asyncio.ensure_future(self.page.run())
        await opened.wait()
        self._stage.tick()
        self._quiet, self._line = await self._visit(), await self._visit()

    async def close(self) -> None:
        self.serving.cancel()
        await asyncio.gather(self.serving, return_exceptions=True)

    async def take(self, data: bytes) -> str:
        """One input of the visitor who misbehaves; what became of it."""
        self._count += 1
        self._clock.advance(round(NS / RATE_HZ))  # so that nobody waits who says one thing at a time
        way, payload = WAYS[data[0] % len(WAYS)], data[1:]
        if self._line.is_closing():
            self._line = await self._visit()
        self._line.give(_as_sent(way, payload))
        answers = await self._answers(1 if way == "text" else 0)
        cause = self._judge(way, answers)
        if way in ("frames", "flood"):  # it may be in the middle of a frame, or behind its flood
            self._line.close()
            self._clock.advance(FLOOD * NS)
            await self._spin()
        failures, self.failures[:] = list(self.failures), []
        assert not failures, failures
        return cause

    async def look(self) -> None:
        """The other page is served, frames and states go out, the recorder keeps what was commanded."""
        self._stage.seconds(LOOK_EVERY / RATE_HZ)
        self.service.recorder.work()
        self.service.recorder.sync()
        self._quiet.give(frame(TEXT, json.dumps({"type": "cmd", "id": self._count, "verb": "resend"}).encode()))
        await self._spin()
        got = list(self._quiet.taken())
        assert any(m.opcode == TEXT and m.words.get("id") == self._count for m in got), "the quiet page is not served"
        assert any(m.opcode == BINARY for m in got), "the quiet page gets no frames"
        assert len(self.page.hub.clients) <= 2, "connections that are gone are still served"
        take = self.service.recorder.health()
        assert take["state"] in ("idle", "recording", "ending", "ended"), take

    def _judge(self, way: str, answers: list[Message]) -> str:
        acks = [m.words for m in answers if m.opcode == TEXT and m.words["type"] == "ack"]
        codes = [m.close_code for m in answers if m.opcode == CLOSE]
        longest = max((len(m.payload) for m in answers), default=0)
        assert longest <= MOST_ANSWER, f"{longest} bytes in one message"
        assert not [a for a in acks if _BUG.search(a["reason"])], acks
        assert set(codes) <= ORDERLY, codes
        assert len(acks) <= BURST + 1 or way != "flood", f"{len(acks)} of {FLOOD} messages obeyed at once"
        if codes:
            return f"closed with {codes[0]}"
        if way == "text":
            assert len(acks) == 1, f"{len(acks)} answers to one message"
        if not acks:
            return f"{way}: not answered"
        return "" if acks[0]["ok"] else re.sub(r"'.*'|\"[^\"]*\"|[\d.]+", "*", acks[0]["reason"])[:40]

    async def _visit(self) -> PageLine:
        assert self._server is not None
        line = PageLine(self._server, PORT)
        await line.opened()
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
            if (first := next(line.taken(), None)) is not None:
                assert first.words["type"] == "hello"
                return line
        raise AssertionError("no hello")

    async def _answers(self, acks: int) -> list[Message]:
        """What comes until so many acks or a goodbye are there, or nothing more comes."""
        found: list[Message] = []
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
            found += self._line.taken()
            if acks and sum(b'"ack"' in m.payload[:20] for m in found) >= acks:
                break
            if self._line.is_closing():
                break
        return found

    async def _spin(self) -> None:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)


@contextmanager
def websocket() -> Iterator[Target]:
    """Messages of a page, through aiohttp's parser and our handler; the first byte says in which way they are sent."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        stage = WebSocketStage(loop)
        line = structlog.processors.JSONRenderer()  # made into a line, not shown
        structlog.configure(processors=[structlog.processors.format_exc_info, line, _Complaints(stage.failures)])
        try:
            runner.run(stage.open())
            yield Target(
                _corpus(),
                lambda data: loop.run_until_complete(stage.take(data)),
                _WORDS,
                lambda: loop.run_until_complete(stage.look()),
            )
            runner.run(stage.close())
        finally:
            structlog.reset_defaults()


class _Complaints:
    """An exception of a handler is answered with 500 and a line in the log: to us it is an escape."""

    def __init__(self, failures: list[str]) -> None:
        self._failures = failures

    def __call__(self, _logger: Any, _method: str, line: str) -> Any:
        if '"http.fault"' in line:
            self._failures.append(line)
        raise structlog.DropEvent


def _as_sent(way: str, payload: bytes) -> bytes:
    if way == "frames":
        return payload
    whole = frame(BINARY if way == "binary" else TEXT, payload)
    return whole * FLOOD if way == "flood" else whole


def _corpus() -> list[bytes]:
    texts = [json.dumps(message).encode() for message in _messages()]
    odd = [json.dumps(message).encode() for message in _odd_messages()]
    frames = [frame(TEXT, texts[0]), frame(TEXT, texts[0]) * 3, frame(PING, b"ping"), frame(CLOSE, b"\x03\xe8bye")]
    frames += [
        b"\x01" + frame(TEXT, b"{")[1:] + b"\x80" + frame(0, b"}")[1:],  # in two pieces
        b"\x81\xff" + b"\x7f" + b"\xff" * 7 + b"\1\2\3\4",  # longer than any message may be
        frame(0, b"{}"),  # the continuation of nothing
    ]
    return [
        *(b"\x00" + text for text in (*texts, *odd)),
        *(b"\x03" + text for text in texts[:4]),
        *(b"\x04" + data for data in frames),
        b"\x05" + texts[0],
        b"\x00" + b"x" * 16_000,
    ]


def _messages() -> Iterator[dict[str, Any]]:
    """What the page of ours sends: each verb, with its arguments by name and as a list."""
    args = {"control": "density", "on": True, "position": 0.5, "name": "calm", "text": "a", "leader": "body"}
    yield {"type": "subscribe", "id": 1, "hz": 30, "performer": 0}
    for number, (verb, kind) in enumerate(COMMANDS.items()):
        given = {name: value for name, value in args.items() if name in kind.model_fields}
        yield {"type": "cmd", "id": number, "verb": verb, "args": given}
        yield {"type": "cmd", "id": str(number), "verb": verb, "args": list(given.values())}


def _odd_messages() -> Iterator[dict[str, Any]]:
    """Each of these with one value, or one argument, that is well-formed and of no use."""
    for message in _messages():
        for value in _ODD:
            for field in message:
                yield {**message, field: value}
            if isinstance(message.get("args"), dict):
                for field in (*message["args"], "verb", "performer"):
                    yield {**message, "args": {**message["args"], field: value}}


_ODD: Final = (
    None,
    True,
    -1,
    1e308,
    float("nan"),
    10**30,
    "",
    "\ud800",
    "\0",
    "x" * 300,
    [],
    [[]] * 60,
    {},
    {"a": {"a": 1}},
)
_WORDS: Final = (
    *(b"[" * n for n in (1, 60, 900, 990, 5000)),
    *(b'{"a":' * n for n in (1, 60, 400)),
    *(b"]", b"}", b'"', b"\\", b":", b",", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf"),
    *(b"\\ud800", b"\\udcff", b"\\u0000", "é\U0001f3b9".encode(), b"9" * 5000, b"-1", b"1e999", b"NaN", b"-Infinity"),
    *(b"null", b"true", b'"type":"cmd"', b'"verb":"panic"', b'"id":null', b'"args":[]', b'"__class__":1'),
    *(b"x" * n for n in (200, 4000, 17_000)),
    *(b"\x81\xfe", b"\x88\x82", b"\x89\xfd", b"\xc1", b"\x7f\xff\xff\xff\xff\xff\xff\xff"),
)
