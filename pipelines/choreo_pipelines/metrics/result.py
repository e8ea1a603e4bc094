"""What every metric returns: numbers that are None where unknown, and a verdict that says why."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class Outcome(enum.StrEnum):
    """The three things a gate can say. A number that could not be had never counts as passed."""

    PASS = "pass"  # noqa: S105 - the word of a verdict
    FAIL = "fail"
    NOT_COMPUTABLE = "not computable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate's answer. `reason` is empty only when everything passed."""

    outcome: Outcome
    reason: str = ""

    @property
    def passed(self) -> bool:
        return self.outcome is Outcome.PASS


class Result:
    """Base of the metrics' frozen dataclasses."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON types; numbers that are not finite become None."""
        fields: dict[str, Any] = _json(self)
        return fields


def judge(*checks: tuple[bool, str]) -> Verdict:
    """Pass when every check holds, else fail with the text of each that doesn't."""
    broken = "; ".join(text for holds, text in checks if not holds)
    return Verdict(Outcome.FAIL, broken) if broken else Verdict(Outcome.PASS)


def failed(reason: str) -> Verdict:
    return Verdict(Outcome.FAIL, reason)


def not_computable(reason: str) -> Verdict:
    return Verdict(Outcome.NOT_COMPUTABLE, reason)


def _json(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {f.name: _json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None  # float() also strips numpy's subclass
    return value
