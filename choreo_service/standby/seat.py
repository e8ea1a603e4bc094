"""The engine's side: it says that it is warm, waits for its turn, and then leaves its state with every tick."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from choreo_service import inherited
from choreo_service.clock import MS
from choreo_service.logs import get_logger
from choreo_service.priority import give_way
from choreo_service.standby.channel import VARIABLE, Channel, Message
from choreo_service.standby.mirror import Mirror
from choreo_service.standby.packing import pack, unpack

_OTHERS: Final = "the spare has read other models than those that play; to play them now: reload"


@dataclass(frozen=True, slots=True)
class Turn:
    """It is this engine's turn to play."""

    takeovers: int  # engines that fell before it
    cause: str  # what became of the last one, "" for the first of a show
    state: Mapping[str, Any] | None  # what that one left with its last tick
    notes: Sequence[Any]  # what it noted since then
    trusted: bool  # False: engines fell one after the other, so the core's state may be what fells them
    realtime: int  # the priority to ask for among real-time processes; 0: none


def take_seat(environ: MutableMapping[str, str]) -> Seat:
    """The seat a watcher has started this process for, which the process's children don't see."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they reach the whole group, and the watcher hears them for us
    give_way()  # loading must not keep the engine that plays waiting
    channel, memory, place = environ.pop(VARIABLE).split()
    return Seat(Channel(socket.socket(fileno=int(channel))), Mirror(int(memory)), first=place == "first")


class Seat:
    """Talks to the watcher, on the event loop. Nothing here waits for it but `turn`."""

    def __init__(self, channel: Channel, mirror: Mirror, *, first: bool) -> None:
        self._channel, self._mirror = channel, mirror
        self.first = first  # nobody has played in this show before
        self.alone = False  # the watcher is gone
        self.playing: Callable[[], str] = str  # the fingerprint of the models that play
        self.on_took_over: list[Callable[[str, float], None]] = []  # told the other's end, and the gap in ms
        self._playing = False
        self._asked: asyncio.Queue[Turn | None] = asyncio.Queue()
        self._obey: Mapping[str, Callable[[], None]] = {}
        self._spare, self._takeovers, self._gap_ms = "warming", 0, 0.0
        self._cause, self._left_ns = "", 0  # of the engine before this one: its end and its last tick
        self._unfit = ""  # why the state can't be left, once that was so

    async def turn(self, fingerprint: str = "") -> Turn | None:
        """Say that this engine is warm and wait until it is to play; None when the show ends without it.

        `fingerprint` is that of its models, "" of the rules."""
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._listen)
        self._channel.send("warm", models=fingerprint)
        return await self._asked.get()

    def obey(self, commands: Mapping[str, Callable[[], None]]) -> None:
        """Let the watcher's "end" and "reload" do this."""
        self._obey = commands

    def note(self, fact: Any) -> None:
        """Leave something that the next tick's state will hold."""
        self._mirror.note(pack(fact))

    def tick(self, began_ns: int, state: Mapping[str, Any], notes: Sequence[Any]) -> None:
        """Once a tick, when everything has been sent: a sign of life, and what a successor needs. `notes` are those
        that `state` doesn't hold yet."""
        self._mirror.beat()
        if self._left_ns:
            self._arrived(began_ns)
        try:
            cause = "" if self._mirror.write(pack(state), map(pack, notes)) else "too large"
        except (TypeError, ValueError) as error:  # of somebody's model: no reason to stop playing
            cause = str(error)
        if cause and not self._unfit:
            get_logger().warning("standby.state_unfit", cause=cause, hint="a take-over would begin from rest")
        self._unfit = self._unfit or cause

    def keep(self, key: str, left: inherited.Left) -> None:
        """Let the watcher hold it for a successor."""
        self._channel.send("keep", left.fds, key=key, pid=left.pid)

    def drop(self, key: str) -> None:
        self._channel.send("drop", key=key)

    def reread(self) -> None:
        """The configuration was read again: a spare that has read the old one is to be replaced."""
        self._channel.send("reread")

    def ending(self) -> None:
        """The show ends in order: no tick follows, and nobody is to take over."""
        self._channel.send("ending")

    def facts(self) -> Mapping[str, Any]:
        """For telemetry, JSON types only."""
        spare = "nobody watches" if self.alone else self._spare
        return {"spare": spare, "takeovers": self._takeovers, "gap_ms": self._gap_ms, "cause": self._cause}

    def _arrived(self, now_ns: int) -> None:
        self._gap_ms, self._left_ns = round((now_ns - self._left_ns) / MS, 1), 0
        get_logger().warning("standby.took_over", cause=self._cause, gap_ms=self._gap_ms, takeovers=self._takeovers)
        for tell in self.on_took_over:
            tell(self._cause, self._gap_ms)

    def _listen(self) -> None:
        try:
            messages = self._channel.receive()
        except EOFError:
            self._left_alone()
            return
        for message in messages:
            if message.what == "go":
                self._begin(message)
            elif message.what == "spare":
                self._hear_of_spare(message.facts)
            elif message.what in self._obey:
                self._obey[message.what]()

    def _begin(self, message: Message) -> None:
        self._playing = True
        facts, fds = message.facts, iter(message.fds)
        kept = {key: inherited.Left(tuple(islice(fds, count)), pid) for key, count, pid in facts["kept"]}
        inherited.share(self, kept)
        found = self._mirror.read()
        state, notes = (None, []) if found is None else (unpack(found[0]), [unpack(note) for note in found[1]])
        self._takeovers, self._cause = facts["takeovers"], facts["cause"]
        self._left_ns = 0 if state is None else state["t_ns"]
        self._asked.put_nowait(Turn(self._takeovers, self._cause, state, notes, facts["trusted"], facts["realtime"]))

    def _hear_of_spare(self, facts: Mapping[str, Any]) -> None:
        self._spare = facts["state"]
        if self._spare == "warm":
            get_logger().info("standby.warm", took_s=facts["took_s"])
            if facts["models"] != self.playing():
                get_logger().warning("standby.other_models", hint=_OTHERS)
        elif self._spare == "failed":
            get_logger().warning("standby.failed", cause=facts["cause"], retry_s=facts["retry_s"])

    def _left_alone(self) -> None:
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        self.alone = True
        if self._playing:
            hint = f"the watching process is gone: this engine plays on by itself; to end it: kill {os.getpid()}"
            get_logger().warning("standby.alone", hint=hint)
        else:
            self._asked.put_nowait(None)
