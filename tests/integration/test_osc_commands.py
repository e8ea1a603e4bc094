"""The OSC door: every verb comes through it as it does through the page, is answered, and strangers get no word."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from page_stage import true
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from choreo_adapters.doors.osc_commands import OscCommands, OscCommandsConfig
from choreo_service.clock import MonotonicClock, VirtualClock
from choreo_service.commands import COMMANDS
from choreo_service.desk import Ack, Desk
from choreo_service.errors import AdapterLost


class Rig:
    """A door, what it asked for, and the socket its answers come to."""

    def __init__(self, **config: Any) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.desk = Desk(VirtualClock())
        for kind in COMMANDS.values():
            self.desk.handle(kind, lambda command: None)
        self.replies = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.replies.bind(("127.0.0.1", 0))
        self.replies.setblocking(False)
        settings = {"port": 0, "reply_port": self.replies.getsockname()[1], **config}
        self.door = OscCommands(OscCommandsConfig(**settings), self._submit, MonotonicClock())
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _submit(self, verb: str, args: Mapping[str, Any] | Sequence[Any] = ()) -> Ack:
        self.asked.append((verb, args))
        return self.desk.ask(verb, args, "osc")

    def send(self, address: str, *args: Any) -> None:
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self.out.sendto(builder.build().dgram, ("127.0.0.1", self.door.port))

    async def answer(self) -> tuple[str, list[Any]]:
        async with asyncio.timeout(10):
            message = OscMessage(await asyncio.get_running_loop().sock_recv(self.replies, 2048))
        return message.address, message.params


@asynccontextmanager
async def _rig(**config: Any) -> AsyncIterator[Rig]:
    rig = Rig(**config)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(rig.door.run())
        await true(lambda: rig.door.port > 0)
        yield rig
        running.cancel()
    rig.replies.close()
    rig.out.close()


EXAMPLES: dict[str, tuple[Any, ...]] = {
    "hold": ("density",),
    "mute": ("density", 1),
    "manual": ("density", 0.5),
    "map": ("tension",),
    "scene": ("calm", 2.0),
    "marker": ("chorus",),
    "policy": ("body",),
    "shape": ("density", "invert", 1),
    "learn": ("manual", "density"),
    "unlearn": ("manual", "density"),
}


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_every_verb_is_obeyed_and_answered() -> None:
    async with _rig() as rig:
        for verb in COMMANDS:
            rig.send(f"/choreo/{verb}", *EXAMPLES.get(verb, ()))
            assert await rig.answer() == (f"/choreo/status/{verb}", [1, ""])
        assert [verb for verb, _ in rig.asked] == list(COMMANDS)


@pytest.mark.asyncio
async def test_a_refusal_says_why() -> None:
    async with _rig() as rig:
        rig.send("/choreo/hold", "volume")
        address, (ok, reason) = await rig.answer()
        assert (address, ok) == ("/choreo/status/hold", 0)
        assert "density" in reason
        rig.send("/choreo/shutdown")
        assert "unknown command" in (await rig.answer())[1][1]


@pytest.mark.asyncio
async def test_a_button_acts_when_pressed_and_not_when_let_go() -> None:
    async with _rig() as rig:
        for value in (1.0, 0.0, 1, 0):
            rig.send("/choreo/panic", value)
        await rig.answer()
        await rig.answer()
        rig.send("/choreo/freeze", 0.0)  # this one takes on or off
        await rig.answer()
        assert rig.asked == [("panic", []), ("panic", []), ("freeze", [0])]


@pytest.mark.asyncio
async def test_what_is_no_command_is_counted_and_never_answered() -> None:
    async with _rig(reply_port=0) as rig:
        rig.send("/other/panic")
        rig.send("/choreo/status/panic", 1, "")  # two of us must not answer each other for ever
        rig.out.sendto(b"not osc!", ("127.0.0.1", rig.door.port))
        await true(lambda: rig.door.health()["refused"] == 3)
        assert rig.asked == []


@pytest.mark.asyncio
async def test_who_is_not_allowed_gets_nothing_done_and_no_word() -> None:
    async with _rig(allow=("192.0.2.1",)) as rig:
        rig.send("/choreo/panic")
        await true(lambda: rig.door.health()["refused"] == 1)
        assert rig.asked == []
        with pytest.raises(BlockingIOError):
            rig.replies.recv(100)


@pytest.mark.asyncio
async def test_a_flood_of_commands_is_limited() -> None:
    async with _rig(rate_limit_hz=10) as rig:
        for _ in range(200):
            rig.send("/choreo/tap")
        await true(lambda: rig.door.health()["refused"] > 100)
        assert len(rig.asked) <= 20


@pytest.mark.asyncio
async def test_a_port_in_use_is_tried_again_and_doesnt_end_the_show() -> None:
    async with _rig() as rig:
        with pytest.raises(AdapterLost) as lost:
            await OscCommands(OscCommandsConfig(port=rig.door.port), rig._submit, VirtualClock()).run()
        assert re.search(r"-o doors\.<its name>\.port=\d+$", lost.value.fix)


@pytest.mark.parametrize("config", [{"host": "0.0.0.0"}, {"host": "192.0.2.1"}, {"host": "studio"}], ids=str)
def test_listening_to_the_network_needs_names(config: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"allow|no IP address"):
        OscCommandsConfig(**config)
