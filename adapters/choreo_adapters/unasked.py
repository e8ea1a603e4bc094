"""What a bridge sends besides what it is asked for, told to whoever keeps it. Shared by the bridges that do so."""

from __future__ import annotations

from choreo_service.protocols import Sent, Told


class TellsUnasked:
    """`SendsUnasked` for a bridge, which calls `_tell` beside each such message."""

    _told: Told | None = None

    def report_to(self, told: Told) -> None:
        self._told = told

    def _tell(self, performer: int, sent: Sent) -> None:
        if self._told is not None:
            self._told(performer, sent)
