"""Doors that adapters open: what comes in is asked of the desk under the door's own name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from choreo_service.config import Adapter
from choreo_service.service.show import Service


def add_doors(service: Service, doors: Mapping[str, Adapter]) -> None:
    """Let `service` be commanded through `doors`; they open when it runs."""
    for name, adapter in doors.items():
        door = adapter.cls(adapter.config, partial(_submit, service, name), service.clock)
        service.doors[name] = door
        service.beside[name] = door.run


def _submit(service: Service, door: str, verb: str, args: object = ()) -> object:
    return service.desk.ask(verb, args, door)
