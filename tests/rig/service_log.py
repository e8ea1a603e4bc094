"""The service's log as facts: it writes JSON lines wherever stderr is no terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rig.process import Process


def log_events(service: Process, **facts: Any) -> list[Mapping[str, Any]]:
    """The log events so far that carry all of `facts`, oldest first; banner lines are left out."""
    lines = (line for line in service.output().splitlines() if line.startswith("{"))
    events: list[dict[str, Any]] = [json.loads(line) for line in lines if line.endswith("}")]  # the last may be cut
    return [event for event in events if facts.items() <= event.items()]
