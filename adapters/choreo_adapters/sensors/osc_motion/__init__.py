"""Phones, motion capture and whatever else speaks OSC as motion sensors: one UDP port, many apps and performers."""

from choreo_adapters.sensors.osc_motion.config import OscMotionConfig
from choreo_adapters.sensors.osc_motion.samples import PLAUSIBLE
from choreo_adapters.sensors.osc_motion.sensor import OscMotion

__all__ = ["PLAUSIBLE", "OscMotion", "OscMotionConfig"]
