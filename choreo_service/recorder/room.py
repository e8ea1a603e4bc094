"""How long the disk will last: said in minutes, early, and acted on before it is full."""

from __future__ import annotations

from typing import Final, Literal

from choreo_service.config import RecorderSettings
from choreo_service.logs import get_logger

Verdict = Literal["fine", "leave out latents", "stop"]

ANNOUNCED_MIN: Final = (30.0, 10.0, 3.0)  # each once
_MB: Final = 1 << 20
_ENOUGH_S: Final = 4.0  # before that, what every take begins with is counted as if it went on like that


class Room:
    """Looked at every few seconds while a take is recorded."""

    def __init__(self, settings: RecorderSettings) -> None:
        self._keep = settings.keep_free_mb * _MB
        self._left_to_say = list(ANNOUNCED_MIN)
        self.minutes_left = float("inf")

    def look(self, free: int, written: int, elapsed_s: float) -> Verdict:
        """`free` bytes are left, `written` went into the take in `elapsed_s`. Finishing it needs as much again."""
        rate = written / elapsed_s if elapsed_s > _ENOUGH_S else 0.0
        usable = free - self._keep
        if rate > 0:
            self.minutes_left = max(0.0, (usable - written) / (2 * rate) / 60.0)
        self._announce(free)
        if usable <= 0:
            return "stop"
        return "leave out latents" if usable < self._keep else "fine"

    def _announce(self, free: int) -> None:
        due = [minutes for minutes in self._left_to_say if self.minutes_left < minutes]
        if due:
            self._left_to_say = [minutes for minutes in self._left_to_say if minutes not in due]
            get_logger().warning(
                "recording.disk_low", minutes_left=round(self.minutes_left, 1), free_mb=round(free / _MB)
            )
