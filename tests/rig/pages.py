"""The dashboard in Debian's Chromium, and a whole service behind it, each in a thread of its own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any, Final, Self, TypeVar

from page_stage import NOWHERE
from shows import default_map, make_service

from choreo_adapters.bridges.osc_out import OscOut, OscOutConfig
from choreo_adapters.sensors.synthetic import SyntheticDancer
from choreo_service.clock import MonotonicClock
from choreo_service.commands import COMMANDS, CommandError, Resend
from choreo_service.config import DashboardSettings, load_settings
from choreo_service.dashboard.configuration import Configuration
from choreo_service.desk import Answered, Desk
from choreo_service.service.face import add_dashboard, calibrate_beside
from choreo_service.service.shaping import Shaping
from rig.process import PeerError, wait_until

T = TypeVar("T")

VIEWS: Final = ("/", "/stage", "/map", "/sensors", "/takes", "/health", "/config")
FETCHED: Final = {
    "/takes": "main tbody [role=rowheader]",
    "/config": "main input",
    "/health": "main tbody tr",
    "/sensors": "main table",
}
DESK, TABLET, PHONE = (1280, 900), (768, 1024), (390, 844)

REPO_ROOT: Final = Path(__file__).resolve().parents[2]

# Root needs --no-sandbox, a page nobody clicked may not sound, and Chromium's own calls out wait in a closed network.
FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)
AXE: Final = "axe-core@4.14.1"
TOGGLES: Final = {"hold": "held", "mute": "muted"}


class PageShow:
    """A dancer plays, OSC goes to `osc_port`, the page is at `url`; inside its `with` block.

    The desk is the test's own: every verb is obeyed and remembered in `latched`, but `scene`, which is refused.
    """

    def __init__(
        self, osc_port: int, recordings: Path = NOWHERE, sensors: Mapping[str, Any] | None = None, **settings: Any
    ) -> None:
        """`sensors` are made beside the dancer, by name, each from an Emit and a Clock."""
        clock = MonotonicClock()
        self.service = make_service(
            clock,
            {"dancer": lambda emit, at: SyntheticDancer(SyntheticDancer.Config(), emit, at), **(sensors or {})},
            {"synth": lambda wires, at: OscOut(OscOutConfig(port=osc_port), wires, at)},
        )
        self.answered: list[Answered] = []
        self.latched: dict[str, Any] = {
            "panic": False,
            "frozen_s": None,
            "held": [],
            "muted": [],
            "manual": [],
            "map": "",
        }
        self.service.desk = Desk(clock)
        self.service.desk.hooks.append(self.answered.append)
        self._obey_everything()
        self.page = add_dashboard(self.service, DashboardSettings(**{"port": 0, **settings}), default_map(), recordings)
        self.service.facts["latched"] = lambda: self.latched
        loaded = load_settings(profile="demo", home=REPO_ROOT, environ={})
        self.page.configuration = Configuration(loaded)
        calibrate_beside(self.service, self.page, loaded)
        shaping = Shaping(loaded, self.service.controller, self.service.recorder, play=lambda _: None)
        self.service.facts["shape"] = shaping.facts
        self._thread = Thread(target=lambda: asyncio.run(self.service.run()), name="rig-page-show")
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.page.port}"

    def __enter__(self) -> Self:
        self.service.beside["rig"] = self._note_loop
        self._thread.start()
        wait_until(lambda: self.page.port > 0 and self._loop is not None, "the page is open", timeout_s=30.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """The orderly end; again does nothing."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.service.stop)
            self._loop = None
            self._thread.join()

    async def _note_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.Event().wait()

    def _obey_everything(self) -> None:
        for verb, kind in COMMANDS.items():
            if kind is Resend:
                self.service.desk.handle(Resend, lambda _: self.service.controller.resend())
            else:
                self.service.desk.handle(kind, lambda command, verb=verb: self._obey(verb, command))

    def _obey(self, verb: str, command: Any) -> None:
        if verb == "scene":
            raise CommandError("no such scene", fix="")
        if verb == "panic":
            self.latched["panic"] = True
        elif verb == "resume":
            self.latched |= {"panic": False, "frozen_s": None, "held": [], "muted": [], "manual": [], "map": ""}
        elif verb == "freeze":
            self.latched["frozen_s"] = None if self.latched["frozen_s"] is not None else 0.0
        elif verb == "map":
            self.latched["map"] = command.control or ""
        elif verb in TOGGLES:
            names = self.latched[TOGGLES[verb]]
            names.remove(command.control) if command.control in names else names.append(command.control)


class Pages:
    """One headless Chromium. `visit` opens a page, hands it to `act` and fails on any error the page reported.

    Playwright lives in a thread of its own: it keeps an event loop running, which other tests would take for theirs.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="playwright")
        self._stack = ExitStack()
        self._browser: Any = None

    def __enter__(self) -> Self:
        self._thread.submit(self._launch).result()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.submit(self._stack.close).result()
        self._thread.shutdown()

    def visit(
        self,
        url: str,
        act: Callable[[Any], T],
        *,
        size: tuple[int, int] = (1280, 900),
        shot: Path | None = None,
        faults_allowed: bool = False,
        **context: Any,
    ) -> T:
        result, faults = self._thread.submit(self._visit, url, act, size, shot, context).result()
        if faults and not faults_allowed:
            raise PeerError(f"the page reported: {faults}")
        return result

    def _launch(self) -> None:
        from playwright.sync_api import sync_playwright

        playwright = self._stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        self._browser = browser
        self._stack.callback(browser.close)

    def _visit(
        self, url: str, act: Callable[[Any], T], size: tuple[int, int], shot: Path | None, context: dict[str, Any]
    ) -> tuple[T, list[str]]:
        width, height = size
        faults: list[str] = []
        with self._browser.new_context(viewport={"width": width, "height": height}, **context) as tab:
            page = tab.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: faults.append(str(error)))
            page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
            page.goto(url)
            page.wait_for_function("() => document.querySelector('#link').dataset.up === 'true'")
            result = act(page)
            if shot is not None:
                page.screenshot(path=str(shot))
        return result, faults


def settled(page: Any, view: str) -> None:
    """Wait until the page shows what it has to show: the state has been told, and what the view fetches has come."""
    page.wait_for_function("() => document.querySelector('#health').innerText !== ''", timeout=20_000)
    page.locator(FETCHED.get(view, "main > *")).first.wait_for()


def answered(page: Any, text: str) -> None:
    """Wait for the page's answer to what was pressed."""
    page.locator(".toast", has_text=text).first.wait_for()


def axe_source(folder: Path) -> str:
    """axe-core's script, from npm at test time; PeerError when the registry doesn't answer."""
    argv = ["npm", "pack", AXE, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise PeerError(f"npm pack {AXE}: {done.stderr.strip()[-300:]}")
    with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as archive:
        member = archive.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode("utf-8")
