"""Strudel as musicians run it: its own code from npm, in a real browser."""

from rig.strudel.browser import CLOCK, CONTROLS, NOTES, Strudel
from rig.strudel.sound import ECHO_S, Sound

__all__ = ["CLOCK", "CONTROLS", "ECHO_S", "NOTES", "Sound", "Strudel"]
