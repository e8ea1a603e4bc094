"""The checks for doors catch a broken one, one per promise, and let an honest one pass."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from choreo_service.clock import Clock
from choreo_service.protocols import Submit
from choreo_service.testing import DOOR_PROMISES, ConformanceError, DoorCase, check_door


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Button:
    """Keeps every promise: `press` asks for a freeze while it is open."""

    Config: type[BaseModel] = _Strict

    def __init__(self, config: Any, submit: Submit, clock: Clock) -> None:
        self._submit = submit
        self._open = False

    async def run(self) -> None:
        self._open = True
        try:
            await asyncio.Event().wait()
        finally:
            self._open = False

    def press(self) -> None:
        if self._open:
            self._submit("freeze", {"on": True})

    def health(self) -> Mapping[str, Any]:
        return {"state": "open" if self._open else "closed"}


class _Loose(_Button):
    Config = type("_Anything", (BaseModel,), {"model_config": ConfigDict(extra="allow")})


class _Mumbles(_Button):
    def press(self) -> None:
        self._submit("freeze", "on")


class _Sulks(_Button):
    def press(self) -> None:
        if not self._submit("freeze").ok:
            self._refused.set()

    async def run(self) -> None:
        self._refused = asyncio.Event()
        await self._refused.wait()
        raise RuntimeError("refused")


class _NeverShuts(_Button):
    def press(self) -> None:
        self._submit("freeze")


class _Vague(_Button):
    def health(self) -> Mapping[str, Any]:
        return {"seen": object()}


class _OnlyOnce(_Button):
    _ran = False

    async def run(self) -> None:
        if self._ran:
            raise RuntimeError("again")
        self._ran = True
        await super().run()


class _Deaf(_Button):
    async def run(self) -> None:
        for _ in range(2):
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue


class _Litters(_Button):
    async def run(self) -> None:
        threading.Thread(target=_ended.wait, name=f"litter {id(self)}", daemon=True).start()
        await super().run()


_ended = threading.Event()


async def _press(door: _Button) -> None:
    door.press()


def test_an_honest_door_passes() -> None:
    check_door(_Button, drive=_press, expects_commands=True, settle_s=0.02)


@pytest.mark.parametrize(
    ("door", "promise"),
    [
        (_Loose, "config-is-strict"),
        (_Mumbles, "hands-on-verbs-and-arguments"),
        (_Sulks, "survives-a-refusal"),
        (_NeverShuts, "is-shut-after-the-end"),
        (_Vague, "health-is-plain"),
        (_OnlyOnce, "runs-again"),
        (_Deaf, "stops-before-it-has-opened"),
        (_Litters, "leaves-nothing-behind"),
    ],
)
def test_a_broken_door_is_caught(door: type[_Button], promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _ended.clear()
    monkeypatch.setattr("choreo_service.testing.conformance.stage.CANCEL_S", 0.05)
    try:
        with pytest.raises(ConformanceError):
            DOOR_PROMISES[promise](DoorCase(door, drive=_press, settle_s=0.02))
    finally:
        _ended.set()


def test_every_promise_has_a_door_that_breaks_it() -> None:
    marks = test_a_broken_door_is_caught.pytestmark[0].args[1]  # type: ignore[attr-defined]
    assert {promise for _, promise in marks} == set(DOOR_PROMISES)
