"""Doors that adapters open: what comes in is asked of the desk under the door's own name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from choreo_service.commands import CommandError, Learn, Unlearn, parse
from choreo_service.config import Adapter
from choreo_service.protocols import Learns
from choreo_service.service.show import Service


def add_doors(service: Service, doors: Mapping[str, Adapter]) -> None:
    """Let `service` be commanded through `doors`; they open when it runs."""
    for name, adapter in doors.items():
        door = adapter.cls(adapter.config, partial(_submit, service, name), service.clock)
        service.doors[name] = door
        service.beside[name] = door.run
        if isinstance(door, Learns):
            service.facts.setdefault("learnt", door.learnt)
    service.desk.handle(Learn, lambda command: _learn(_learner(service), command))
    service.desk.handle(Unlearn, lambda command: _unlearn(_learner(service), command))


def _learn(door: Learns, command: Learn) -> None:
    """What makes no command is refused before anybody moves a knob."""
    if command.command:
        parse(command.command, [command.of] if command.of else [])
    door.learn(command.command or "", command.of)


def _unlearn(door: Learns, command: Unlearn) -> None:
    if not door.unlearn(command.command, command.of):
        raise CommandError(f"nothing has learnt {command.command} {command.of}".rstrip())


def _learner(service: Service) -> Learns:
    """The first door that learns."""
    door = next((door for door in service.doors.values() if isinstance(door, Learns)), None)
    if door is None:
        raise CommandError("no door of this show learns; start choreo with -o doors.knobs.enabled=true")
    return door


def _submit(service: Service, door: str, verb: str, args: object = ()) -> object:
    return service.desk.ask(verb, args, door)
