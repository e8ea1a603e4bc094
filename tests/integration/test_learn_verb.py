"""The verbs `learn` and `unlearn`: handed to the door that learns, refused where no knob could ever help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import BaseModel
from shows import make_service

from choreo_service import registry
from choreo_service.clock import Clock, VirtualClock
from choreo_service.config import Adapter
from choreo_service.protocols import Submit
from choreo_service.service.doors import add_doors
from choreo_service.service.show import Service


class _Plain(BaseModel):
    """No settings."""


class _Pads:
    """A door that learns, without pads."""

    Config: type[BaseModel] = _Plain

    def __init__(self, config: Any, submit: Submit, clock: Clock) -> None:
        self.bound: list[tuple[str, str]] = []

    async def run(self) -> None: ...

    def learn(self, command: str, of: str) -> None:
        self.bound.append((command, of))

    def unlearn(self, command: str, of: str) -> int:
        before = len(self.bound)
        self.bound = [wish for wish in self.bound if wish != (command, of)]
        return before - len(self.bound)

    def learnt(self) -> Mapping[str, Any]:
        return {"waiting": None, "bindings": [], "ports": ["pads"]}


class _Deaf:
    """A door that doesn't."""

    Config: type[BaseModel] = _Plain

    def __init__(self, config: Any, submit: Submit, clock: Clock) -> None: ...

    async def run(self) -> None: ...


def _service(*doors: type[Any]) -> Service:
    service = make_service(VirtualClock(), {}, {})
    entry = registry.find("door", "keyboard")
    add_doors(service, {cls.__name__: Adapter(cls.__name__, entry, cls, _Plain()) for cls in doors})
    return service


def test_the_door_that_learns_is_told_and_its_pages_too() -> None:
    service = _service(_Deaf, _Pads)
    pads = service.doors["_Pads"]
    assert service.desk.ask("learn", ["manual", "density"], "osc").ok
    assert service.desk.ask("learn", {}, "osc").ok  # wait no more
    assert pads.bound == [("manual", "density"), ("", "")]  # type: ignore[attr-defined]
    assert service.facts["learnt"]()["ports"] == ["pads"]
    assert service.desk.ask("unlearn", ["manual", "density"], "osc").ok
    assert service.desk.ask("unlearn", ["manual", "density"], "osc").reason == ("nothing has learnt manual density")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["explode"], "unknown command"),
        (["hold"], "control"),
        (["hold", "loudness"], "control"),
        (["panic", "density"], "at most 0"),
    ],
)
def test_what_could_never_be_obeyed_isnt_learnt(words: list[str], says: str) -> None:
    ack = _service(_Pads).desk.ask("learn", words, "osc")
    assert not ack.ok
    assert says in ack.reason


def test_a_show_without_such_a_door_says_how_to_get_one() -> None:
    service = _service(_Deaf)
    assert "doors.knobs.enabled=true" in service.desk.ask("learn", ["panic"], "osc").reason
    assert "learnt" not in service.facts
