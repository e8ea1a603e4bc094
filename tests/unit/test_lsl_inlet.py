"""What the LSL inlet accepts as configuration, what it emits and how it tells its state; without a network."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from lsl_fakes import FakeInfo, FakeLostError, FakeLsl
from pydantic import ValidationError

from choreo_adapters.lsl import LslLibrary
from choreo_adapters.sensors.lsl_inlet import LslInlet, LslInletConfig
from choreo_service.clock import VirtualClock
from choreo_service.errors import AdapterConfigError, AdapterLost
from choreo_service.testing import RecordingEmit

BODY: dict[str, Any] = {"stream": "body", "channels": {"acceleration": [0, 1, 2], "heart_rate": [3]}}


class _Loaded(LslLibrary):
    """A library that is there already."""

    def __init__(self, lsl: FakeLsl) -> None:
        super().__init__()
        self._lsl = lsl

    def load(self, who: str, *, network: bool) -> FakeLsl:
        return self._lsl


def _inlet(lsl: FakeLsl | None, **config: Any) -> tuple[LslInlet, RecordingEmit]:
    emit = RecordingEmit()
    clock = VirtualClock() if lsl is None else lsl.clock
    inlet = LslInlet(LslInletConfig(**{**BODY, **config}), emit, clock)
    inlet._library = LslLibrary("no_such_module") if lsl is None else _Loaded(lsl)
    return inlet, emit


async def _until(inlet: LslInlet, emit: RecordingEmit, samples: int) -> None:
    """Run until so many samples came, then cancel."""
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(inlet.run())
        while len(emit.samples) < samples and not running.done():  # noqa: ASYNC110 - a thread emits
            await asyncio.sleep(0)
        running.cancel()


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"stream": ""}, "say which stream"),
        ({"channels": {}}, "at least 1"),
        ({"channels": {"pulse": [0]}}, "unknown quantity 'pulse'"),
        ({"channels": {"acceleration": [0, 1]}}, "needs 3 channels"),
        ({"channels": {"heart_rate": [-1]}}, "count from 0"),
        ({"factors": {"rotation_rate": 2.0}}, "doesn't name"),
        ({"factors": {"heart_rate": 0.0}}, "other than 0"),
        ({"factors": {"heart_rate": math.nan}}, "finite"),
        ({"stream": "both ' and \""}, "quotes"),
        ({"stream": "a\nb"}, "printable"),
        ({"silent_s": math.inf}, "silent_s"),
        ({"port": 1}, "port"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        LslInletConfig(**{**BODY, **config})


@pytest.mark.asyncio
async def test_channels_become_quantities_in_si_units() -> None:
    lsl = FakeLsl(script=[([[0.0, 0.5, 1.0, 72.0]], [5.0]), *[None] * 10_000])
    inlet, emit = _inlet(lsl, factors={"acceleration": 10.0}, performer=1)
    await _until(inlet, emit, 2)
    assert emit.of("acceleration", 1) == [(0.0, 5.0, 10.0)]
    assert emit.of("heart_rate", 1) == [(72.0,)]
    assert [(s.source, s.source_ns) for s in emit.samples] == [("body", 5_000_000_000)] * 2
    assert emit.problems == []


@pytest.mark.asyncio
async def test_a_gap_in_one_quantity_leaves_the_others() -> None:
    rows = [[0.0, 0.0, math.nan, 72.0], [0.0, 0.0, 9.8, math.inf]]
    inlet, emit = _inlet(FakeLsl(script=[(rows, [5.0, 5.01]), *[None] * 10_000]))
    await _until(inlet, emit, 2)
    assert [sample.stream for sample in emit.samples] == ["heart_rate", "acceleration"]
    assert emit.rejections == {("body", "not finite"): 2}
    assert inlet.health()["rejected"] == {"not finite": 2}


@pytest.mark.asyncio
async def test_a_factor_that_overflows_is_not_emitted() -> None:
    rows = [[0.0, 0.0, 0.0, 1e308], [0.0, 0.0, 0.0, 1.0]]
    inlet, emit = _inlet(FakeLsl(script=[(rows, [5.0, 5.01]), *[None] * 10_000]), factors={"heart_rate": 1e3})
    await _until(inlet, emit, 3)
    assert emit.of("heart_rate") == [(1000.0,)]


@pytest.mark.asyncio
async def test_a_lost_stream_is_told_until_it_is_back() -> None:
    lsl = FakeLsl(script=[FakeLostError("the stream has been lost.")])
    inlet, emit = _inlet(lsl)
    with pytest.raises(AdapterLost):
        await inlet.run()
    assert inlet.health()["state"] == "lost"
    assert "has been lost" in inlet.health()["reason"]
    lsl.script = [([[0.0, 0.0, 0.0, 72.0]], [5.0]), *[None] * 10_000]
    await _until(inlet, emit, 2)
    assert (inlet.health()["state"], inlet.health()["reason"]) == ("closed", "")


@pytest.mark.asyncio
@pytest.mark.parametrize(("rate_hz", "state"), [(100.0, "silent"), (0.0, "receiving")])
async def test_silence_is_a_fault_only_of_a_stream_with_a_rate(rate_hz: float, state: str) -> None:
    lsl = FakeLsl(streams=[FakeInfo(rate_hz=rate_hz)], script=[None] * 1_000_000)
    inlet, _ = _inlet(lsl, silent_s=1.0)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(inlet.run())
        while len(lsl.asked) < 3:  # noqa: ASYNC110 - a thread asks
            await asyncio.sleep(0)
        facts = inlet.health()
        running.cancel()
    assert facts["state"] == state
    assert bool(facts.get("reason")) == (state == "silent")
    assert facts["target"] == "body"


@pytest.mark.asyncio
async def test_before_the_stream_is_there_it_is_looked_for() -> None:
    lsl = FakeLsl(streams=[])
    inlet, _ = _inlet(lsl)
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(inlet.run())
        while not lsl.asked:  # noqa: ASYNC110 - a thread asks
            await asyncio.sleep(0)
        facts = inlet.health()
        running.cancel()
    assert facts["state"] == "looking"
    assert "choreo devices" in facts["hint"]
    assert inlet.health()["state"] == "closed"


@pytest.mark.asyncio
async def test_without_pylsl_it_says_what_to_install() -> None:
    inlet, _ = _inlet(None)
    with pytest.raises(AdapterConfigError, match="pylsl isn't installed") as caught:
        await inlet.run()
    assert caught.value.fix == "pip install 'choreo-service[lsl]'"
