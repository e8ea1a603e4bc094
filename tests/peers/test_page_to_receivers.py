"""Every command of the page, by mouse and by key, over the real service to a real JACK MIDI port and an OSC receiver.

Nothing here waits for a time: the page is asked for its answer, and the receivers for what they hold. `refresh_s` is so
long that after a command that keeps a value, nothing arrives but what `resend` brings.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rig import JackServer, MidiSink
from rig.midi_source import MidiSource
from rig.osc_ear import OscEar
from rig.page_hands import Keys, Mouse
from rig.page_rig import CC, KNOB, PageRig
from rig.pages import Pages
from rig.real_show import RealShow

from choreo_service.commands import COMMANDS
from choreo_service.packets import CONTROL_NAMES

pytestmark = [pytest.mark.peer("chromium", "jackd"), pytest.mark.slow]


@pytest.fixture(scope="module")
def home(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a scene that can't be mistaken for the map; it is the last, so that `[` finds it."""
    home = tmp_path_factory.mktemp("workspace")
    shutil.copytree(repo_root / "configs", home / "configs")
    edge = {"morph_s": 0, "density": {"clamp": [0.95, 1]}, "tension": {"clamp": [0.95, 1], "ease": {"ms": 0}}}
    (home / "configs" / "scenes" / "zenith.yaml").write_text(yaml.safe_dump(edge), "utf-8")
    return home


@pytest.fixture(scope="module")
def rig(jack_server: JackServer, home: Path) -> Iterator[PageRig]:
    with (
        pytest.MonkeyPatch.context() as patch,
        MidiSink(jack_server) as sink,
        OscEar() as ear,
        MidiSource(jack_server) as knobs,
    ):
        for name, value in jack_server.env.items():
            patch.setenv(name, value)
        overrides = (
            "bridges.midi={type: midi_cc, api: jack, port: sink, repeat_s: 60}",
            f"bridges.synth.port={ear.port}",
            "doors.osc=null",
            "doors.knobs.enabled=true",
            "doors.knobs.api=jack",
            f"doors.knobs.file={home / 'learnt.json'}",
            "output.refresh_s=60",
            "output.takeover=none",
            "output.ease_ms=100",
            "output.panic_ms=100",
            "output.exit_ease_s=0.1",
            f"recorder.folder={home / 'recordings'}",
        )
        with RealShow(home, *overrides) as show:
            yield PageRig(show, sink, ear, knobs)


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with Pages() as browser:
        yield browser


@pytest.mark.parametrize("kind", [Mouse, Keys])
def test_every_verb_is_acknowledged_and_reaches_both_receivers(
    pages: Pages, rig: PageRig, kind: type[Mouse] | type[Keys]
) -> None:
    asked: list[str] = []
    hook = lambda answered: asked.append(answered.command.verb) if answered.ack.ok else None  # noqa: E731
    rig.show.service.desk.hooks.append(hook)

    def act(page: Any) -> None:
        rig.page = page
        page.locator(".control").first.wait_for()
        rig.mark()
        rig.arrives("density")
        hand = kind(page)
        for walk in (_of_the_service, _keeping, _silence, _scenes, _panic):
            walk(rig, hand)
        hand.open("Map")
        for walk in (_by_hand, _shape, _learn):
            walk(rig, hand)
        hand.open("Config")
        _reload(rig, hand)

    try:
        pages.visit(rig.show.url, act, size=(1280, 1400))
    finally:
        rig.show.service.desk.hooks.remove(hook)
    assert set(asked) == set(COMMANDS)


def _resent(rig: PageRig, hand: Mouse | Keys) -> dict[str, tuple[float, int]]:
    """What both receivers get of every control when everything is sent once more; nothing else comes while it rests."""
    rig.mark()
    hand.press("resend")
    rig.answered("resend")
    for control in CONTROL_NAMES:
        rig.arrives(control)
    return {control: (osc[-1], midi[-1]) for control in CONTROL_NAMES for osc, midi in [rig.since(control)]}


def _keeping(rig: PageRig, hand: Mouse | Keys) -> None:
    """Freeze, resend, hold, resume."""
    hand.press("freeze")
    rig.answered("freeze")
    rig.until(lambda: rig.latched()["frozen_s"] is not None, "frozen")
    assert _resent(rig, hand) == _resent(rig, hand)
    hand.press("resume")
    rig.answered("resume")
    rig.mark()
    rig.arrives("density", 5)  # the body moves it again
    hand.press_for("hold", "density")
    rig.answered("hold density")
    before = _resent(rig, hand)
    rig.arrives("brightness", 5)
    assert _resent(rig, hand)["density"] == before["density"]
    hand.press("resume")
    rig.answered("resume")


def _silence(rig: PageRig, hand: Mouse | Keys) -> None:
    """Mute one; map another alone."""
    hand.press_for("mute", "density")
    rig.answered("mute density")
    rig.mark()
    rig.arrives("brightness", 10)  # whatever was under way has arrived
    rig.mark()
    hand.press("resend")
    rig.answered("resend")
    rig.arrives("fx_send", 10)
    assert rig.since("density") == ([], [])
    hand.press_for("mute", "density")
    rig.answered("mute density")
    rig.arrives("density")
    hand.press_for("map", "tension")
    rig.answered("map tension")
    rig.mark()
    rig.arrives("tension", 5)
    rig.mark()
    rig.arrives("tension", 10)
    assert all(rig.since(other) == ([], []) for other in CONTROL_NAMES if other != "tension")
    hand.press("resume")
    rig.answered("resume")
    rig.arrives("density")


def _scenes(rig: PageRig, hand: Mouse | Keys) -> None:
    hand.scene_before()
    rig.answered("scene zenith")
    rig.until(
        lambda: rig.ear.latest("/choreo/density") >= 0.949 and rig.sink.state().cc[1, CC["tension"]] >= 0.95 * 127 - 1,
        "the scene at both",
    )
    hand.scene_before()
    rig.answered("scene drive")
    hand.scene_before()
    rig.answered("scene calm")
    hand.scene_before()
    rig.answered("scene home")


def _of_the_service(rig: PageRig, hand: Mouse | Keys) -> None:
    """What no receiver hears: the take, its marker, beats, who leads, the body's range."""
    service = rig.show.service
    hand.press("record")
    rig.answered("record")
    rig.until(lambda: service.recorder.health()["state"] == "recording", "a take is recorded")
    hand.press("marker")
    rig.answered("marker")
    noted = lambda: service.ingress.counts().get("desk", {}).get("accepted", 0)  # noqa: E731
    before = noted()
    for verb in ("tap", "recalibrate"):
        hand.press(verb)
        rig.answered(verb)
    hand.lead()
    rig.answered("leads")
    rig.until(lambda: noted() >= before + 3, "the tick has all three")
    service.desk.ask("policy", ["self"], "test")
    hand.press("record")
    rig.answered("record")


def _panic(rig: PageRig, hand: Mouse | Keys) -> None:
    """To the safe values; again, with all sound and notes off."""
    wires = rig.show.loaded.control_map.wires()
    hand.press("panic")
    rig.answered("panic")
    rig.page.locator("#health", has_text="PANIC").wait_for()
    for name, wire in wires.items():
        rig.holds(name, wire.position(wire.safe))
    offs = lambda: [e for e in rig.sink.state().events if e[1] in (120, 123)]  # noqa: E731
    before = len(offs())
    hand.press("panic")
    rig.answered("panic")
    rig.until(lambda: len(offs()) == before + 2, "all sound and all notes off")
    rig.mark()
    hand.press("resume")
    rig.answered("resume")
    rig.arrives("density", 5)


def _by_hand(rig: PageRig, hand: Mouse | Keys) -> None:
    hand.to_the_end(rig.page.get_by_label("brightness by hand", exact=True))
    rig.answered("brightness by hand")
    rig.until(lambda: rig.latched()["manual"] == ("brightness",), "brightness is in a hand")
    rig.until(lambda: rig.sink.state().cc[1, CC["brightness"]] >= 125, "its end at the synthesiser")
    assert rig.ear.latest("/choreo/brightness") >= 0.98
    hand.use(rig.page.get_by_role("button", name="give back brightness"))
    rig.answered("brightness given back")
    rig.until(lambda: rig.latched()["manual"] == (), "brightness is given back")


def _shape(rig: PageRig, hand: Mouse | Keys) -> None:
    hand.lift(rig.page.get_by_role("slider", name="lowest position of density"))
    rig.page.locator(".toast", has_text="density clamp.low").last.wait_for()
    shape = rig.show.service.facts["shape"]
    rig.until(lambda: shape()["controls"]["density"]["clamp.low"] >= 0.85, "the clamp is in force")
    low = shape()["controls"]["density"]["clamp.low"]
    rig.until(
        lambda: (
            rig.ear.latest("/choreo/density") >= low - 1e-6 and rig.sink.state().cc[1, CC["density"]] >= 127 * low - 1
        ),
        "the clamp at both",
    )
    rig.page.locator(".keep pre", has_text="density:").wait_for()
    moved = rig.page.locator(".large .dot").get_attribute("cx")
    rig.page.wait_for_function("(cx) => document.querySelector('.large .dot').getAttribute('cx') !== cx", arg=moved)
    cc = rig.page.get_by_label("cc of density")
    cc.fill("20")
    cc.press("Tab")
    rig.page.locator(".toast", has_text="refused: the control map: tempo_scale and density both use CC 20").wait_for()
    rig.page.wait_for_function("(cc) => cc.value === '21'", arg=cc.element_handle())
    hand.use(rig.page.get_by_role("button", name="As in the file").first)
    rig.answered("density as in the file")
    rig.page.locator(".keep pre").wait_for(state="detached")


def _learn(rig: PageRig, hand: Mouse | Keys) -> None:
    """A knob of a real controller takes a control, loses its cable, comes back and plays on; then it is forgotten."""
    rig.until(lambda: rig.learnt()["ports"] == ["rig-keys:out"], "the controller is found")
    hand.use(rig.page.get_by_role("button", name="learn manual tension"))
    rig.answered("move the knob for manual tension")
    rig.page.get_by_role("status").filter(has_text="move a knob").wait_for()
    rig.teach()
    rig.page.get_by_role("cell", name=f"CC {KNOB} ch 1").wait_for()
    rig.turn(0)
    rig.knobs.__exit__()
    rig.page.get_by_role("cell", name="rig-keys:out (not there)").wait_for()
    rig.knobs.__enter__()
    rig.page.get_by_role("cell", name="rig-keys:out", exact=True).wait_for()
    rig.turn(127)
    hand.use(rig.page.get_by_role("button", name="forget manual tension"))
    rig.answered("manual tension forgotten")
    hand.use(rig.page.get_by_role("button", name="Resume all"))
    rig.answered("resume")
    rig.until(lambda: rig.latched()["manual"] == (), "tension is given back")


def _reload(rig: PageRig, hand: Mouse | Keys) -> None:
    """The files are read again beside the show, which goes on."""
    reread: list[str] = []
    rig.show.reload.on_reread.append(lambda: reread.append("again"))
    hand.use(rig.page.get_by_role("button", name="Read the files again"))
    rig.answered("reading the files again")
    rig.until(lambda: reread == ["again"], "the configuration is read again")
    rig.mark()
    rig.arrives("density", 5)
