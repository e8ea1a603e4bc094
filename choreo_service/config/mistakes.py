"""Mistakes of parts that don't hang on each other, told in one go: who mends a file should have to start once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from choreo_service.errors import ConfigError

T = TypeVar("T")

MAX_SHOWN: Final = 20
MOST: Final = 50  # found; a file may hold thousands, and each takes its time
_WHOLE: Final = "the configuration"


class Mistakes:
    """What was found so far; `tell` raises it."""

    def __init__(self) -> None:
        self._found: list[ConfigError] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def attempt(self, part: Callable[[], T]) -> T | None:
        """What `part` gives; None where it raised a ConfigError, which is noted, or after MOST mistakes."""
        if len(self._found) >= MOST:
            return None
        try:
            return part()
        except ConfigError as error:
            self.note(error)
            return None

    def note(self, error: ConfigError) -> None:
        """The same mistake, met a second time by another part, is one."""
        known = {mistake.problem for mistake in self._found}
        self._found += [mistake for mistake in error.each if mistake.problem not in known]

    def tell(self, source: str = _WHOLE) -> None:
        """Raise everything noted; nothing where there is nothing."""
        if self._found:
            raise together(self._found, source)


class Several(ConfigError):
    """Two mistakes or more, each with its place and what to type."""

    def __init__(self, found: Sequence[ConfigError], source: str) -> None:
        self._each = tuple(found)
        lines = [line for mistake in found[:MAX_SHOWN] for line in _lines(mistake)]
        more = [f"  and {len(found) - MAX_SHOWN} more"] if len(found) > MAX_SHOWN else []
        super().__init__(
            "\n".join([f"{len(found)} problems{' or more' * (len(found) >= MOST)} in {source}:", *lines, *more]),
            fix="mend these, then see whether that was all: choreo config check",
        )

    @property
    def each(self) -> tuple[ConfigError, ...]:
        return self._each


def together(found: Sequence[ConfigError], source: str = _WHOLE) -> ConfigError:
    """One error for one mistake or for several."""
    return found[0] if len(found) == 1 else Several(found, source)


def _lines(mistake: ConfigError) -> list[str]:
    return [f"  {mistake.problem}", *([f"    fix: {mistake.fix}"] if mistake.fix else [])]
