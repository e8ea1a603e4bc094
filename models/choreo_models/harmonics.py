"""How the beat is shown to the nets: by sines of multiples of the bar angle. A sawtooth's jump is hard to learn."""

from __future__ import annotations

from typing import Final

HARMONICS: Final = (1, 2, 4, 8)  # of the bar angle: bar, half bar, beat, eighth note
BEATS_PER_BAR: Final = 4
