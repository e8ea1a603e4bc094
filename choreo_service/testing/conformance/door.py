"""What the service relies on in every door."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from choreo_service.clock import MonotonicClock
from choreo_service.desk import Ack
from choreo_service.testing.conformance import common
from choreo_service.testing.conformance.stage import Act, perform, require, run_loop


@dataclass
class RecordingDesk:
    """A Submit that keeps what it is asked; it refuses with `reason` where there is one."""

    reason: str = ""
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, verb: str, args: Mapping[str, Any] | Sequence[Any] = ()) -> Ack:
        self.asked.append((verb, args))
        return Ack(not self.reason, self.reason)


async def _do_nothing(door: Any) -> None:
    """The drive of a door that nobody knocks at."""


@dataclass(frozen=True)
class DoorCase:
    """A door class, the configuration to check it with, and who knocks."""

    cls: Any
    config: Mapping[str, Any] = field(default_factory=dict)
    drive: Act = _do_nothing  # called with the running door: send it commands
    expects_commands: bool = False  # at least one command must come
    settle_s: float = 0.2

    def play(self, desk: RecordingDesk) -> Any:
        """Run, drive, wait `settle_s`, stop; returns the door."""
        door = self.build(desk)
        run_loop(perform(door, self.act))
        return door

    def build(self, desk: RecordingDesk) -> Any:
        return self.cls(self.cls.Config.model_validate(self.config), desk, MonotonicClock())

    def fresh(self) -> Any:
        """A door that has never been open; what it asks for is nobody's."""
        return self.build(RecordingDesk())

    async def act(self, door: Any) -> None:
        """What happens while the door is open."""
        await asyncio.sleep(self.settle_s / 2)
        await self.drive(door)
        await asyncio.sleep(self.settle_s / 2)


def check_door(
    cls: Any,
    config: Mapping[str, Any] | None = None,
    *,
    drive: Act = _do_nothing,
    expects_commands: bool = False,
    settle_s: float = 0.2,
) -> None:
    """Check every promise; ConformanceError names the first one broken. Takes seconds, on event loops of its own."""
    case = DoorCase(cls, config or {}, drive, expects_commands, settle_s)
    for promise in DOOR_PROMISES.values():
        promise(case)


def _hands_on_verbs_and_arguments(case: DoorCase) -> None:
    desk = RecordingDesk()
    case.play(desk)
    require(bool(desk.asked) or not case.expects_commands, "no command came")
    for verb, args in desk.asked:
        require(isinstance(verb, str), f"a verb is text, found {type(verb).__name__}")
        require(isinstance(args, Mapping | list | tuple), f"arguments by name or as a list, found {args!r}")


def _survives_a_refusal(case: DoorCase) -> None:
    desk = RecordingDesk(reason="not now")
    case.play(desk)  # perform() finds what run() raises
    require(bool(desk.asked) or not case.expects_commands, "no command came")


def _is_shut_after_the_end(case: DoorCase) -> None:
    desk = RecordingDesk()
    door = case.build(desk)

    async def play() -> None:
        await perform(door, case.act)
        count = len(desk.asked)
        await case.drive(door)
        await asyncio.sleep(case.settle_s / 2)
        require(len(desk.asked) == count, "a command came in after run() was cancelled")

    run_loop(play())


def _health_is_plain(case: DoorCase) -> None:
    common.check_health(case.play(RecordingDesk()))


DOOR_PROMISES: Final[Mapping[str, Callable[[DoorCase], None]]] = {
    "config-is-strict": common.config_is_strict,
    "hands-on-verbs-and-arguments": _hands_on_verbs_and_arguments,
    "survives-a-refusal": _survives_a_refusal,
    "is-shut-after-the-end": _is_shut_after_the_end,
    "health-is-plain": _health_is_plain,
    "runs-again": common.runs_again,
    "stops-before-it-has-opened": common.stops_before_it_has_opened,
    "leaves-nothing-behind": common.leaves_nothing_behind,
}
