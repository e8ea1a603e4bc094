"""How long a receiver takes from our message to its sound: pulses at random phase, recorded, their onsets found.

`ears` says what a recording is, `jack_ears` and `device_ears` make one, `pulses` plays, `onsets` judges, `measure` is
the whole of it.
"""

from choreo_service.latency.measure import Measured, measure
from choreo_service.latency.onsets import Judged

__all__ = ["Judged", "Measured", "measure"]
