"""What the arrays of packets hold. The first axis is the performers, B."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
StateArray = NDArray[np.uint8]
