"""A performer's hands on the page: the same things done by mouse and by key."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from choreo_service.packets import CONTROL_NAMES


class Hand(ABC):
    """One way to press things on the page."""

    def __init__(self, page: Any) -> None:
        self.page = page

    @abstractmethod
    def use(self, button: Any) -> None:
        """Press a button or follow a link."""

    def open(self, view: str) -> None:
        self.use(self.page.locator("nav a", has_text=view))
        self.page.get_by_role("heading", name=view, exact=True).wait_for(state="attached")


class Mouse(Hand):
    def press(self, verb: str) -> None:
        self.page.get_by_label("Guard actions").locator(f"[data-verb={verb}]").click()

    def press_for(self, verb: str, control: str) -> None:
        self.page.get_by_role("button", name=f"{verb} {control}", exact=True).click()

    def scene_before(self) -> None:
        self.page.get_by_role("button", name="Scene before").click()

    def lead(self) -> None:
        self.page.get_by_label("Who leads the tempo").select_option("body")

    def to_the_end(self, slider: Any) -> None:
        box = slider.bounding_box()
        slider.click(position={"x": box["width"] - 2, "y": box["height"] / 2})

    def lift(self, handle: Any) -> None:
        self.page.locator(".plot").scroll_into_view_if_needed()
        box = handle.locator(".knob").bounding_box()
        top = self.page.locator(".large .axes").bounding_box()
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 4, top["y"] + 0.1 * top["height"], steps=4)
        self.page.mouse.up()

    def use(self, button: Any) -> None:
        button.click()


class Keys(Hand):
    OF: Final = {
        "panic": "Escape",
        "resume": "u",
        "freeze": "f",
        "resend": "s",
        "record": "r",
        "marker": "m",
        "tap": "t",
        "recalibrate": "c",
        "mute": "m",
        "hold": "h",
        "map": "l",
    }

    def press(self, verb: str) -> None:
        self.page.keyboard.press(self.OF[verb])

    def press_for(self, verb: str, control: str) -> None:
        self.page.keyboard.press(str(CONTROL_NAMES.index(control) + 1))
        self.page.keyboard.press(self.OF[verb])

    def scene_before(self) -> None:
        self.page.keyboard.press("[")

    def lead(self) -> None:
        self.page.keyboard.press("p")

    def to_the_end(self, slider: Any) -> None:
        slider.focus()
        self.page.keyboard.press("End")

    def lift(self, handle: Any) -> None:
        handle.focus()
        for _ in range(9):
            self.page.keyboard.press("PageUp")

    def use(self, button: Any) -> None:
        button.click(trial=True)  # waits until it can be used, and doesn't
        button.focus()
        self.page.keyboard.press("Enter")
