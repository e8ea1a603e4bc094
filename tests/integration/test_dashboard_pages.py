"""What a page gets: hello, state, events, acks and frames at its own pace; and what a slow one costs the others."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from page_stage import PageStage, frame, page_stage, receive, true

from choreo_service.clock import NS, MonotonicClock
from choreo_service.config import DashboardSettings, load_settings
from choreo_service.dashboard import hot_frame
from choreo_service.dashboard.configuration import Configuration
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_hello_names_everything_the_page_shows() -> None:
    async with page_stage(performers=2) as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        hello = await receive(socket, "hello")
        assert hello["version"] == hot_frame.VERSION
        assert hello["frame"] == {"bytes": 96, "controls": 5, "features": 11}
        assert [c["name"] for c in hello["controls"]] == list(CONTROL_NAMES)
        assert [f["name"] for f in hello["features"]] == list(FEATURE_COLUMNS)
        assert all(c["lo"] < c["hi"] for c in hello["controls"])
        assert "panic" in hello["verbs"]
        assert hello["performers"] == 2


@pytest.mark.asyncio
async def test_the_hot_frame_is_what_was_sent_to_the_receivers() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        await receive(socket, "hello")
        stage.service.ingress.put("motion_features", [1.5, 2.0, 3.0, 0.1, 0.2, 0.9], source_id="test")
        stage.seconds(1.0)
        await frame(socket)  # of an earlier tick, or this one
        stage.tick(3)
        data = await frame(socket)
        seq, t, *values = struct.unpack("<Id5f11f5f", data)
        step = stage.page.hub.step
        assert step is not None
        assert (seq, t) == (step.frame.k, step.frame.t_ns / NS)
        assert values[:5] == pytest.approx(stage.service.controller.latest[0].as_tuple(), abs=1e-6)
        assert values[5:16] == pytest.approx(step.frame.features()[0].tolist())
        assert values[16:] == step.controls[0].tolist()


@pytest.mark.asyncio
async def test_every_verb_is_answered_obeyed_or_refused_with_a_reason() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        for number, verb in enumerate((await receive(socket, "hello"))["verbs"]):
            await socket.send_json({"type": "cmd", "id": number, "verb": verb, "args": _args(verb)})
            ack = await receive(socket, "ack")
            assert ack["id"] == number
            assert ack["ok"] or ack["reason"]
        assert stage.page.hub.events[-1]["kind"] == "command"


def _args(verb: str) -> dict[str, Any]:
    given = {"hold": {"control": "density"}, "mute": {"control": "density"}, "manual": {"control": "density"}}
    given |= {"scene": {"name": "calm"}, "policy": {"leader": "self"}}
    given |= {"shape": {"control": "density"}, "unlearn": {"command": "panic"}}
    return given.get(verb, {})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("no json", "JSON object"),
        ("[1]", "JSON object"),
        ('{"type": "shutdown"}', "expected cmd or subscribe"),
        ('{"type": "cmd", "verb": "explode"}', "unknown command"),
        ('{"type": "cmd", "verb": "hold"}', "hold"),
        ('{"type": "cmd", "verb": "hold", "args": [1, 2, 3]}', "at most 2"),
        ('{"type": "subscribe", "hz": 1e9}', "hz"),
        ('{"type": "subscribe", "hz": "fast"}', "hz"),
        ('{"type": "subscribe", "performer": 5}', "performer"),
        ('{"type": "subscribe", "performer": -1}', "performer"),
    ],
)
async def test_what_makes_no_sense_is_answered_too(words: str, reason: str) -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:
        await socket.send_str(words)
        ack = await receive(socket, "ack")
        assert ack["ok"] is False
        assert reason in ack["reason"]


@pytest.mark.asyncio
async def test_a_reloaded_page_learns_what_is_latched_and_what_happened() -> None:
    async with page_stage() as (stage, browser):
        async with browser.ws_connect(f"{stage.url}/ws") as socket:
            await socket.send_json({"type": "cmd", "id": 1, "verb": "panic"})
            assert (await receive(socket, "ack"))["ok"] is True
        async with browser.ws_connect(f"{stage.url}/ws") as socket:
            assert [e["verb"] for e in (await receive(socket, "hello"))["events"]] == ["panic"]
            stage.tick()
            state = await receive(socket, "state")
            assert state["latched"]["panic"] is True
            assert state["health"]["word"] == "PANIC"


@pytest.mark.asyncio
async def test_a_part_that_fails_to_say_how_it_is_hides_nobody_else() -> None:
    async with page_stage() as (stage, browser), browser.ws_connect(f"{stage.url}/ws") as socket:

        def broken() -> Mapping[str, Any]:
            raise OSError("disk gone")

        stage.service.facts |= {"recording": broken, "odd": lambda: {"nan": float("nan"), "path": object}}
        stage.seconds(1)
        state = await receive(socket, "state")
        while "recording" not in state:
            stage.seconds(1)
            state = await receive(socket, "state")
        assert state["recording"] == {"reason": "OSError: disk gone"}
        assert state["odd"]["nan"] is None
        assert state["hz"] > 0


@pytest.mark.asyncio
async def test_healthz_says_whether_the_tick_runs() -> None:
    async with page_stage() as (stage, browser):
        stage._start_ns = stage.service.clock.now_ns() - stage._k * 20_000_000
        stage.tick()
        async with browser.get(f"{stage.url}/healthz") as answer:
            assert answer.status == 200
        stage._start_ns -= 5 * NS
        stage.tick()
        async with browser.get(f"{stage.url}/healthz") as answer:
            assert answer.status == 503


@pytest.mark.asyncio
async def test_metrics_are_prometheus_text_with_the_services_counters() -> None:
    async with page_stage() as (stage, browser):
        stage.service.ingress.put("heart_rate", [70.0], source_id="strap")
        stage.service.ingress.put("heart_rate", [float("nan")], source_id="strap")
        stage.tick(9)
        async with browser.get(f"{stage.url}/metrics") as answer:
            text = await answer.text()
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "choreo_ticks_total 10.0" in text
        assert 'choreo_samples_total{source="strap"} 1.0' in text
        assert 'choreo_samples_refused_total{cause="not finite",source="strap"} 1.0' in text


@pytest.mark.asyncio
async def test_a_show_without_a_configuration_says_so() -> None:
    async with page_stage() as (stage, browser), browser.get(f"{stage.url}/api/config") as answer:
        assert answer.status == 404


@pytest.mark.asyncio
async def test_changes_are_judged_over_http_and_change_nothing(repo_root: Path) -> None:
    loaded = await asyncio.to_thread(lambda: load_settings(profile="demo", home=repo_root, environ={}))
    configuration = await asyncio.to_thread(Configuration, loaded)
    async with page_stage(configuration=configuration) as (stage, browser):
        for changes, problems in (({"engine.period_ms": 10}, 0), ({"engine.period_ms": 0}, 1)):
            async with browser.post(f"{stage.url}/api/config", json={"changes": changes}) as answer:
                assert len((await answer.json())["problems"]) == problems
        async with browser.post(f"{stage.url}/api/config", json={"changes": [1]}) as answer:
            assert answer.status == 400
    assert loaded.settings.engine.period_ms == 20


@pytest.mark.asyncio
async def test_a_page_that_breaks_is_opened_again_and_the_tick_goes_on() -> None:
    stage = PageStage(MonotonicClock(), DashboardSettings(port=0))
    healthy, opened = stage.page.hub.make_state, 0

    def broken() -> Mapping[str, Any]:
        stage.page.hub.make_state = healthy
        raise RuntimeError("a bug in the page")

    async with asyncio.TaskGroup() as tasks, aiohttp.ClientSession() as browser:
        supervise = stage.service.supervisor.supervise
        serving = tasks.create_task(supervise("dashboard", stage.page.run))
        for make_state in (broken, healthy):
            await true(lambda: stage.page.port > 0)
            opened += 1
            stage.page.hub.make_state = make_state
            async with browser.ws_connect(f"{stage.url}/ws") as socket:
                await receive(socket, "hello")
                stage.seconds(1)  # not disturbed: a listener that raised would end this
                if make_state is healthy:
                    await receive(socket, "state")
                else:
                    await true(lambda: stage.service.supervisor.states["dashboard"] == "down")
        serving.cancel()
    assert opened == 2
