"""What all soaks share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog


@pytest.fixture
def no_log() -> Iterator[None]:
    """A show of hours logs every loss and crash: here that would fill pytest's memory and be mistaken for the
    service's."""

    def drop(_logger: Any, _method: str, _event: Any) -> Any:
        raise structlog.DropEvent

    structlog.configure(processors=[drop])
    yield
    structlog.reset_defaults()
