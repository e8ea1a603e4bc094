"""mDNS: announced while the sensor listens beyond this machine; whatever fails there is a state."""

from __future__ import annotations

import asyncio
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from osc_datagrams import RecordingEmit

from choreo_adapters.osc.announce import SERVICE, Announcement
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import VirtualClock


class FakeZeroconf:
    """Notes what it is told; fails or hangs where asked to."""

    def __init__(self, *, fails: Exception | None = None, hangs: bool = False) -> None:
        self.fails, self.hangs = fails, hangs
        self.registered: list[Any] = []
        self.closed = 0
        self.registering = threading.Event()
        self.released = threading.Event()

    def Zeroconf(self, interfaces: Any = None) -> FakeZeroconf:
        return self

    def ServiceInfo(self, kind: str, name: str, **facts: Any) -> Any:
        return SimpleNamespace(kind=kind, name=name, **facts)

    def register_service(self, info: Any, allow_name_change: bool) -> None:
        self.registering.set()
        if self.hangs:
            self.released.wait(30)
        if self.fails:
            raise self.fails
        self.registered.append(info)

    def close(self) -> None:
        self.closed += 1


class Watched(Announcement):
    """Tells when it has come to a result."""

    def __init__(self, zeroconf: Any) -> None:
        super().__init__()
        self._zeroconf = zeroconf
        self.settled = threading.Event()

    def _become(self, state: str, **facts: str) -> None:
        super()._become(state, **facts)
        if state not in ("off", "starting"):
            self.settled.set()


def _served(announcement: Watched, until: threading.Event) -> dict[str, str]:
    """Its state when `until` was set; then it is ended."""

    async def main() -> dict[str, str]:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(announcement.serve("192.0.2.10", 9000))
            assert await asyncio.to_thread(until.wait, 10)
            during = dict(announcement.state)
            serving.cancel()
        return during

    return asyncio.run(main())


def test_the_port_is_announced_and_taken_back() -> None:
    fake = FakeZeroconf()
    announcement = Watched(fake)
    during = _served(announcement, announcement.settled)
    [info] = fake.registered
    assert (info.kind, info.port, info.addresses) == (SERVICE, 9000, [bytes((192, 0, 2, 10))])
    assert during == {"state": "announced", "name": info.name.removesuffix(f".{SERVICE}")}
    assert during["name"].startswith("choreo on ")
    assert fake.closed == 1
    assert announcement.state == {"state": "off"}


def test_a_failure_is_a_state_with_its_reason() -> None:
    fake = FakeZeroconf(fails=OSError(19, "No such device"))
    announcement = Watched(fake)
    during = _served(announcement, announcement.settled)
    assert during == {"state": "failed", "reason": "OSError: [Errno 19] No such device"}
    assert fake.closed == 1


def test_without_the_extra_it_says_what_to_install() -> None:
    announcement = Watched(None)
    during = _served(announcement, announcement.settled)
    assert during["state"] == "not installed"
    assert "[discover]" in during["hint"]


def test_a_network_that_hangs_holds_up_neither_the_loop_nor_the_end() -> None:
    fake = FakeZeroconf(hangs=True)
    assert _served(Watched(fake), fake.registering) == {"state": "starting"}
    assert not fake.closed  # it ended while the network still hung
    fake.released.set()


@pytest.mark.parametrize(
    ("config", "announced"),
    [
        ({}, False),
        ({"host": "::1"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "0.0.0.0", "announce": False}, False),
    ],
)
def test_only_a_port_that_others_may_reach_is_announced(config: dict[str, Any], announced: bool) -> None:
    adapter = OscMotion(OscMotion.Config.model_validate(config), RecordingEmit(), VirtualClock())
    assert ("mdns" in adapter.health()) == announced
