"""Ableton Link: the tempo and the bar that the programs of a network agree on, for the transport to follow.

aalink, and Link in it, are licensed under the GPL version 3 or later. It is imported only here and only when this
sensor runs; nothing else needs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from choreo_service.clock import MS, Clock
from choreo_service.errors import AdapterConfigError
from choreo_service.protocols import Emit

POLL_NS: Final = 20 * MS
QUANTUM: Final = 4.0  # beats of a bar; each Link program has its own


class LinkConfig(BaseModel):
    """With which tempo a session begins when we are the first."""

    model_config = ConfigDict(extra="forbid")

    bpm: float = Field(default=120.0, ge=20, le=999, description="tempo until another program joins")


class LinkPeer:
    """Listens to the session and changes nothing in it. States: closed, waiting (nobody else is there), receiving."""

    Config: ClassVar[type[BaseModel]] = LinkConfig

    def __init__(self, config: LinkConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        self._link: Any = None

    async def run(self) -> None:
        """Emit where the session is, 50 times a second while there are others. AdapterConfigError without aalink."""
        try:
            from aalink import Link
        except ImportError as error:
            raise AdapterConfigError(
                f"link: aalink can't be imported: {error}",
                fix="pip install 'choreo-service[link]'; it is GPLv3 or later",
            ) from error
        link = self._link = Link(self._config.bpm)
        link.quantum = QUANTUM
        link.enabled = True
        try:
            while True:
                await self._clock.sleep_until(self._clock.now_ns() + POLL_NS)
                if link.num_peers:
                    self._emit("link", (link.phase, link.tempo), rx_ns=self._clock.now_ns())
        finally:
            self._link = None
            link.enabled = False

    def health(self) -> Mapping[str, Any]:
        link = self._link
        if link is None:
            return {"state": "closed"}
        if not link.num_peers:
            return {"state": "waiting", "hint": "switch Link on in the other program, in the same network"}
        return {"state": "receiving", "detail": f"{link.tempo:.1f} bpm", "peers": link.num_peers}
