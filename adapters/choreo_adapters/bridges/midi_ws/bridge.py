"""Controls and accents as raw MIDI messages over WebSockets: a binary frame is one message.

Two addresses, as there are two ports of real MIDI: /midi carries control changes alone, because Strudel's midin takes
any message for a control, and /notes the accents.
"""

from __future__ import annotations

import asyncio
import errno
import importlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from choreo_adapters.accent_notes import AccentNotes, note_off
from choreo_adapters.bridges import wire_values
from choreo_adapters.bridges.midi_ws.clients import Client, ControlClient, Key, NoteClient
from choreo_adapters.bridges.midi_ws.origins import is_welcome
from choreo_adapters.unasked import TellsUnasked
from choreo_service.clock import MS, Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.packets import Accent, ControlPacket
from choreo_service.protocols import ControlWire, Sent

if TYPE_CHECKING:
    from aiohttp import web

CHANNELS: Final = 16
GOING_AWAY: Final = 1001  # RFC 6455
CLOSE_S: Final = 0.5  # how long a client may take to say goodbye


class MidiWsConfig(BaseModel):
    """Where the server listens, which pages may connect, and which note an accent is."""

    model_config = ConfigDict(extra="forbid")

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8790, ge=0, le=65535)
    """0 takes a free port; health() tells which."""
    origins: tuple[str, ...] = ("http://localhost:*", "http://127.0.0.1:*", "https://strudel.cc")
    """Pages that may connect, as scheme://host, scheme://host:port or scheme://host:* for any port."""
    max_clients: int = Field(default=8, ge=1, le=64)
    notes: AccentNotes = AccentNotes()
    """How accents sound to the pages that listen at /notes."""


class MidiWebSocket(TellsUnasked):
    """Serves ws://host:port/midi and /notes. States: closed, waiting (nobody listens to the controls), open."""

    Config: ClassVar[type[BaseModel]] = MidiWsConfig

    def __init__(self, config: MidiWsConfig, controls: Mapping[str, ControlWire], clock: Clock) -> None:
        self._config = config
        self._controls = controls
        self._clock = clock
        self._clients: set[ControlClient] = set()
        self._listeners: set[NoteClient] = set()
        self._sounding: deque[tuple[int, bytes]] = deque()  # (due ns, note-off); equal lengths keep them in order
        self._rung = asyncio.Event()
        # What the pages should have: performer -> control -> where, and what.
        self._current: dict[int, dict[str, tuple[Key, int]]] = {0: {}}
        self._port: int | None = None
        self._counts = {"sent": 0, "replaced": 0, "refused": 0, "no_channel": 0, "accents": 0}
        self._malformed: Counter[str] = Counter()  # requests that can't be read, by cause

    async def run(self) -> None:
        """Serve until cancelled; AdapterConfigError when the address can't be had."""
        # importing aiohttp takes a quarter of a second: not on the loop, and not for those who don't use this bridge
        await asyncio.to_thread(importlib.import_module, "choreo_service.http_server")
        from aiohttp import web

        from choreo_service.http_server import make_runner

        app = web.Application()
        app.router.add_get("/midi", self._serve_controls)
        app.router.add_get("/notes", self._serve_notes)
        runner = make_runner(app, door="midi_ws", malformed=self._malformed, close_s=CLOSE_S)
        await runner.setup()
        try:
            self._port = await self._listen(web.TCPSite(runner, self._config.host, self._config.port), runner)
            await self._end_notes()
        finally:
            self._port = None
            self._silence()
            for client in (*self._clients, *self._listeners):
                client.leave()
            await runner.cleanup()  # gives them CLOSE_S, then cuts the connection

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        return self._put(control.performer, wire_values(control, names, self._controls))

    def accent(self, accent: Accent) -> bool:
        message = self._config.notes.on(accent)
        if message is None or not self._listeners:
            return False
        self._ring(message)
        self._sounding.append((self._clock.now_ns() + round(self._config.notes.length_ms * MS), note_off(message)))
        self._rung.set()
        self._counts["accents"] += 1
        return True

    def panic(self) -> None:
        safe = [(wire, wire.safe) for wire in self._controls.values()]
        for performer in list(self._current):
            self._tell(performer, self._put(performer, safe))
        self._silence()

    def health(self) -> Mapping[str, Any]:
        state = "closed" if self._port is None else "open" if self._clients else "waiting"
        target = "" if self._port is None else f"ws://{self._config.host}:{self._port}/midi"
        detail = f"performers past channel {CHANNELS} are not heard" if self._counts["no_channel"] else ""
        pages = {"clients": len(self._clients), "note_clients": len(self._listeners)}
        return {
            "state": state,
            "target": target,
            "detail": detail,
            **pages,
            **self._counts,
            "malformed": self._malformed.total(),
        }

    def _put(self, performer: int, values: Iterable[tuple[ControlWire, float]]) -> Sent:
        """The controller values now on their way: to somebody, and on no channel past the sixteenth."""
        mine = self._current.setdefault(performer, {})
        sent: list[tuple[str, float]] = []
        for wire, value in values:
            channel = wire.channel + performer
            if channel > CHANNELS:
                self._counts["no_channel"] += 1
                continue
            key, step = mine[wire.name] = (channel, wire.cc), round(wire.position(value) * 127)
            for client in self._clients:
                self._counts["replaced"] += client.put(key, step)
            if self._clients:
                sent.append((wire.name, float(step)))
        return tuple(sent)

    def _newcomer(self) -> ControlClient:
        """A page that has just come: the values as they are now are on their way to it."""
        for performer, mine in self._current.items():
            self._tell(performer, tuple((name, float(step)) for name, (_, step) in mine.items()))
        return ControlClient({key: step for mine in self._current.values() for key, step in mine.values()})

    def _ring(self, message: bytes) -> None:
        for listener in self._listeners:
            listener.put(message)

    async def _end_notes(self) -> None:
        while True:
            await self._rung.wait()
            self._rung.clear()
            while self._sounding:
                due_ns, off = self._sounding[0]
                await self._clock.sleep_until(due_ns)
                if self._sounding and self._sounding[0][0] == due_ns:  # else silenced meanwhile
                    self._sounding.popleft()
                    self._ring(off)

    def _silence(self) -> None:
        """End the notes that still sound."""
        while self._sounding:
            self._ring(self._sounding.popleft()[1])

    async def _listen(self, site: web.TCPSite, runner: web.AppRunner) -> int:
        try:
            await site.start()
        except OSError as error:
            where = f"{self._config.host}:{self._config.port}"
            busy = error.errno == errno.EADDRINUSE
            fix = "choose another `port`, or stop the other program" if busy else "check `host`; 127.0.0.1 always works"
            raise AdapterConfigError(f"midi_ws: can't listen on {where}: {error.strerror}", fix=fix) from error
        return int(runner.addresses[0][1])

    async def _serve_controls(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, self._newcomer, self._clients)

    async def _serve_notes(self, request: web.Request) -> web.StreamResponse:
        return await self._serve(request, NoteClient, self._listeners)

    async def _serve(self, request: web.Request, make_client: Callable[[], Any], group: set[Any]) -> web.StreamResponse:
        """Feed a page that may connect, as a member of `group`, until it leaves."""
        from aiohttp import web

        welcome = is_welcome(request, self._config.host, self._config.origins)
        if not welcome or len(group) >= self._config.max_clients:
            self._counts["refused"] += 1
            raise web.HTTPForbidden(text="this page may not connect to choreo; see `origins` of the midi_ws bridge\n")
        # the client has nothing to say: 1 KiB is plenty. The heartbeat finds a browser that vanished without a word.
        socket = web.WebSocketResponse(max_msg_size=1024, heartbeat=10.0, timeout=CLOSE_S, compress=False)
        await socket.prepare(request)
        client = make_client()  # now, with the values as they are now
        group.add(client)
        try:
            await self._converse(socket, client)
        finally:
            group.discard(client)
            await socket.close()
        return socket

    async def _converse(self, socket: web.WebSocketResponse, client: Client) -> None:
        """Send until the client leaves; reading is what notices that it left."""
        async with asyncio.TaskGroup() as tasks:
            sender = tasks.create_task(self._feed(socket, client))
            async for _ in socket:
                pass
            sender.cancel()

    async def _feed(self, socket: web.WebSocketResponse, client: Client) -> None:
        try:
            while True:
                await client.ready.wait()
                for message in client.take():
                    await socket.send_bytes(message)
                    self._counts["sent"] += 1
                if client.leaving and not client.ready.is_set():
                    await socket.close(code=GOING_AWAY)
                    return
        except ConnectionError:
            return  # the reader notices too and ends the conversation
