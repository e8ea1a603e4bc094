"""The pages as performers meet them: in a real browser, over a show that plays.

Screenshots are kept in the folder that CHOREO_SHOTS names, for people to look at.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig.osc_ear import OscEar
from rig.pages import Pages, PageShow, axe_source
from rig.process import wait_until
from session_samples import PERIOD_NS, some_steps

from choreo_service.packets import CONTROL_NAMES
from choreo_service.session import write_session

pytestmark = [pytest.mark.peer("chromium"), pytest.mark.slow]

VIEWS = ("/", "/stage", "/map", "/sensors", "/takes", "/health", "/config")
DESK, PHONE = (1280, 900), (390, 844)
KEYS = {"Escape": "panic", "u": "resume", "f": "freeze", "r": "record", "m": "marker", "s": "resend", "t": "tap"}
RECORD_IS_ON = (
    "() => [...document.querySelectorAll('[aria-pressed=true]')].some((b) => b.innerText.startsWith('Record'))"
)
CLOSER = "() => [...document.querySelectorAll('.hint.num')].every((line) => line.innerText.startsWith('0:09'))"
CHANGED = "(before) => [...document.querySelectorAll('.value, .giant .num')].some((n, i) => n.innerText !== before[i])"
BOXES = """() => [...document.querySelectorAll('.giant')].map((giant) => {
  const number = giant.querySelector('.num'), range = document.createRange();
  range.selectNodeContents(number);
  const text = range.getBoundingClientRect(), box = giant.getBoundingClientRect();
  const inside = text.left >= box.left - 1 && text.right <= box.right + 1 && text.bottom <= innerHeight;
  return [parseFloat(getComputedStyle(number).fontSize), inside];
})"""
BUTTONS = ("panic", "resume", "freeze", "resend", "record", "marker", "tap")


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with Pages() as browser:
        yield browser


@pytest.fixture(scope="module")
def ear() -> Iterator[OscEar]:
    with OscEar() as listening:
        yield listening


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recordings")
    for name in ("alpha", "beta"):
        steps = list(some_steps(1500, latents=False))
        meta = {"source": "test", "created": "2026-01-01T20:00:00+00:00", "period_ns": PERIOD_NS, "performers": 1}
        write_session(root / name, packets=None, steps=steps, meta=meta)
    return root


@pytest.fixture(scope="module")
def show(ear: OscEar, recordings: Path) -> Iterator[PageShow]:
    with PageShow(ear.port, recordings) as running:
        yield running


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("CHOREO_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def _nothing_in_force(show: PageShow) -> None:
    show.latched |= {"panic": False, "frozen_s": None, "held": [], "muted": [], "manual": [], "map": ""}
    show.answered.clear()


def _numbers(page: Any) -> list[str]:
    texts: list[str] = page.locator(".value, .giant .num").all_inner_texts()
    return texts


def _answer(page: Any, text: str) -> None:
    page.locator(".toast", has_text=text).first.wait_for()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
@pytest.mark.parametrize("view", VIEWS)
def test_every_page_shows_the_running_show(
    pages: Pages, show: PageShow, shots: Path, view: str, size: tuple[int, int]
) -> None:
    def act(page: Any) -> bool:
        page.wait_for_function("() => document.querySelector('main').innerText.length > 60")
        page.wait_for_timeout(1500)
        if view in ("/", "/stage", "/map"):
            before = _numbers(page)
            assert len(before) == 5
            page.wait_for_function(CHANGED, arg=before)
        narrow: bool = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        return narrow

    name = f"{view.strip('/') or 'live'}-{'x'.join(map(str, size))}.png"
    assert pages.visit(show.url + view, act, size=size, shot=shots / name), "the page is wider than its screen"


def test_every_verb_by_key_is_acknowledged(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        for key, verb in KEYS.items():
            page.keyboard.press(key)
            _answer(page, f"{verb} ✓")
        for number, (key, verb) in enumerate([("m", "mute"), ("h", "hold"), ("l", "map")]):
            page.keyboard.press(str(number + 1))
            page.keyboard.press(key)
            _answer(page, f"{verb} {CONTROL_NAMES[number]} ✓")

    pages.visit(show.url, act)
    done = [answered.command.verb for answered in show.answered]
    assert done == [*KEYS.values(), "mute", "hold", "map"]
    assert {answered.door for answered in show.answered} == {"websocket"}
    assert [getattr(a.command, "control", None) for a in show.answered[-3:]] == list(CONTROL_NAMES[:3])


def test_every_verb_by_mouse_is_acknowledged(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        for verb in BUTTONS:
            page.get_by_role("button", name=verb).first.click()
            _answer(page, f"{verb} ✓")
        for verb in ("mute", "hold", "map"):
            page.get_by_role("button", name=f"{verb} tension").click()
            _answer(page, f"{verb} tension ✓")

    pages.visit(show.url, act)
    assert [answered.command.verb for answered in show.answered] == [*BUTTONS, "mute", "hold", "map"]


def test_a_fader_takes_a_control_and_gives_it_back(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        fader = page.get_by_label("density by hand", exact=True)
        fader.focus()
        page.keyboard.press("End")
        _answer(page, "density by hand ✓")
        page.get_by_role("button", name="give back density").click()
        _answer(page, "density given back ✓")

    pages.visit(f"{show.url}/map", act)
    positions = [getattr(answered.command, "position", None) for answered in show.answered]
    assert (positions[0], positions[-1]) == (1.0, None)


def test_resend_by_key_reaches_the_receiver(pages: Pages, show: PageShow, ear: OscEar) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        before = len(ear.arrivals())
        page.keyboard.press("s")
        _answer(page, "resend ✓")
        wait_until(lambda: len(ear.arrivals()) >= before + 5, "all five controls arrive")

    pages.visit(show.url, act)


def _chosen(page: Any, name: str) -> str:
    page.get_by_label(f"show {name}").check()
    told = page.get_by_label(name, exact=True).locator(".hint.num")
    page.wait_for_function("(line) => line.innerText.includes('read in')", arg=told.element_handle())
    text: str = told.inner_text()
    return text


def test_two_takes_are_compared_and_looked_at_closely(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        assert _chosen(page, "alpha").startswith("0:00.0 to 0:3")
        _chosen(page, "beta")
        assert page.locator(".uplot").count() == 4  # controls and body of both
        page.get_by_role("button", name="closer").first.click()
        page.wait_for_function(CLOSER)
        box = page.locator(".u-over").first.bounding_box()
        page.mouse.move(box["x"] + 50, box["y"] + 50)
        page.locator(".u-legend .u-value", has_text="0:").first.wait_for()  # the cursor reads values off

    pages.visit(f"{show.url}/takes", act, shot=shots / "takes-two.png")


def test_a_change_of_the_configuration_is_judged_before_it_is_made(pages: Pages, show: PageShow, shots: Path) -> None:
    def act(page: Any) -> None:
        period = page.get_by_label("engine.period_ms")
        period.fill("10")
        period.press("Tab")
        page.get_by_text("choreo run -o engine.period_ms=10").wait_for()
        period.fill("999")
        period.press("Tab")
        page.get_by_text("allowed: a number from 5 to 50").wait_for()
        assert page.locator("pre").count() == 0  # nothing to copy that would be refused
        period.fill("20")
        period.press("Tab")
        page.get_by_text("No changes.").wait_for()

    pages.visit(f"{show.url}/config", act, shot=shots / "config.png")


@pytest.mark.data
def test_an_hour_opens_at_once_and_stalls_nobody(
    pages: Pages, ear: OscEar, data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("hour")
    argv = [str(Path(sys.executable).with_name("choreo-lab")), "import", str(data_dir / "stress_predict" / "S25")]
    subprocess.run([*argv, "--out", str(root)], check=True, capture_output=True, timeout=300)
    stalls: list[int] = []
    show = PageShow(ear.port, root)
    show.service.listeners.append(lambda tick, _packets, _step: stalls.append(tick.late_ns))
    with show:

        def act(page: Any) -> str:
            page.get_by_label("show S25").wait_for()
            stalls.clear()
            return _chosen(page, "S25")

        told = pages.visit(f"{show.url}/takes", act)
    print(f"53 minutes: {told}; tick at most {max(stalls) / 1e6:.1f} ms late meanwhile")
    assert "of 53:" in told


def test_a_hidden_tab_slows_down(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        (client,) = show.page.hub.clients
        assert client.hz == 30.0
        for hidden, hz in (("true", 2.0), ("false", 30.0)):
            page.evaluate(f"Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {hidden} }})")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
            wait_until(lambda hz=hz: client.hz == hz, f"{hz} frames a second are asked for")  # type: ignore[misc]

    pages.visit(show.url, act)


def test_a_take_is_seen_to_grow(pages: Pages, show: PageShow) -> None:
    facts = {"state": "recording", "take": "friday", "elapsed_s": 61.0, "bytes": 2_400_000, "minutes_left": 90.0}
    show.service.facts["recording"] = lambda: {**facts, "reason": ""}

    def act(page: Any) -> None:
        page.get_by_text("● friday 1:01 · 2.4 MB · 90 min left").wait_for()
        page.wait_for_function(RECORD_IS_ON)
        facts["minutes_left"] = 4.0
        page.goto(f"{show.url}/health")
        page.get_by_text("disk full in 4 minutes").wait_for()

    try:
        pages.visit(show.url, act)
    finally:
        del show.service.facts["recording"]


def test_a_refusal_is_seen_with_its_reason(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        page.locator(".control").first.wait_for()
        show.service.facts["scenes"] = lambda: {"names": ["calm", "wild"], "name": "calm"}
        page.wait_for_timeout(1200)
        page.keyboard.press("]")
        _answer(page, "refused: scene: no such scene")

    pages.visit(show.url, act)


def test_keys_do_nothing_while_typing_but_panic(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        box = page.get_by_role("searchbox")
        box.fill("")
        box.press_sequentially("frs.")
        assert box.input_value() == "frs."
        box.press("Escape")
        _answer(page, "panic ✓")

    pages.visit(f"{show.url}/health", act)
    assert [answered.command.verb for answered in show.answered] == ["panic"]


def test_a_reload_restores_what_is_in_force(pages: Pages, show: PageShow) -> None:
    def act(page: Any) -> None:
        panic = page.get_by_role("button", name="Panic")
        panic.click()
        page.locator("#health", has_text="PANIC").wait_for()
        page.reload()
        page.locator("#health", has_text="PANIC").wait_for()
        assert panic.get_attribute("aria-pressed") == "true"
        page.keyboard.press("u")
        page.wait_for_function("() => document.querySelector('button.danger').ariaPressed === 'false'")

    pages.visit(show.url, act)


@pytest.mark.parametrize(("size", "least"), [((1280, 720), 80), (PHONE, 70)], ids=["laptop", "phone"])
def test_the_stage_is_legible_and_locked(
    pages: Pages, show: PageShow, shots: Path, size: tuple[int, int], least: int
) -> None:
    def act(page: Any) -> None:
        page.wait_for_function("() => document.querySelectorAll('.giant .num').length === 5")
        page.wait_for_function("() => document.querySelector('.field .word').innerText.length > 3")
        boxes = page.evaluate(BOXES)
        assert all(height >= least and inside for height, inside in boxes), boxes
        assert page.locator(".field svg.shape").count() == 1  # never colour alone
        for key in ("f", "r", "s", "m", "1"):
            page.keyboard.press(key)
        page.get_by_role("button", name="Hold to leave").click()  # a touch isn't a hold
        page.wait_for_timeout(300)
        assert page.url.endswith("/stage")
        page.keyboard.press("Escape")
        page.locator(".word", has_text="PANIC").wait_for()

    pages.visit(f"{show.url}/stage", act, size=size, shot=shots / f"stage-panic-{size[0]}.png")
    assert [answered.command.verb for answered in show.answered] == ["panic"]


def test_the_stage_says_when_the_service_is_gone(pages: Pages, ear: OscEar) -> None:
    with PageShow(ear.port) as short:

        def act(page: Any) -> None:
            page.locator(".giant").first.wait_for()
            short.end()
            page.locator(".word", has_text="NO LINK").wait_for()

        pages.visit(f"{short.url}/stage", act, faults_allowed=True)  # Chromium calls a refused connection an error


def test_listening_changes_with_the_controls(pages: Pages, show: PageShow) -> None:
    """Brighter is brighter and denser is louder, in what the page really plays."""

    def act(page: Any) -> dict[str, float]:
        page.locator(".control").first.wait_for()
        assert page.evaluate("choreo.heard().rms") == 0  # off until asked for
        page.get_by_role("button", name="Listen here").click()
        _answer(page, "listening")
        heard = page.evaluate(
            """async () => {
              const { Instrument } = await import('/static/sound.js');
              const { now } = await import('/static/link.js');
              const mean = async (positions) => {
                const one = new Instrument(now.hello.controls);
                await one.start();
                const values = now.hello.controls.map((c, i) => c.lo + positions[i] * (c.hi - c.lo));
                let [rms, centroid, n] = [0, 0, 0];
                for (let i = 0; i < 50; i++) {
                  one.play(values);
                  await new Promise((r) => setTimeout(r, 60));
                  if (i < 12) continue;
                  const h = one.heard();
                  rms += h.rms; centroid += h.centroid * h.rms; n += h.rms;
                }
                await one.stop();
                return { rms: rms / 38, centroid: centroid / n };
              };
              const dark = await mean([0.5, 0.6, 0.3, 0.05, 0]);
              const bright = await mean([0.5, 0.6, 0.3, 0.95, 0]);
              const sparse = await mean([0.5, 0.0, 0.3, 0.6, 0]);
              const dense = await mean([0.5, 1.0, 0.3, 0.6, 0]);
              return { dark: dark.centroid, bright: bright.centroid, sparse: sparse.rms, dense: dense.rms };
            }"""
        )
        assert page.evaluate("choreo.heard().rms") > 1e-4
        page.keyboard.press("a")
        _answer(page, "silent")
        result: dict[str, float] = heard
        return result

    heard = pages.visit(show.url, act)
    print("heard:", {k: round(v, 4) for k, v in heard.items()})
    assert heard["bright"] > 1.5 * heard["dark"]
    assert heard["dense"] > 1.15 * heard["sparse"]


@pytest.mark.peer("npm")
def test_the_search_for_barriers_finds_one(
    pages: Pages, show: PageShow, tmp_path_factory: pytest.TempPathFactory
) -> None:
    axe = axe_source(tmp_path_factory.mktemp("axe"))

    def act(page: Any) -> list[str]:
        page.evaluate(axe)
        page.evaluate("document.querySelector('main').append(document.createElement('button'))")
        found: list[str] = page.evaluate("axe.run().then(r => r.violations.map(v => v.id))")
        return found

    assert "button-name" in pages.visit(f"{show.url}/sensors", act, bypass_csp=True)


@pytest.mark.peer("npm")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_serious_barrier_for_anybody(
    pages: Pages, show: PageShow, tmp_path_factory: pytest.TempPathFactory, theme: str, shots: Path
) -> None:
    axe = axe_source(tmp_path_factory.mktemp("axe"))
    for view in VIEWS:

        def act(page: Any, view: str = view) -> list[str]:
            if theme == "light" and view != "/stage":
                page.keyboard.press("d")
            page.wait_for_timeout(1500)
            page.evaluate(axe)
            found = page.evaluate("axe.run().then(r => r.violations)")
            page.screenshot(path=str(shots / f"{view.strip('/') or 'live'}-{theme}.png"))
            return [
                f"{one['id']}: {node['html'][:160]}"
                for one in found
                if one["impact"] in ("serious", "critical")
                for node in one["nodes"]
            ]

        assert pages.visit(show.url + view, act, reduced_motion="reduce", bypass_csp=True) == [], view


def test_the_page_is_light_and_cheap(pages: Pages, show: PageShow) -> None:
    """Everything Live loads, and what it costs while it runs."""

    def act(page: Any) -> tuple[float, float, float, float]:
        page.wait_for_timeout(1000)
        sizes = page.evaluate(
            "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))"
            ".map(e => [e.transferSize, e.decodedBodySize])"
        )
        paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0")
        cost = page.context.new_cdp_session(page)
        cost.send("Performance.enable")

        def script() -> float:
            metrics = {m["name"]: m["value"] for m in cost.send("Performance.getMetrics")["metrics"]}
            return float(metrics["ScriptDuration"])

        before = script()
        page.wait_for_timeout(4000)
        return sum(s[0] for s in sizes) / 1e3, sum(s[1] for s in sizes) / 1e3, paint, (script() - before) / 4

    sent, unpacked, paint, script = pages.visit(show.url, act)
    print(f"page: {sent:.0f} kB sent, {unpacked:.0f} kB unpacked")
    print(f"first paint {paint:.0f} ms, script {1e3 * script:.0f} ms/s")
    assert 10 < sent < 150
    assert unpacked < 150


def test_a_tablet_looks_with_the_token_and_steers_with_the_pin(pages: Pages, ear: OscEar, shots: Path) -> None:
    """By its own network address this machine is another one to the page."""
    with PageShow(ear.port, lan=True, pin="4711") as show:
        if not show.page.away():
            pytest.skip("this machine has no network address")

        def act(page: Any) -> None:
            page.locator(".control").first.wait_for()
            assert "token" not in page.url  # it is not left in the address bar
            page.keyboard.press("s")
            _answer(page, "resend refused: this page may only look")
            page.get_by_role("button", name="View only").click()
            page.get_by_role("textbox", name="PIN").fill("4711")
            page.get_by_role("button", name="Steer").click()
            _answer(page, "this page may steer now")
            page.locator("#link", has_text="connected").wait_for()
            page.keyboard.press("s")
            _answer(page, "resend ✓")

        pages.visit(show.page.away(), act, size=(820, 1180), shot=shots / "tablet.png")
        pages.visit(f"{show.url}/sensors", lambda page: page.locator("svg[role=img]").wait_for(), shot=shots / "qr.png")
    assert [answered.command.verb for answered in show.answered] == ["resend"]
