"""A lost peer is one warning, its return one line with the duration, whatever happens in between."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from choreo_service.clock import NS, VirtualClock
from choreo_service.service.peers import Peers, health_of
from choreo_service.supervisor import AdapterEvent, Backoff, Supervisor


class Adapter:
    """Its health is what the test says."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {"state": "open"}

    def health(self) -> dict[str, Any]:
        return self.facts


class Scene:
    """One adapter called midi, a supervisor and a clock."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.supervisor = Supervisor(self.clock, backoff=Backoff())
        self.adapter = Adapter()
        self.peers = Peers(self.clock, self.supervisor, {"midi": self.adapter})

    def look(self, **facts: Any) -> None:
        self.adapter.facts = facts or self.adapter.facts
        self.clock.advance(NS // 2)
        self.peers.look()

    def settle(self) -> None:
        """Let the opening pass with everything there."""
        for _ in range(4):
            self.look()

    def event(self, state: Any, tries: int = 1) -> None:
        self.supervisor.states["midi"] = state
        for hook in self.supervisor.hooks:
            hook(AdapterEvent("midi", state, tries, 0.25, "AdapterLost: gone", 0.0))


def said(scene_logs: list[Any], *levels: str) -> list[str]:
    return [entry["event"] for entry in scene_logs if entry["log_level"] in levels]


def test_lost_and_back_are_one_line_each() -> None:
    scene = Scene()
    scene.settle()
    with capture_logs() as logs:
        for _ in range(4):
            scene.look(state="lost", reason="port vanished", hint="-o bridges.{name}.port=NAME")
        scene.look(state="reopening", reason="port vanished")
        scene.look(state="open", reason="")
        scene.look()
    assert said(logs, "warning", "info") == ["peer.lost", "peer.back"]
    assert logs[0]["hint"] == "-o bridges.midi.port=NAME"
    assert logs[-1]["down_s"] == 2.5


def test_a_process_that_is_restarted_and_hangs_again_is_not_back() -> None:
    scene = Scene()
    scene.settle()
    with capture_logs() as logs:
        for tries in range(1, 4):
            scene.event("down", tries)
            scene.look(state="closed")
            scene.event("starting")
            scene.look(state="starting")
            scene.event("up")
            scene.look(state="starting")
        scene.look(state="open")
    assert said(logs, "warning", "info") == ["peer.lost", "peer.back"]


def test_what_was_missing_from_the_start_is_left_to_the_report_but_its_coming_is_said() -> None:
    scene = Scene()
    with capture_logs() as logs:
        scene.look(state="starting")
        scene.look(state="no-midi", reason="no JACK server")
        scene.settle()
        scene.look(state="open", reason="")
    assert said(logs, "warning", "info") == ["peer.back"]


def test_other_changes_are_facts() -> None:
    scene = Scene()
    scene.look(state="waiting")
    with capture_logs() as logs:
        scene.look(state="receiving")
        scene.look(state="receiving")
    assert [(e["event"], e["state"]) for e in logs] == [("peer.state", "receiving")]


def test_a_plug_in_whose_health_raises_is_a_fact_too(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = Adapter()
    monkeypatch.setattr(adapter, "health", lambda: 1 / 0)
    assert health_of(adapter)["reason"].startswith("ZeroDivisionError")
    assert health_of(object()) == {}
