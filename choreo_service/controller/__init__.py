"""From positions to receivers: map, let scenes and hands have their way, throttle, and send only what changed.

Per control: transfer curve -> invert -> clamp -> ease -> span of the range (`paths`), scenes fading into each other
(`morph`), panic, fader, hold and freeze (`hands`, `cell`, `takeover`), the value in the range (`wiring`). Per bridge
(`delivery`, `outlet`): a change goes out at once and then no more often than its throttle allows; a value that rests is
repeated every `refresh_s`, so that a receiver that was restarted is right again; a delayed bridge gets everything that
much later. All times are tick times: what is sent is a pure function of the steps and of the commands between them.
"""

from choreo_service.controller.controller import HOME, Controller
from choreo_service.controller.delivery import SentHook
from choreo_service.controller.hands import MAP_S, Latches, Manners
from choreo_service.controller.outlet import Pace
from choreo_service.controller.paths import ControlPath, Scene

__all__ = [
    "HOME",
    "MAP_S",
    "ControlPath",
    "Controller",
    "Latches",
    "Manners",
    "Pace",
    "Scene",
    "SentHook",
]
