"""Musical time: one object that everything reads. It moves on the tick grid, by stamped packets only, so replay
reproduces it.

`transport` is that object, `flywheel` its position and tempo, which never step; `body`, `taps`, `midi_clock` and
`lines` make something to follow out of what is heard.
"""

from choreo_service.transport.flywheel import BEATS_PER_BAR
from choreo_service.transport.transport import Leading, Transport

__all__ = ["BEATS_PER_BAR", "Leading", "Transport"]
