"""How the LSL outlet lays controls out in a row and what it does when LSL fails; without a network."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from choreo_adapters.bridges.lsl_outlet import LslOutlet, LslOutletConfig
from choreo_adapters.lsl import HERE_ONLY, LslLibrary
from choreo_service.clock import VirtualClock
from choreo_service.errors import AdapterConfigError, AdapterLost
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import Sent
from choreo_service.testing import sample_wires

FIRST = ControlPacket(0, 0, 0, 1.0, 0.5, -0.5, 300.0, 64.0)
SECOND = ControlPacket(0, 0, 1, 1.5, 0.25, 0.5, 400.0, 32.0)
NEUTRAL = [wire.neutral for wire in sample_wires().values()]
SAFE = [wire.safe for wire in sample_wires().values()]


class _FakeLsl:
    """What of pylsl the outlet uses; `rows` is what was pushed."""

    IRREGULAR_RATE, cf_float32 = 0.0, 1

    def __init__(self) -> None:
        self.rows: list[list[float]] = []
        self.info: dict[str, Any] = {}
        self.trouble = ""  # why pushing fails
        self.shut = ""  # why opening fails
        self.heard = False
        self.configured: list[str] = []

    def StreamInfo(self, name: str, kind: str, count: int, rate: float, form: int, source_id: str) -> Any:
        self.info = {"name": name, "type": kind, "count": count, "rate": rate, "source_id": source_id}
        return SimpleNamespace(
            set_channel_labels=lambda labels: self.info.update(labels=labels),
            set_channel_units=lambda units: self.info.update(units=units),
            set_channel_types=lambda types: self.info.update(types=types),
            desc=lambda: SimpleNamespace(append_child_value=lambda *_: None),
        )

    def StreamOutlet(self, info: Any, *, max_buffered: int) -> Any:
        if self.shut:
            raise RuntimeError(self.shut)
        return SimpleNamespace(push_sample=self._push, have_consumers=lambda: self.heard)

    def set_config_content(self, content: str) -> None:
        self.configured.append(content)

    def _push(self, row: Sequence[float]) -> None:
        if self.trouble:
            raise RuntimeError(self.trouble)
        assert len(row) == self.info["count"]
        self.rows.append(list(row))


class _Library(LslLibrary):
    def __init__(self, lsl: Any) -> None:
        super().__init__()
        self._lsl = lsl

    def _imported(self, who: str) -> Any:
        return self._lsl


def _outlet(lsl: Any, **config: Any) -> LslOutlet:
    bridge = LslOutlet(LslOutletConfig(**config), sample_wires(), VirtualClock())
    bridge._library = _Library(lsl)
    return bridge


async def _while_open(bridge: LslOutlet, act: Callable[[], object]) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(bridge.run())
        while bridge._stream is None and not running.done():  # noqa: ASYNC110 - a thread opens it
            await asyncio.sleep(0)
        act()
        running.cancel()


@pytest.mark.asyncio
async def test_every_sample_holds_all_controls_of_all_performers_as_they_stand() -> None:
    lsl = _FakeLsl()
    bridge = _outlet(lsl, performers=2)

    def play() -> None:
        bridge.send(FIRST, ("density",))
        bridge.send(SECOND, CONTROL_NAMES)
        bridge.panic()

    await _while_open(bridge, play)
    first = [*NEUTRAL[:1], 0.5, *NEUTRAL[2:]]
    expected = [[*first, *NEUTRAL], [*first, *SECOND.as_tuple()], [*SAFE, *SAFE]]
    assert [row == pytest.approx(want) for row, want in zip(lsl.rows, expected, strict=True)] == [True] * 3


@pytest.mark.asyncio
async def test_a_panic_tells_what_everybody_got_and_nothing_where_the_sample_was_refused() -> None:
    lsl, told = _FakeLsl(), dict[int, Sent]()
    bridge = _outlet(lsl, performers=2)
    bridge.report_to(told.__setitem__)
    bridge.panic()  # not open yet
    assert told == {}
    await _while_open(bridge, bridge.panic)
    (row,) = lsl.rows
    assert [name for sent in told.values() for name, _ in sent] == [*CONTROL_NAMES, *CONTROL_NAMES]
    assert [value for sent in told.values() for _, value in sent] == row
    told.clear()
    lsl.trouble = "an internal error has occurred."
    with contextlib.suppress(ExceptionGroup):
        await _while_open(bridge, bridge.panic)
    assert told == {}


@pytest.mark.asyncio
async def test_the_stream_describes_itself() -> None:
    lsl = _FakeLsl()
    await _while_open(_outlet(lsl, performers=2, stream="stage", source_id="me"), lambda: None)
    assert lsl.info["labels"] == [*CONTROL_NAMES, *(f"1/{name}" for name in CONTROL_NAMES)]
    assert lsl.info["units"] == ["0.5..2", "0..1", "-1..1", "200..4000", "0..127"] * 2
    assert (lsl.info["name"], lsl.info["type"], lsl.info["rate"], lsl.info["source_id"]) == (
        "stage",
        "Control",
        0,
        "me",
    )


@pytest.mark.asyncio
async def test_what_is_reported_is_what_32_bits_carry() -> None:
    bridge = _outlet(_FakeLsl())
    sent: list[Any] = []
    await _while_open(
        bridge, lambda: sent.extend(bridge.send(ControlPacket(0, 0, 0, 1.0, 0.1, 0.0, 200.0, 0.0), ("density",)))
    )
    assert sent == [("density", 0.10000000149011612)]


@pytest.mark.asyncio
async def test_nothing_is_said_to_be_sent_where_there_is_no_room_or_no_stream() -> None:
    lsl = _FakeLsl()
    bridge = _outlet(lsl)
    assert bridge.send(FIRST, CONTROL_NAMES) == ()
    await _while_open(bridge, lambda: bridge.send(SECOND, CONTROL_NAMES))
    assert lsl.rows == []
    assert bridge.health()["dropped"] == 2


@pytest.mark.asyncio
async def test_values_from_before_the_opening_are_in_the_first_sample() -> None:
    lsl = _FakeLsl()
    bridge = _outlet(lsl)
    bridge.send(FIRST, CONTROL_NAMES)
    await _while_open(bridge, lambda: bridge.send(FIRST, ("density",)))
    assert lsl.rows == [pytest.approx(list(FIRST.as_tuple()))]


@pytest.mark.asyncio
async def test_the_state_tells_whether_somebody_listens() -> None:
    lsl = _FakeLsl()
    bridge = _outlet(lsl)
    states = [bridge.health()["state"]]

    def look() -> None:
        states.append(bridge.health()["state"])
        lsl.heard = True
        states.append(bridge.health()["state"])

    await _while_open(bridge, look)
    assert [*states, bridge.health()["state"]] == ["closed", "nobody-listens", "sending", "closed"]


@pytest.mark.asyncio
async def test_a_refused_sample_is_a_loss_and_never_raised_in_the_tick() -> None:
    lsl = _FakeLsl()
    bridge = _outlet(lsl)

    async with asyncio.timeout(10):
        running = asyncio.gather(bridge.run(), return_exceptions=True)
        while bridge._stream is None:  # noqa: ASYNC110 - a thread opens it
            await asyncio.sleep(0)
        lsl.trouble = "an internal error has occurred."
        assert bridge.send(FIRST, CONTROL_NAMES) == ()
        bridge.panic()
        (error,) = await running
    assert isinstance(error, AdapterLost)
    assert bridge.health()["state"] == "lost"
    lsl.trouble = ""
    await _while_open(bridge, lambda: bridge.send(FIRST, CONTROL_NAMES))
    assert bridge.health()["state"] == "closed"
    assert len(lsl.rows) == 1


@pytest.mark.asyncio
async def test_a_stream_that_cannot_be_opened_is_lost() -> None:
    lsl = _FakeLsl()
    lsl.shut = "could not create stream outlet."
    with pytest.raises(AdapterLost, match="could not create"):
        await _outlet(lsl).run()


@pytest.mark.asyncio
async def test_without_pylsl_it_says_what_to_install() -> None:
    bridge = _outlet(None)
    bridge._library = LslLibrary("no_such_module")
    with pytest.raises(AdapterConfigError, match="lsl_outlet: pylsl isn't installed"):
        await bridge.run()


def test_lsl_is_kept_to_this_machine_once_and_for_all() -> None:
    lsl = _FakeLsl()
    library = _Library(lsl)
    library.load("lsl_outlet", network=False)
    library.load("lsl_inlet", network=False)
    assert lsl.configured == [HERE_ONLY]
    with pytest.raises(AdapterConfigError, match="already runs with `network: false`"):
        library.load("lsl_inlet", network=True)


def test_on_the_network_lsl_follows_its_own_configuration() -> None:
    lsl = _FakeLsl()
    _Library(lsl).load("lsl_outlet", network=True)
    assert lsl.configured == []


def test_an_old_liblsl_is_not_let_out_by_mistake() -> None:
    def missing(content: str) -> None:
        raise NotImplementedError("requires liblsl >= 1.17.7")

    with pytest.raises(AdapterConfigError, match="can't be kept to this machine"):
        _Library(SimpleNamespace(set_config_content=missing)).load("lsl_inlet", network=False)


def test_a_liblsl_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("LSL binary library file was not found.")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(AdapterConfigError, match="was not found"):
        LslLibrary().load("lsl_inlet", network=False)


@pytest.mark.parametrize("config", [{"stream": ""}, {"performers": 0}, {"performers": 65}, {"port": 1}])
def test_a_configuration_that_cannot_work_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LslOutletConfig(**config)
