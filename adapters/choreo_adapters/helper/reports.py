"""What a helper process says on its stdout: one JSON object a line, always with a `state`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

Report = Mapping[str, Any]


def to_line(report: Report) -> bytes:
    return json.dumps(report).encode() + b"\n"


def from_line(line: bytes) -> dict[str, Any]:
    """ValueError when the line isn't a report."""
    report = json.loads(line)
    if not isinstance(report, dict) or not isinstance(report.get("state"), str):
        raise ValueError(f"expected an object with a state, got {line[:80]!r}")
    return report
