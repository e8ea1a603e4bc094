"""The console bridge draws bars on a terminal, prints lines elsewhere, and never waits for either."""

from __future__ import annotations

import asyncio
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pyte
import pytest

from choreo_adapters.bridges.console import ConsoleBars, ConsoleConfig, _Footer
from choreo_service.clock import MonotonicClock, VirtualClock, run_virtual
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.testing import sample_wires

ROWS = 24
MIDDLE = ControlPacket(0, 0, 0, 1.25, 0.5, 0.0, 2100.0, 63.5)  # every control at half its range


class _Terminal(io.StringIO):
    """A terminal of text, 60 columns wide unless the test says else."""

    def __init__(self, encoding: str = "utf-8", live: bool = True) -> None:
        super().__init__()
        self._encoding = encoding
        self._live = live

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._live


@pytest.fixture(autouse=True)
def _sixty_by_24(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", str(ROWS))
    monkeypatch.setenv("TERM", "xterm")


def _drawn(
    monkeypatch: pytest.MonkeyPatch, terminal: _Terminal, act: Callable[[ConsoleBars], object], seconds: float = 0.15
) -> tuple[str, ConsoleBars]:
    """What stands in the terminal `seconds` of virtual time after `act`."""
    monkeypatch.setattr(sys, "stdout", terminal)
    clock = VirtualClock()
    bridge = ConsoleBars(ConsoleConfig(), sample_wires(), clock)

    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bridge.run())
            await asyncio.sleep(0)
            act(bridge)
            await asyncio.sleep(seconds)
            running.cancel()

    _run(clock, play())
    return terminal.getvalue(), bridge


def _run(clock: VirtualClock, main: Coroutine[Any, Any, None]) -> None:
    """Run in virtual time, then give the writing thread the real time to finish."""
    run_virtual(clock, main)
    for thread in threading.enumerate():
        if thread.name == "choreo-console":
            thread.join()


def _screen(text: str, columns: int = 60, rows: int = ROWS) -> list[str]:
    """What a person sees after `text` was written to a terminal (which turns \\n into \\r\\n)."""
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(text.replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display]


def _while_drawn(text: str) -> str:
    """The part of `text` before the footer was taken away."""
    return text[: text.rindex("\x1b7\x1b[r")]


def test_bars_show_name_bar_and_value(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = _drawn(monkeypatch, _Terminal(), lambda bridge: bridge.send(MIDDLE, CONTROL_NAMES))
    lines = _screen(_while_drawn(text))[-5:]
    assert [line.split()[0] for line in lines] == list(CONTROL_NAMES)
    assert [line.split()[-1] for line in lines] == ["1.25", "0.50", "0.00", "2100.00", "63.50"]
    bars = [line.split()[1] for line in lines]
    assert all(bar.count("█") == bar.count("·") for bar in bars)
    assert all(len(line) < 60 for line in lines)


def test_a_terminal_without_block_signs_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = _drawn(monkeypatch, _Terminal("ascii"), lambda bridge: bridge.send(MIDDLE, CONTROL_NAMES))
    assert text.isascii()
    assert "####" in text


@pytest.mark.parametrize("columns", [1, 8, 20, 33, 60, 200])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text, _ = _drawn(monkeypatch, _Terminal(), lambda bridge: bridge.send(MIDDLE, CONTROL_NAMES))
    drawn = re.split(r"\x1b\[\d+;1H\x1b\[2K", _while_drawn(text).removesuffix("\x1b8"))[1:]
    assert len(drawn) == 5
    assert all(len(line) < columns for line in drawn)


def test_bars_are_redrawn_over_the_old_ones_and_only_on_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal := _Terminal())
    clock = VirtualClock()
    bridge = ConsoleBars(ConsoleConfig(), sample_wires(), clock)

    async def play() -> None:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(bridge.run())
            for k in range(50):  # a second at 50 Hz
                bridge.send(MIDDLE, CONTROL_NAMES)
                await clock.sleep_until(clock.now_ns() + 20_000_000)
                assert bridge.health()["drawn"] + bridge.health()["dropped"] <= 10 * 0.02 * (k + 2) + 1
            await asyncio.sleep(10)
            running.cancel()

    _run(clock, play())
    assert sum("tempo_scale" in line for line in _screen(_while_drawn(terminal.getvalue()))) == 1
    assert 2 <= bridge.health()["drawn"] <= 11


def test_what_others_print_scrolls_above_the_bars_and_stays_readable() -> None:
    footer, text = _Footer(), "opening line\n"
    for i in range(40):
        text += footer.draw([f"bar {i}", "second bar"], ROWS) + f"log line {i}\n"
    assert _screen(text) == [*(f"log line {i}" for i in range(19, 40)), "", "bar 39", "second bar"]
    grown = text + footer.draw(["bar", "second bar", "third bar"], ROWS) + "log line 40\n"
    assert _screen(grown)[-5:] == ["log line 40", "", "bar", "second bar", "third bar"]
    assert _screen(grown + footer.clear() + "the end\n")[-5:] == ["log line 40", "the end", "", "", ""]


def test_a_terminal_shorter_than_the_bars_keeps_half_for_text() -> None:
    text = _Footer().draw([f"bar {i}" for i in range(5)], rows=6) + "log line\n"
    assert _screen(text, rows=6) == ["log line", "", "", "bar 0", "bar 1", "bar 2"]


def test_each_performer_has_a_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    def act(bridge: ConsoleBars) -> None:
        bridge.send(MIDDLE, CONTROL_NAMES)
        bridge.send(ControlPacket(0, 0, 1, 1.25, 0.5, 0.0, 2100.0, 63.5, held=True), CONTROL_NAMES)

    text, _ = _drawn(monkeypatch, _Terminal(), act)
    seen = _screen(_while_drawn(text))
    assert " performer 0" in seen
    assert " performer 1 (held)" in seen


def test_a_file_gets_one_plain_line_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    text, _ = _drawn(monkeypatch, _Terminal(live=False), lambda bridge: bridge.send(MIDDLE, CONTROL_NAMES), seconds=5.5)
    assert text == "controls tempo_scale=1.25 density=0.50 tension=0.00 brightness=2100.00 fx_send=63.50\n"


def test_panic_shows_the_safe_values(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, dict[str, float]]] = []

    def act(bridge: ConsoleBars) -> None:
        bridge.report_to(lambda performer, sent: told.append((performer, dict(sent))))
        bridge.send(MIDDLE, CONTROL_NAMES)
        bridge.panic()

    text, _ = _drawn(monkeypatch, _Terminal(live=False), act, seconds=5.5)
    assert "density=0.20" in text
    assert "fx_send=0.00" in text
    assert told == [(0, {name: wire.safe for name, wire in sample_wires().items()})]


def test_a_stopped_terminal_costs_frames_not_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read_end, write_end = os.pipe()
    with open(write_end, "w", encoding="utf-8") as nobody_reads:  # noqa: PTH123 - a descriptor, not a path
        os.set_blocking(write_end, False)
        while True:
            try:
                os.write(write_end, b"x" * 4096)
            except BlockingIOError:
                break
        os.set_blocking(write_end, True)
        monkeypatch.setattr(sys, "stdout", nobody_reads)
        clock = _QuickClock()
        bridge = ConsoleBars(ConsoleConfig(every_s=0.001), sample_wires(), clock)

        async def play() -> None:
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(bridge.run())
                while bridge.health()["dropped"] < 3:
                    bridge.send(MIDDLE, CONTROL_NAMES)
                    await asyncio.sleep(0)
                assert bridge.health()["state"] == "stalled"
                running.cancel()

        asyncio.run(play())
        os.read(read_end, 1 << 20)  # the reader wakes up: the thread left behind ends and lets go of the descriptor
        os.close(read_end)


class _QuickClock(MonotonicClock):
    """Sleeps of no length: as many frames as the loop can make."""

    async def sleep_until(self, t_ns: int) -> None:
        await asyncio.sleep(0)
