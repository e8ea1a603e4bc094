"""The helper process's side of a port that is played on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from choreo_adapters.midi.device import MidiOut
from choreo_adapters.midi.keeper import LOST_ERRORS, PortKeeper


class Player(PortKeeper):
    """Sends to the port it keeps, and counts what was played and what got lost."""

    _device: MidiOut

    def __init__(
        self, device: MidiOut, port: str | None, report: Callable[[Mapping[str, Any]], None], now_ns: Callable[[], int]
    ) -> None:
        super().__init__(device, port, report, now_ns)
        self._counts = {"played": 0, "lost": 0}

    def _send(self, message: bytes, now: int) -> None:
        if self._state != "open":
            self._counts["lost"] += 1
            return
        try:
            self._device.send(message)
        except LOST_ERRORS as error:
            self._counts["lost"] += 1
            self._lose(f"sending failed: {error}", now)
        else:
            self._counts["played"] += 1
