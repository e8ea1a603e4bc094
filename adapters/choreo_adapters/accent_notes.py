"""How an accent is a MIDI note. Shared by the bridges that play notes."""

from __future__ import annotations

import math
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from choreo_service.packets import Accent

NOTE_ON: Final = 0x90
NOTE_OFF: Final = 0x80
CHANNELS: Final = 16


class AccentNotes(BaseModel):
    """Which note, on which channel, for how long."""

    model_config = ConfigDict(extra="forbid")

    note: int = Field(default=36, ge=0, le=127)
    """36 is C2, the bass drum of General MIDI."""
    channel: int = Field(default=1, ge=1, le=16)
    """Of the first performer; performer n plays n channels above."""
    length_ms: float = Field(default=60.0, ge=5, le=100)
    """Every note is ended after this. Shorter than the shortest time between two accents, so notes never overlap."""

    def on(self, accent: Accent) -> bytes | None:
        """The note-on, velocity 1..127 by the strength; None past channel 16 or for a strength that isn't finite."""
        channel = self.channel + accent.performer
        if channel > CHANNELS or not math.isfinite(accent.strength):
            return None
        velocity = min(127, max(1, round(accent.strength * 127)))
        return bytes((NOTE_ON | channel - 1, self.note, velocity))


def note_off(note_on: bytes) -> bytes:
    """What ends that note."""
    return bytes((NOTE_OFF | note_on[0] & 0x0F, note_on[1], 0))
