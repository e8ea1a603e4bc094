#!/usr/bin/env python3
"""How long a receiver takes from a message to its sound: `choreo calibrate latency`, as docs/latency.md describes it.

python scripts/measure_latency.py --bridge midi --listen fluidmidi:left --save fluidsynth
"""

from __future__ import annotations

import sys

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of

if __name__ == "__main__":
    sys.exit(exit_code_of(choreo, ["calibrate", "latency", *sys.argv[1:]]))
