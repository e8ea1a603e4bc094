"""The screen of `choreo top`: five meters, what is alive, the health word, the clock, the last answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from choreo_service.cli.top import screen
from choreo_service.cli.top.keys import SCENE_KEYS, Keys
from choreo_service.cli.top.link import Link
from choreo_service.clock import MonotonicClock

_HELP: Final = (
    "Esc panic  U resume  F freeze  R record  M marker  S resend  T tap  C learn my range  P who leads  "
    "1-5 then M H L  [ ] scene  Q leave"
)


class Top(App[None]):
    """One show, as long as it is looked at."""

    CSS = (
        "Static { padding: 0 1; } #word { padding: 0 1; height: auto; } #meters { padding: 1; } #help { dock: bottom; }"
    )
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    TITLE = "choreo"

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link
        self._keys = Keys(MonotonicClock())
        self._said = ""

    def compose(self) -> ComposeResult:
        for name in ("word", "meters", "lights", "facts", "said"):
            yield Static(id=name)
        yield Static(_HELP, id="help")

    def on_mount(self) -> None:
        self.link.changed = self.draw
        self.link.is_another = self._tell_another
        self.run_worker(self.link.run())
        self.draw()

    def draw(self) -> None:
        """Everything anew from what the show told last."""
        if not self.is_running:
            return
        parts: dict[str, Text | str] = {
            "word": screen.word(self.link),
            "meters": screen.meters(self.link, self._keys.chosen, self.size.width),
            "lights": screen.lights(self.link),
            "facts": screen.facts(self.link),
            "said": self._said,
        }
        for name, content in parts.items():
            self.query_one(f"#{name}", Static).update(content)

    async def on_key(self, event: events.Key) -> None:
        if event.key in ("q", "Q"):
            self.exit()
        elif event.key in SCENE_KEYS:
            self.run_worker(self._scene(SCENE_KEYS[event.key]))
        elif event.key in ("p", "P"):
            self.run_worker(self._lead_next())
        elif (asked := self._keys.press(event.key)) is not None:
            self.run_worker(self._ask(*asked))
        self.draw()

    def _tell_another(self, name: str) -> None:
        self._said = f"another show answers here now: {name or 'it has no name'}"

    async def _ask(self, verb: str, args: dict[str, str]) -> None:
        done, reason = await self.link.ask(verb, args)
        what = " ".join([verb, *args.values()])
        self._said = f"{what}: done" if done else f"{what} refused: {reason}"
        self.draw()

    async def _scene(self, step: int) -> None:
        scenes = self.link.state.get("scenes", {})
        names, name = scenes.get("names", []), scenes.get("name", "")
        if not names:
            self._said = "no scenes in this configuration"
            self.draw()
            return
        await self._ask("scene", {"name": _beside(names, name, step)})

    async def _lead_next(self) -> None:
        if leaders := self.link.hello.get("leaders", []):
            await self._ask("policy", {"leader": _beside(leaders, self.link.state.get("leader", ""), 1)})


def _beside(names: Sequence[str], name: str, step: int) -> str:
    at = names.index(name) if name in names else -1 if step > 0 else 0
    return names[(at + step) % len(names)]
