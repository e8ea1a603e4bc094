"""The OSC layouts of the phone apps people own, as tables read by the adapter and by encoders that imitate the apps."""

from choreo_adapters.osc.presets.layout import (
    STANDARD_GRAVITY,
    TIME_UNITS_NS,
    UNITS,
    AxisRoute,
    Layout,
    Route,
)
from choreo_adapters.osc.presets.phones import LAYOUTS

__all__ = ["LAYOUTS", "STANDARD_GRAVITY", "TIME_UNITS_NS", "UNITS", "AxisRoute", "Layout", "Route"]
