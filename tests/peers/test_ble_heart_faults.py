"""Real bleak, a fake bluetoothd, and everything that happens to a radio on stage.

The strap comes back by itself, or the adapter says what is wrong. Each test prints how long the way back took.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil
import pytest
from rig.bluez import KEYBOARD, POLAR, WAHOO, FakeBluez, SystemBus
from rig.wearer import QUICK, Wearer, worn

from choreo_adapters.sensors.ble_heart import scan_straps
from choreo_adapters.sensors.ble_heart.adapter import CHILD
from choreo_service.errors import ChoreoError

pytestmark = [pytest.mark.peer("dbus-daemon"), pytest.mark.slow]

both_loops = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[SystemBus]:
    """A system bus of our own, which our helper processes take for the machine's; not started yet."""
    own = SystemBus()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", own.address)
    yield own
    own.discard()


@pytest.fixture
def bluez(bus: SystemBus) -> Iterator[FakeBluez]:
    with FakeBluez(bus.start()) as running:
        yield running


@both_loops
async def test_a_dropped_link_is_connected_anew(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        bluez.do("drop")
        await _back(wearer, "the connection to Polar H10 A1B2C3D4 dropped")
    assert bluez.calls("Connect") == bluez.calls("StartNotify") == 2


@pytest.mark.asyncio
async def test_a_link_that_stalls_silently_is_connected_anew(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        bluez.do("stall")
        assert await _back(wearer, "has been silent for 0.6 s though it counts as connected") >= QUICK["silent_s"] / 2
    assert bluez.calls("Disconnect") == 2


@pytest.mark.asyncio
async def test_a_bluetoothd_that_dies_unseen_is_found_again_after_its_restart(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        bluez.kill()
        await wearer.loses("has been silent")
        await wearer.says("bluetoothd doesn't run")
        bluez.start()
        await _back(wearer, "has been silent")


@pytest.mark.asyncio
async def test_a_bluetoothd_that_dies_during_the_search_is_waited_for(bluez: FakeBluez) -> None:
    bluez.set(advertising=False)
    async with worn() as wearer:
        await wearer.says("no heart-rate strap has been heard")
        bluez.kill()
        await wearer.says("bluetoothd doesn't run")
        bluez.start()
        print(f"back after {await wearer.beats():.2f} s")


@pytest.mark.asyncio
async def test_a_system_bus_that_dies_is_found_again_after_its_restart(bus: SystemBus, bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        bus.kill()
        await wearer.says("there is no D-Bus system bus")
        bluez.stop()
        bus.start()
        bluez.start()
        await _back(wearer, "dropped")


@pytest.mark.asyncio
async def test_without_any_d_bus_the_adapter_says_so_and_waits(bus: SystemBus) -> None:
    async with worn() as wearer:
        await wearer.says("there is no D-Bus system bus")
        assert not wearer.causes
        with FakeBluez(bus.start()):
            print(f"back after {await wearer.beats():.2f} s")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("trouble", "reason", "remedy"),
    [("power off", "Bluetooth is switched off", "power on"), ("unplug", "there is no Bluetooth adapter", "plug")],
)
async def test_without_a_radio_the_adapter_says_so_and_waits(
    bluez: FakeBluez, trouble: str, reason: str, remedy: str
) -> None:
    bluez.do(trouble)
    async with worn() as wearer:
        await wearer.says(reason)
        assert wearer.heart.health()["hint"]
        assert not wearer.causes
        bluez.do(remedy)
        print(f"back after {await wearer.beats():.2f} s")


@pytest.mark.asyncio
async def test_a_link_aborted_while_it_is_made_is_tried_again_within_one_connection(bluez: FakeBluez) -> None:
    bluez.set(refuse="le-connection-abort-by-local")
    async with worn() as wearer:
        await wearer.beats()
        assert not wearer.causes
    assert bluez.calls("Connect") == 2


@pytest.mark.asyncio
async def test_a_refused_connection_is_said_and_tried_again(bluez: FakeBluez) -> None:
    bluez.set(refuse="br-connection-page-timeout")
    async with worn() as wearer:
        await _back(wearer, "connecting to Polar H10 A1B2C3D4 failed: br-connection-page-timeout")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("knobs", "cause"),
    [
        ({"connect": "silent"}, "doesn't answer within 0.6 s"),
        ({"resolve": "never"}, "doesn't answer within 0.6 s"),
        ({"resolve": "drop"}, "device disconnected"),
        ({"forgotten": True}, "not found"),
    ],
    ids=["no-answer", "services-never-resolve", "drop-during-discovery", "removed-after-the-scan"],
)
async def test_a_connection_that_fails_is_said_and_made_once_it_can_be(
    bluez: FakeBluez, knobs: dict[str, str | bool], cause: str
) -> None:
    bluez.set(**knobs)
    async with worn() as wearer:
        await wearer.loses(cause)
        bluez.set(connect="answer", resolve="yes", forgotten=False)
        await _back(wearer, cause)


@pytest.mark.asyncio
async def test_bytes_that_are_no_measurement_do_not_end_the_stream(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        bluez.set(payload="10")
        await wearer.until(lambda: any(cause == "malformed" for _, cause in wearer.emit.rejections), "a rejection")
        bluez.set(payload="")
        await wearer.beats()
        assert not wearer.causes
    assert bluez.calls("Connect") == 1


@pytest.mark.asyncio
async def test_each_notification_that_comes_twice_counts_once(bluez: FakeBluez) -> None:
    bluez.set(copies=2)
    async with worn() as wearer:
        await wearer.beats(10)
        facts = wearer.heart.health()
    assert abs(facts["rejected"]["duplicate"] - facts["accepted"]) <= 1


@pytest.mark.asyncio
async def test_a_connection_left_by_a_helper_that_was_killed_is_taken_over(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        _helper().kill()
        await _back(wearer, "the Bluetooth process ended by itself")
    assert bluez.calls("Connect") == 1


@pytest.mark.asyncio
async def test_a_helper_that_hangs_is_replaced(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        _helper().suspend()
        await _back(wearer, "the Bluetooth process hangs")


@pytest.mark.asyncio
async def test_a_strap_out_of_reach_is_waited_for_and_scanning_ends_with_its_connection(bluez: FakeBluez) -> None:
    bluez.set(advertising=False)
    async with worn() as wearer:
        await wearer.says("no heart-rate strap has been heard")
        bluez.set(advertising=True)
        print(f"back after {await wearer.beats():.2f} s")
        assert not wearer.causes
        scans = bluez.calls("StartDiscovery")
        await wearer.beats(20)
    assert bluez.calls("StartDiscovery") == bluez.calls("StopDiscovery") == scans


@pytest.mark.asyncio
async def test_battery_contact_and_rate_are_shown_and_contact_lost_is_said(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        await wearer.beats()
        facts = wearer.heart.health()
        assert (facts["state"], facts["detail"]) == ("receiving", "72 bpm")
        assert (facts["battery"], facts["contact"]) == (87, True)
        assert facts["target"] == "Polar H10 A1B2C3D4 (C0:FF:EE:00:00:01)"
        bluez.set(payload="0448")
        await wearer.says("the strap feels no skin")
        assert not wearer.causes
        bluez.set(payload="")
        await wearer.beats()
        assert wearer.heart.health()["state"] == "receiving"


@pytest.mark.asyncio
async def test_a_strap_without_a_battery_service_plays(bluez: FakeBluez) -> None:
    bluez.set(battery=-1)
    async with worn() as wearer:
        await wearer.beats()
        assert wearer.heart.health()["battery"] is None


@pytest.mark.asyncio
@pytest.mark.parametrize("choice", [{"name": "tickr"}, {"address": WAHOO["address"]}], ids=["by-name", "by-address"])
async def test_the_chosen_strap_is_connected_among_others(bus: SystemBus, choice: dict[str, str]) -> None:
    with FakeBluez(bus.start(), POLAR, KEYBOARD, WAHOO):
        async with worn(**choice, performer=1) as wearer:
            await wearer.until(lambda: len(wearer.emit.samples) > 2, "samples")
    assert {(sample.source, sample.performer) for sample in wearer.emit.samples} == {("Wahoo TICKR 99", 1)}
    assert not wearer.emit.problems


@pytest.mark.asyncio
async def test_the_strap_that_was_worn_is_preferred_until_it_is_absent(bus: SystemBus) -> None:
    with FakeBluez(bus.start(), POLAR, WAHOO) as bluez:
        bluez.set(strap=0, advertising=False)
        async with worn() as wearer:
            await wearer.beats()
            bluez.set(strap=0, advertising=True)  # this one is heard first from now on
            bluez.do("drop", strap=1)
            await _back(wearer, "the connection to Wahoo TICKR 99 dropped")
            bluez.set(strap=1, advertising=False)
            bluez.do("drop", strap=1)
            await wearer.until(lambda: wearer.emit.samples[-1].source == POLAR["name"], "the other strap")
    assert len(wearer.causes) == 2


def test_a_scan_lists_straps_and_nothing_else_strongest_first(bus: SystemBus) -> None:
    with FakeBluez(bus.start(), POLAR, KEYBOARD, WAHOO):
        straps = scan_straps(0.5)
    assert [strap.name for strap in straps] == [WAHOO["name"], POLAR["name"]]
    assert [strap.address for strap in straps] == [WAHOO["address"], POLAR["address"]]
    assert all(strap.rssi is not None and strap.rssi < 0 for strap in straps)


def test_a_scan_lists_a_strap_that_is_connected(bluez: FakeBluez) -> None:
    bluez.do("hold")
    assert [(strap.name, strap.rssi) for strap in scan_straps(0.2)] == [(POLAR["name"], None)]


def test_a_scan_without_bluetooth_says_why(bus: SystemBus) -> None:
    bus.start()
    with pytest.raises(ChoreoError, match="bluetoothd doesn't run") as caught:
        scan_straps(0.2)
    assert "systemctl" in caught.value.fix


@both_loops
async def test_reconnecting_leaves_nothing_open_in_the_service(bluez: FakeBluez) -> None:
    async with worn() as wearer:
        open_after = []
        for count in range(1, 5):
            await wearer.beats()
            open_after.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208 - a count, not paths
            bluez.do("drop")
            await wearer.until(lambda count=count: len(wearer.causes) == count, "the loss")
    assert open_after[1:] == open_after[1:2] * 3


async def _back(wearer: Wearer, cause: str) -> float:
    """Wait for the loss and for beats after it; the seconds from now to the first of them."""
    back_s = await wearer.loses(cause) + await wearer.beats(1)
    print(f"{cause}: back after {back_s:.2f} s")
    return back_s


def _helper() -> psutil.Process:
    (helper,) = (child for child in psutil.Process().children() if _alive(child) and CHILD in child.cmdline())
    return helper


def _alive(process: psutil.Process) -> bool:
    """Whether it has a command line to be asked for; a dead peer of another test waits for its parent without one."""
    return process.status() != psutil.STATUS_ZOMBIE
