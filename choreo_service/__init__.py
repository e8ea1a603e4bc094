"""choreo-service: a body plays music. Sensors in, five musical controls out, on a fixed cadence."""

import os

# Before numpy is loaded anywhere: matrices of a tick are far too small to share, and a pool of threads that waits for a
# busy core makes a tick hundreds of times as long. Whoever sets them otherwise has a reason.
for _name in ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ.setdefault(_name, "1")

__version__ = "0.1.0"
