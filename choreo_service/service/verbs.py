"""The commands the controller obeys."""

from __future__ import annotations

from choreo_service.commands import Freeze, Hold, Manual, Map, Mute, Panic, Resend, Resume, Scene
from choreo_service.controller import Controller
from choreo_service.desk import Desk


def let_hands_play(desk: Desk, controller: Controller) -> None:
    """Register the verbs whose meaning `choreo_service.controller` knows."""
    desk.handle(Panic, lambda _: controller.panic())
    desk.handle(Resume, lambda _: controller.resume())
    desk.handle(Freeze, lambda command: controller.freeze(command.on))
    desk.handle(Hold, lambda command: controller.hold(command.control, command.on))
    desk.handle(Mute, lambda command: controller.mute(command.control, command.on))
    desk.handle(Manual, lambda command: controller.manual(command.control, command.position))
    desk.handle(Map, lambda command: controller.map(command.control, command.performer))
    desk.handle(Scene, lambda command: controller.scene(command.name, command.morph_s))
    desk.handle(Resend, lambda _: controller.resend())
