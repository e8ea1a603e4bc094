"""The Link sensor without a network: what it emits, and what it says without aalink."""

from __future__ import annotations

import asyncio
import sys
import types
from typing import Any

import pytest

from choreo_adapters.sensors.link import LinkConfig, LinkPeer
from choreo_service.clock import NS, VirtualClock, run_virtual
from choreo_service.errors import AdapterConfigError
from choreo_service.testing import RecordingEmit


class _Session:
    """Stands in for aalink.Link."""

    latest: _Session

    def __init__(self, bpm: float) -> None:
        self.tempo, self.phase, self.num_peers, self.enabled, self.quantum = bpm, 1.25, 0, False, 1.0
        _Session.latest = self


def test_it_emits_where_the_session_is_while_others_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("aalink")
    module.Link = _Session
    monkeypatch.setitem(sys.modules, "aalink", module)
    clock, emit = VirtualClock(), RecordingEmit()
    sensor = LinkPeer(LinkConfig(), emit, clock)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(sensor.run())
            await clock.sleep_until(clock.now_ns() + NS)
            assert sensor.health()["state"] == "waiting"
            _Session.latest.num_peers, _Session.latest.tempo = 2, 96.0
            await clock.sleep_until(clock.now_ns() + NS)
            assert sensor.health()["state"] == "receiving"
            assert _Session.latest.quantum == 4.0
            running.cancel()

    run_virtual(clock, main())
    assert len(emit.samples) == pytest.approx(50, abs=2)
    assert set(emit.of("link")) == {(1.25, 96.0)}
    assert not _Session.latest.enabled
    assert sensor.health()["state"] == "closed"


def test_without_aalink_the_user_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aalink", None)
    with pytest.raises(AdapterConfigError, match="aalink") as caught:
        asyncio.run(LinkPeer(LinkConfig(), RecordingEmit(), VirtualClock()).run())
    assert "[link]" in caught.value.fix
