"""How the report says numbers and verdicts."""

from __future__ import annotations

from typing import Final

from choreo_pipelines.metrics import Outcome, Verdict

NONE: Final = "-"
SHORT: Final = {Outcome.PASS: "pass", Outcome.FAIL: "FAIL", Outcome.NOT_COMPUTABLE: "n/c"}


def number(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """Fixed point, "-" for what could not be had."""
    if value is None or value != value:
        return NONE
    rounded = round(value, digits) + 0.0  # without the sign of a zero
    return f"{rounded:{'+' if sign else ''}.{digits}f}"


def probability(p: float | None) -> str:
    """A p value with its relation: "p = 0.031" or "p < 0.001"."""
    if p is None:
        return ""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def percent(share: float) -> str:
    """Percent that never round something to nothing, nor nearly everything to everything."""
    value = 100.0 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    return f"{value:.1f}".removesuffix(".0") + " %"


def listed(words: tuple[str, ...]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def spoken(verdict: Verdict) -> str:
    """ "pass", or "fail: why"."""
    return f"{verdict.outcome.value}: {verdict.reason}" if verdict.reason else verdict.outcome.value
