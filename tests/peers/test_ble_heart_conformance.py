"""The strap keeps every promise of the plug-in API while it is worn; test_registered_adapters looks at it without."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from rig.bluez import FakeBluez, SystemBus
from rig.wearer import QUICK

from choreo_adapters.sensors.ble_heart import BleHeart
from choreo_service.testing import SENSOR_PROMISES, SensorCase

pytestmark = [pytest.mark.peer("dbus-daemon"), pytest.mark.slow]

SETTLE_S = 2.0  # a cold start, a scan and a connection, on a loaded machine


@pytest.fixture(scope="module")
def worn_strap() -> Iterator[SystemBus]:
    bus = SystemBus().start()
    with FakeBluez(bus):
        yield bus
    bus.discard()


@pytest.mark.parametrize("promise", SENSOR_PROMISES)
def test_the_strap_keeps_its_promise(promise: str, worn_strap: SystemBus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", worn_strap.address)
    SENSOR_PROMISES[promise](SensorCase(BleHeart, QUICK, expects_samples=True, settle_s=SETTLE_S))
