"""Real Strudel in Debian's Chromium: no window, no sound card, the test's MIDI, and every sample it plays."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Final, Self

from rig.process import PeerError, wait_until
from rig.strudel import packages
from rig.strudel.server import PageServer
from rig.strudel.sound import Sound

# Root needs --no-sandbox, and a page that nobody clicked may not sound without the policy.
FLAGS: Final = ("--no-sandbox", "--autoplay-policy=no-user-gesture-required")
CONTROLS: Final = "choreo"
NOTES: Final = "choreo notes"
CLOCK: Final = "clock"  # the page's one MIDI output
BAD: Final = ("error", "Error", "not found", "NaN")
IGNORED: Final = ("onended deprecation", "favicon")


class Strudel:
    """One browser; `open()` gives a fresh page, the rest acts on the page that is open.

    Playwright lives in a thread of its own: it keeps an event loop running, which other tests would take for theirs.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="playwright")
        self._stack = ExitStack()
        self._browser: Any = None
        self._page: Any = None

    def __enter__(self) -> Self:
        self._url = self._stack.enter_context(PageServer(packages.fetch())).url
        self._thread.submit(self._launch).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._stack.close).result()
        self._thread.shutdown()

    def open(self) -> None:
        """A page that knows nothing of what was played before."""
        self._do(self._turn_page)
        self._call("() => rig.ready")

    def load(self, code: str) -> None:
        """Evaluate without playing; PeerError with Strudel's own words when it can't be."""
        self._play(code, autostart=False)

    def play(self, code: str) -> None:
        """Evaluate and play, as Ctrl-Enter does; PeerError with Strudel's own words when it can't be."""
        self._play(code, autostart=True)

    def stop(self) -> None:
        self._call("() => rig.stop()")

    def midi(self, port: str, *data: int) -> None:
        """A MIDI message arrives at one of the page's inputs, CONTROLS or NOTES."""
        self._call("([port, data]) => rig.midi(port, ...data)", [port, data])

    def connect(self, port: str, url: str) -> None:
        """Let a WebSocket of choreo's play one of the inputs from now on."""
        self._call("([port, url]) => rig.connect(port, url)", [port, url])

    def relay(self, url: str) -> None:
        """Let what Strudel sends to CLOCK go to a WebSocket from now on."""
        self._call("([port, url]) => rig.relay(port, url)", [CLOCK, url])

    def received(self, port: str) -> int:
        """MIDI messages that arrived at an input since the page was opened."""
        return int(self._call("port => rig.inputs.get(port).heard", port))

    def arrivals(self, port: str) -> list[dict[str, Any]]:
        """The messages of an input since the last call: {seconds: of the audio clock, unix, data}."""
        taken: list[dict[str, Any]] = self._call("port => rig.inputs.get(port).arrivals.splice(0)", port)
        return taken

    def await_controls(self, count: int = 5) -> None:
        wait_until(lambda: self.received(CONTROLS) >= count, f"{count} controls in the page")

    def events(self, cycles: int) -> Sequence[dict[str, Any]]:
        """The events of the first cycles as they are with the controls of now: {begin, end, value}."""
        found: Sequence[dict[str, Any]] = self._call("cycles => rig.events(cycles)", cycles)
        return found

    def render(self, cycles: int, tail_s: float) -> Sound:
        """The events of the first cycles played into a file, faster than real time. Once per page."""
        return Sound.of(self._call("([cycles, tail]) => rig.render(cycles, tail)", [cycles, tail_s]))

    def hear(self, seconds: float) -> Sound:
        """What really sounds during the next seconds."""
        self._call("() => { rig.heard() }")
        time.sleep(seconds)
        return self.heard()

    def heard(self) -> Sound:
        """What really sounded since the last call."""
        return Sound.of(self._call("() => rig.heard()"))

    def call(self, script: str, argument: Any = None) -> Any:
        """Run a function of JavaScript in the page."""
        return self._call(script, argument)

    def troubles(self) -> list[str]:
        """What Strudel complained of since the page was opened."""
        log = self._call("() => [...rig.errors, ...rig.log]")
        return [t for t in log if any(b in t for b in BAD) and not any(i in t for i in IGNORED)]

    def late(self) -> int:
        """Slices of music the scheduler came too late for since the page was opened: a stutter each."""
        return int(self._call("() => rig.log.filter(t => t.includes('too late')).length"))

    def dropped(self) -> int:
        """Notes that Strudel said it left out since the page was opened: it came to them too late."""
        return int(self._call("() => rig.log.filter(t => t.includes('sounds in the past')).length"))

    def _play(self, code: str, *, autostart: bool) -> None:
        if trouble := self._call("([code, start]) => rig.play(code, start)", [code, autostart]):
            raise PeerError(f"Strudel can't evaluate: {trouble}")

    def _launch(self) -> None:
        from playwright.sync_api import sync_playwright

        playwright = self._stack.enter_context(sync_playwright())
        self._browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        self._stack.callback(self._browser.close)

    def _turn_page(self) -> None:
        if self._page is not None:
            self._page.close()
        self._page = self._browser.new_page()
        self._page.goto(self._url)

    def _call(self, script: str, argument: Any = None) -> Any:
        return self._do(lambda: self._page.evaluate(script, argument))

    def _do(self, action: Callable[[], Any]) -> Any:
        return self._thread.submit(action).result()
