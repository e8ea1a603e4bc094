"""The conformance checks catch a broken adapter, one per promise, and let an honest one pass."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from choreo_service.clock import work_ns
from choreo_service.errors import AdapterLost
from choreo_service.packets import CONTROL_NAMES, Accent, ControlPacket, TempoPacket
from choreo_service.protocols import Sent
from choreo_service.testing import (
    BRIDGE_PROMISES,
    SENSOR_PROMISES,
    BridgeCase,
    ConformanceError,
    RecordingBridge,
    ScriptedSensor,
    SensorCase,
    check_bridge,
    check_sensor,
)
from choreo_service.testing.conformance import stage


class _Honest(RecordingBridge):
    """Keeps every promise: leaves out what isn't finite and clamps the rest."""

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        sent = super().send(control, names)
        return tuple((name, value) for name, value in sent if math.isfinite(value))


def _stand_still() -> None:
    """Longer than any adapter may. Busy, because this suite's own guard would refuse to sleep on the loop."""
    end_ns = work_ns() + round(stage.STALL_S * 1.5e9)
    while work_ns() < end_ns:
        pass


class _Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class _AcceptsAnything(_Honest):
    Config = _Loose


class _OnlyWhileOpen(_Honest):
    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        if self._state != "open":
            raise RuntimeError("not open")
        return super().send(control, names)


class _Slow(_Honest):
    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        _stand_still()
        return super().send(control, names)


class _SaysMore(_Honest):
    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        return super().send(control, CONTROL_NAMES)


class _SendsNan(RecordingBridge):
    pass


class _PanicsOnce(_Honest):
    def panic(self) -> None:
        super().panic()
        if self.panics > 1:
            raise RuntimeError("already panicked")


class _TellsNonsense(_Honest):
    def panic(self) -> None:
        self.send_unasked(0, (("volume", 0.0),))


class _TellsNan(_Honest):
    def panic(self) -> None:
        self.send_unasked(0, (("density", math.nan),))


class _TellsOfNobody(_Honest):
    def panic(self) -> None:
        self.send_unasked(-1, (("density", 0.0),))


class _OddHealth(_Honest):
    def health(self) -> Mapping[str, Any]:
        return {"state": "open", "age": math.inf}


class _RunsOnce(_Honest):
    async def run(self) -> None:
        if self.runs:
            raise ValueError("can't be opened twice")
        await super().run()


class _Stubborn(_Honest):
    async def run(self) -> None:
        while True:
            try:
                await super().run()
            except asyncio.CancelledError:
                continue


class _Leaks(_Honest):
    async def run(self) -> None:
        self.leaked = os.dup(0)
        await super().run()


class _Crashes(_Honest):
    async def run(self) -> None:
        raise KeyError("oops")


class _Deaf(_Honest):
    async def run(self) -> None:
        while True:  # reconnects by itself, so that nobody learns of it
            try:
                await super().run()
            except AdapterLost:
                continue


class _LeaksNowAndThen(_Honest):
    async def run(self) -> None:
        if self.runs % 10 == 9:
            self.leaked = os.dup(0)
        await super().run()


class _TicksOnlyWhileOpen(_Honest):
    def keep_time(self, tempo: TempoPacket) -> None:
        if self._state != "open":
            raise RuntimeError("not open")


class _AccentOfNan(_Honest):
    def accent(self, accent: Accent) -> bool:
        return True


class _SlowAccent(_Honest):
    def accent(self, accent: Accent) -> bool:
        _stand_still()
        return True


class _SaysNothingOfAccents(_Honest):
    def accent(self, accent: Accent) -> bool:
        return None  # type: ignore[return-value]


class _Plain:
    """A bridge without accent() and report_to(), as the first ones were."""

    Config = RecordingBridge.Config

    def __init__(self, config: Any, controls: Any, clock: Any) -> None:
        self._inner = RecordingBridge(config, controls, clock)
        self.run, self.send, self.panic = self._inner.run, self._inner.send, self._inner.panic


BROKEN_BRIDGES = {
    "config-is-strict": _AcceptsAnything,
    "sends-at-any-time": _OnlyWhileOpen,
    "sending-never-blocks": _Slow,
    "says-what-was-sent": _SaysMore,
    "tells-what-it-sends-unasked": _TellsNonsense,
    "nothing-infinite-goes-out": _SendsNan,
    "panics-any-number-of-times": _PanicsOnce,
    "health-is-plain": _OddHealth,
    "keeps-time-at-any-time": _TicksOnlyWhileOpen,
    "plays-accents-at-any-time": _AccentOfNan,
    "runs-again": _RunsOnce,
    "stops-before-it-has-opened": _Crashes,
    "leaves-nothing-behind": _Leaks,
    "holds-nothing-more-over-reconnects": _LeaksNowAndThen,
    "raises-when-lost": _Deaf,
}


@pytest.mark.parametrize("promise", BRIDGE_PROMISES)
def test_an_honest_bridge_passes(promise: str) -> None:
    BRIDGE_PROMISES[promise](BridgeCase(_Honest, settle_s=0.01, lose=_lose))


@pytest.mark.parametrize("promise", BRIDGE_PROMISES)
def test_a_bridge_that_breaks_a_promise_is_caught(promise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "LOSS_S", 0.05)
    with pytest.raises((ConformanceError, RuntimeError, ValueError)):
        BRIDGE_PROMISES[promise](BridgeCase(BROKEN_BRIDGES[promise], settle_s=0.01, lose=_lose))


@pytest.mark.parametrize("broken", [_SlowAccent, _SaysNothingOfAccents])
def test_an_accent_that_blocks_or_tells_nothing_is_caught(broken: type[_Honest]) -> None:
    with pytest.raises(ConformanceError, match=r"accent\(\)"):
        BRIDGE_PROMISES["plays-accents-at-any-time"](BridgeCase(broken, settle_s=0.01))


@pytest.mark.parametrize("broken", [_TellsNan, _TellsOfNobody])
def test_telling_of_what_cannot_have_been_sent_is_caught(broken: type[_Honest]) -> None:
    with pytest.raises(ConformanceError, match=r"report_to\(\)"):
        BRIDGE_PROMISES["tells-what-it-sends-unasked"](BridgeCase(broken, settle_s=0.01))


@pytest.mark.parametrize("promise", ["plays-accents-at-any-time", "tells-what-it-sends-unasked"])
def test_a_bridge_without_what_is_optional_keeps_the_promise(promise: str) -> None:
    BRIDGE_PROMISES[promise](BridgeCase(_Plain, settle_s=0.01))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_adapter_that_ignores_its_cancellation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "CANCEL_S", 0.05)
    with pytest.raises(ConformanceError, match="cancelled"):
        BRIDGE_PROMISES["runs-again"](BridgeCase(_Stubborn, settle_s=0.01))


def test_check_bridge_checks_all_promises() -> None:
    check_bridge(_Honest, settle_s=0.01, lose=_lose)
    with pytest.raises(ConformanceError, match="descriptor"):
        check_bridge(_Leaks, settle_s=0.01)


def _script(stream: str, *values: float) -> dict[str, Any]:
    return {"script": [{"at_s": 0.0, "stream": stream, "values": values}]}


class _AfterTheEnd(ScriptedSensor):
    async def run(self) -> None:
        try:
            await super().run()
        finally:
            asyncio.get_running_loop().call_later(0.01, self._emit, "heart_rate", (60.0,))


class _Blocks(ScriptedSensor):
    async def run(self) -> None:
        _stand_still()
        await super().run()


GOOD = _script("heart_rate", 60.0)


def test_an_honest_sensor_passes_and_may_lose_its_device() -> None:
    check_sensor(ScriptedSensor, GOOD, expects_samples=True, settle_s=0.02)
    check_sensor(ScriptedSensor, {**GOOD, "then": "lost"}, expects_samples=True, settle_s=0.02)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (_script("pulse", 60.0), "unknown stream"),
        (_script("acceleration", 1.0, 2.0), "3 values"),
        (_script("heart_rate", math.nan), "not finite"),
        ({}, "no sample came"),
    ],
)
def test_samples_that_streams_do_not_allow_are_caught(config: dict[str, Any], says: str) -> None:
    with pytest.raises(ConformanceError, match=says):
        SENSOR_PROMISES["emits-what-streams-allow"](
            SensorCase(ScriptedSensor, config, expects_samples=True, settle_s=0.02)
        )


class _EndsQuietly(ScriptedSensor):
    async def run(self) -> None:
        try:
            await super().run()
        except AdapterLost:
            return


def test_a_sensor_that_ends_without_a_word_is_caught() -> None:
    script = {"script": [{"at_s": 0.05, "stream": "heart_rate", "values": [60.0]}], "then": "lost"}

    async def by_itself(sensor: Any) -> None:
        await asyncio.sleep(0.1)

    case = SensorCase(ScriptedSensor, script, settle_s=0.02, lose=by_itself)
    SENSOR_PROMISES["raises-when-lost"](case)
    with pytest.raises(ConformanceError, match="must raise AdapterLost, it raised None"):
        SENSOR_PROMISES["raises-when-lost"](replace(case, cls=_EndsQuietly))


def test_a_sample_after_the_end_is_caught() -> None:
    with pytest.raises(ConformanceError, match="after run"):
        SENSOR_PROMISES["is-silent-after-the-end"](SensorCase(_AfterTheEnd, GOOD, settle_s=0.08))


def test_a_sensor_that_blocks_the_loop_is_caught() -> None:
    with pytest.raises(ConformanceError, match="stood still"):
        SENSOR_PROMISES["runs-again"](SensorCase(_Blocks, GOOD, settle_s=0.02))


def test_a_sensor_is_driven_while_it_runs() -> None:
    driven = []

    async def drive(sensor: ScriptedSensor) -> None:
        driven.append(sensor)
        sensor._emit("heart_rate", (61.0,))

    emit = SensorCase(ScriptedSensor, GOOD, drive=drive, settle_s=0.02).play()
    assert len(driven) == 1
    assert emit.of("heart_rate") == [(60.0,), (61.0,)]


def test_recording_bridge_loses_its_device_on_request() -> None:
    async def play() -> None:
        bridge = RecordingBridge(RecordingBridge.Config(), {}, None)  # type: ignore[arg-type]
        with pytest.raises(AdapterLost):
            await asyncio.gather(bridge.run(), _lose(bridge))
        assert bridge.health()["state"] == "closed"

    asyncio.run(play())


async def _lose(bridge: RecordingBridge) -> None:
    bridge.lose()
