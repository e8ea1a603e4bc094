"""Where commands arrive: every door submits here, whoever can obey a command registered for it, all are answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from choreo_service.clock import Clock
from choreo_service.commands import Command, CommandError, parse

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Ack:
    """The answer to one command. A refusal says why, in words for the performer."""

    ok: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One command as it was dealt with: for the recorder, the log and whoever shows latched states."""

    t_ns: int
    door: str  # "keyboard", "websocket", "osc", ...
    command: Command
    ack: Ack


class Desk:
    """Hands each command to its one handler. Call it on the event loop; it never raises and never waits."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._handlers: dict[type[Any], Callable[[Any], None]] = {}
        self.hooks: list[Callable[[Answered], None]] = []

    def handle(self, kind: type[C], handler: Callable[[C], None]) -> None:
        """Let `handler` obey commands of `kind`. It must be quick, and refuses by raising CommandError.

        ValueError when somebody does so already.
        """
        if kind in self._handlers:
            raise ValueError(f"{kind.__name__} has a handler already")
        self._handlers[kind] = handler

    def ask(self, verb: str, args: Any, door: str) -> Ack:
        """Words of a stranger to command (`commands.parse`), then `submit`; words that are no command are refused."""
        if not isinstance(args, Mapping | list | tuple):
            return Ack(False, f"arguments by name or a list of them expected, found {type(args).__name__}")
        try:
            command = parse(verb, args)
        except CommandError as error:
            return Ack(False, _in_a_line(error))
        return self.submit(command, door)

    def submit(self, command: Command, door: str) -> Ack:
        """Obey or refuse, and tell all hooks."""
        ack = self._obey(command)
        answered = Answered(self._clock.now_ns(), door, command, ack)
        for hook in self.hooks:
            hook(answered)
        return ack

    def _obey(self, command: Command) -> Ack:
        handler = self._handlers.get(type(command))
        if handler is None:
            return Ack(False, "nothing in this service can do that")
        try:
            handler(command)
        except CommandError as refusal:
            return Ack(False, _in_a_line(refusal))
        except Exception as error:  # noqa: BLE001 - a handler's bug must not reach the door or stop the show
            return Ack(False, f"{type(error).__name__}: {error}")
        return Ack(True)


def _in_a_line(error: CommandError) -> str:
    """What was found and what to ask for instead; the verb is known to whoever asked."""
    return f"{error.problem}; {error.fix}" if error.fix else error.problem
