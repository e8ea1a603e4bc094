"""Every registered adapter and what it sees. `describe()` runs in a child process: drivers hang and crash."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from choreo_service import registry
from choreo_service.doctor.child import NoAnswer, ask
from choreo_service.errors import ChoreoError
from choreo_service.protocols import Describes

TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Described:
    """One adapter: who brought it, and the ports or devices it sees."""

    kind: registry.Kind
    name: str
    distribution: str
    version: str
    devices: Sequence[Mapping[str, str]]
    problem: str = ""  # why it could not be asked

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def describe_all(timeout_s: float = TIMEOUT_S) -> list[Described]:
    """All sensors, then all bridges, then all doors. One that hangs or can't be imported is listed with its problem."""
    entries = [*registry.sensors().values(), *registry.bridges().values(), *registry.doors().values()]
    with ThreadPoolExecutor(max_workers=4) as pool:  # each thread only waits for a child
        return list(pool.map(lambda entry: _described(entry, timeout_s), entries))


def main(kind: registry.Kind, name: str) -> int:
    """The child: prints {"devices": [...]} as one line."""
    try:
        adapter = registry.find(kind, name).load()
    except ChoreoError as error:
        sys.stderr.write(f"{error.problem}\n")
        return 1
    found: Sequence[Mapping[str, str]] = adapter.describe() if isinstance(adapter, Describes) else ()
    sys.stdout.write(json.dumps({"devices": [dict(device) for device in found]}) + "\n")
    return 0


def _described(entry: registry.Entry, timeout_s: float) -> Described:
    who = (entry.kind, entry.name, entry.distribution, entry.version)
    try:
        answer = ask(__name__, entry.kind, entry.name, timeout_s=timeout_s)
    except NoAnswer as error:
        return Described(*who, devices=(), problem=str(error))
    return Described(*who, devices=answer["devices"])


if __name__ == "__main__":
    sys.exit(main(cast("registry.Kind", sys.argv[1]), sys.argv[2]))
