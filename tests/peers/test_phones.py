"""Senders and listeners that are not ours: liblo's oscsend into `choreo phone`, a browser for the announcement."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import pytest
from osc_datagrams import RecordingEmit
from rig.oscdump import udp_port_bound
from rig.process import Process, wait_until

from choreo_adapters.osc.announce import SERVICE
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import MonotonicClock
from choreo_service.doctor.network import lan_addresses


class PhoneCommand(Process):
    """`choreo phone`, ready when its port is bound."""

    def __init__(self, port: int, seconds: float) -> None:
        self._port = port
        argv = (sys.executable, "-m", "choreo_service", "phone", "--port", str(port), "--seconds", str(seconds))
        super().__init__(argv, env=dict(os.environ))

    def is_ready(self) -> bool:
        return udp_port_bound(self._port)


def _oscsend(port: int, *message: str) -> None:
    subprocess.run(["oscsend", "127.0.0.1", str(port), *message], check=True, timeout=10)


@pytest.mark.peer("oscsend")
def test_oscsend_is_heard_recognised_and_refused_with_reasons(free_udp_port: int) -> None:
    with PhoneCommand(free_udp_port, 4.0) as command:
        for _ in range(20):
            _oscsend(free_udp_port, "/gyrosc/accel", "fff", "0.01", "-0.02", "0.03")
            _oscsend(free_udp_port, "/gyrosc/grav", "fff", "0", "0", "-1")
        _oscsend(free_udp_port, "/my/own/acc", "fff", "0", "0.2", "0.97")
        _oscsend(free_udp_port, "/gyrosc/rrate", "sss", "a", "b", "c")
        wait_until(lambda: not command.alive, "choreo phone ended by itself", 20.0)
    said = command.output()
    assert "your packets arrive: " in said
    assert "GyrOSC (iOS) at 127.0.0.1; " in said
    assert "linear_acceleration" in said
    assert "1 unknown address" in said
    assert "1 wrong arguments" in said
    assert 'map: {"/my/own/acc": {"stream": "acceleration", "unit": "g"}}' in said.splitlines()[-1]


@pytest.mark.peer("oscsend")
def test_every_type_oscsend_knows_is_taken_or_refused_and_never_misread(free_udp_port: int) -> None:
    """Numbers in any width count as numbers; what is no number is counted as refused."""
    emit = RecordingEmit()

    async def main() -> None:
        adapter = OscMotion(OscMotion.Config(port=free_udp_port), emit, MonotonicClock())
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(adapter.run())
            await asyncio.sleep(0.1)
            for tags, values in (("iii", "123"), ("hhh", "123"), ("ddd", "123"), ("fff", "123")):
                await asyncio.to_thread(_oscsend, free_udp_port, "/choreo/motion/gyro", tags, *values)
            await asyncio.to_thread(_oscsend, free_udp_port, "/choreo/motion/gyro", "TFN")
            await asyncio.sleep(0.2)
            running.cancel()

    asyncio.run(main())
    assert emit.of("rotation_rate") == [(1.0, 2.0, 3.0)] * 4
    assert emit.refused == {"wrong arguments": 1}


def test_the_port_is_found_by_a_browser_and_gone_with_the_sensor(free_udp_port: int) -> None:
    zeroconf = pytest.importorskip("zeroconf")
    if not lan_addresses():
        pytest.skip("no network interface but loopback")
    host = lan_addresses()[0]
    adapter = OscMotion(OscMotion.Config(host=host, port=free_udp_port), RecordingEmit(), MonotonicClock())
    browser = zeroconf.Zeroconf(interfaces=[host])
    name = f"choreo on {socket.gethostname().partition('.')[0]}.{SERVICE}"

    async def main() -> object:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(adapter.run())
            told = lambda: adapter.health()["mdns"]["state"] == "announced"  # noqa: E731
            await asyncio.to_thread(wait_until, told, "announced", 20.0)
            found = await asyncio.to_thread(browser.get_service_info, SERVICE, name, 8000)
            running.cancel()
        return found

    try:
        found = asyncio.run(main())
    finally:
        browser.close()
    assert found is not None
    assert (found.port, found.parsed_addresses()) == (free_udp_port, [host])  # type: ignore[attr-defined]
    assert adapter.health()["mdns"] == {"state": "off"}


def test_a_service_that_runs_is_named_with_what_to_do(free_udp_port: int) -> None:
    with PhoneCommand(free_udp_port, 20.0):
        second = subprocess.run(
            [sys.executable, "-m", "choreo_service", "phone", "--port", str(free_udp_port), "--seconds", "1"],
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert second.returncode == 1
    assert f"port {free_udp_port} is held by" in second.stderr
    assert f"--port {free_udp_port + 1}" in second.stderr
