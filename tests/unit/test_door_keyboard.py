"""The terminal's keys: the page's own, on a real terminal device, which is given back as it was."""

from __future__ import annotations

import asyncio
import os
import pty
import termios
from collections.abc import Iterator
from typing import Any

import pytest
from page_stage import true

from choreo_adapters.doors.keyboard import KEYS, Keyboard, KeyboardConfig
from choreo_service.clock import NS, VirtualClock
from choreo_service.errors import AdapterLost
from choreo_service.testing import RecordingDesk, check_door


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """(the end that types, the device's name)"""
    typing, device = pty.openpty()
    yield typing, os.ttyname(device)
    os.close(typing)
    os.close(device)


def _keyboard(clock: VirtualClock, **config: Any) -> tuple[Keyboard, RecordingDesk]:
    desk = RecordingDesk()
    return Keyboard(KeyboardConfig(**config), desk, clock), desk


def test_keys_are_the_pages() -> None:
    keyboard, desk = _keyboard(VirtualClock())
    for key in KEYS:
        keyboard.press(key)
    assert [verb for verb, _ in desk.asked] == list(KEYS.values())


def test_a_digit_chooses_a_control_for_a_while() -> None:
    clock = VirtualClock()
    keyboard, desk = _keyboard(clock)
    for key in "2mhl":
        keyboard.press(key)
    clock.advance(9 * NS)
    keyboard.press("m")
    density = {"control": "density"}
    assert desk.asked == [("mute", density), ("hold", density), ("map", density), ("marker", {})]


def test_other_keys_do_nothing() -> None:
    keyboard, desk = _keyboard(VirtualClock())
    for key in "xq069 \n":
        keyboard.press(key)
    assert desk.asked == []


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_a_real_terminal_is_read_key_by_key_and_given_back(terminal: tuple[int, str]) -> None:
    typing, device = terminal
    before = termios.tcgetattr(typing)
    keyboard, desk = _keyboard(VirtualClock(), terminal=device)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(keyboard.run())
        await true(lambda: keyboard.health()["state"] == "open")
        for typed in (b"f", b"\x1b[A", b"\x1b", b"3h"):  # an arrow key is no Esc
            os.write(typing, typed)
            await asyncio.sleep(0.05)
        await true(lambda: len(desk.asked) == 3)
        running.cancel()
    assert desk.asked == [("freeze", {}), ("panic", {}), ("hold", {"control": "tension"})]
    assert keyboard.health()["detail"] == "hold done"
    assert termios.tcgetattr(typing) == before


def test_it_keeps_the_promises_of_doors(terminal: tuple[int, str]) -> None:
    typing, device = terminal

    async def type_freeze(_: Any) -> None:
        await asyncio.to_thread(os.write, typing, b"f")

    check_door(Keyboard, {"terminal": device}, drive=type_freeze, expects_commands=True, settle_s=0.1)


@pytest.mark.asyncio
@pytest.mark.parametrize("device", ["/dev/null", "/nonexistent"])
async def test_what_is_no_terminal_is_refused_without_ending_the_show(device: str) -> None:
    keyboard, _ = _keyboard(VirtualClock(), terminal=device)
    with pytest.raises(AdapterLost):
        await keyboard.run()
