"""Shows in virtual time keep their log to themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def no_log() -> Iterator[None]:
    """A show full of faults logs thousands of lines; pytest would keep them all."""

    def drop(_logger: object, _method: str, _event: object) -> object:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()
