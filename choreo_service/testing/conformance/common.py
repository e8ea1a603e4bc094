"""What the service relies on in every adapter, whatever it is for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Protocol

from choreo_service.protocols import Health
from choreo_service.testing.conformance.stage import (
    Act,
    check_config,
    leftovers,
    perform,
    perform_loss,
    require,
    run_loop,
)


class Case(Protocol):
    """An adapter class, the configuration to check it with, and what happens while it runs."""

    @property
    def cls(self) -> Any: ...

    @property
    def config(self) -> Mapping[str, Any]: ...

    def fresh(self) -> Any:
        """An adapter that has never run."""
        ...

    async def act(self, adapter: Any) -> None:
        """What happens while it runs."""
        ...


class LosableCase(Case, Protocol):
    """The same, with a device that may be lost."""

    @property
    def lose(self) -> Act | None: ...


def config_is_strict(case: Case) -> None:
    check_config(case.cls, case.config)


def runs_again(case: Case) -> None:
    async def twice(adapter: Any) -> None:
        await perform(adapter, case.act)
        await perform(adapter, case.act)

    run_loop(twice(case.fresh()))


def stops_before_it_has_opened(case: Case) -> None:
    async def at_once(adapter: Any) -> None:
        await asyncio.sleep(0)

    run_loop(perform(case.fresh(), at_once))


def leaves_nothing_behind(case: Case) -> None:
    left = leftovers(lambda: run_loop(perform(case.fresh(), case.act)))
    require(not left, f"still open after run() was cancelled: {', '.join(left)}")


def raises_when_lost(case: LosableCase) -> None:
    if case.lose is not None:
        run_loop(perform_loss(case.fresh(), case.act, case.lose))


def check_health(adapter: Any) -> None:
    """What health() tells, where there is one, has a state and can be shown on a page."""
    if isinstance(adapter, Health):
        facts = adapter.health()
        require(isinstance(facts.get("state"), str), f'health() has no "state" text: {dict(facts)}')
        json.dumps(dict(facts), allow_nan=False)  # raises what can't be shown
