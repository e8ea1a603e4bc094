"""Any stream of the Lab Streaming Layer as a sensor: heart straps, motion suits, wristbands, OpenSignals, OpenBCI."""

from __future__ import annotations

from choreo_adapters.sensors.lsl_inlet.config import LslInletConfig
from choreo_adapters.sensors.lsl_inlet.inlet import LslInlet

__all__ = ["LslInlet", "LslInletConfig"]
