"""Raw sensor streams become the motion and heart columns of the frame: pure, causal, deterministic.

One implementation serves the live service, replay and the importers. Nothing here reads time; every method takes its
time as an argument.
"""

from choreo_service.features.body import BodyMotion
from choreo_service.features.heart import HeartFeatures
from choreo_service.features.motion import MotionFeatures

__all__ = ["BodyMotion", "HeartFeatures", "MotionFeatures"]
