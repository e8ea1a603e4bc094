"""One connection to one strap, by bleak: find, connect, listen, part. Nothing else talks to bleak."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakDBusError, BleakError
from bleak.uuids import normalize_uuid_16

from choreo_adapters.sensors.ble_heart.config import BleHeartConfig
from choreo_adapters.sensors.ble_heart.measurement import LONGEST
from choreo_adapters.sensors.ble_heart.news import News, printable
from choreo_adapters.sensors.ble_heart.systems import radio_options, why_unavailable
from choreo_service.clock import NS, Clock

HEART_RATE_SERVICE: Final = normalize_uuid_16(0x180D)
HEART_RATE: Final = normalize_uuid_16(0x2A37)
BATTERY_LEVEL: Final = normalize_uuid_16(0x2A19)
BLUETOOTH_RETRY_S: Final = 1.0  # how often a machine without Bluetooth is asked again
ANSWER_S: Final = 5.0  # patience with the system's Bluetooth service, for which bleak would wait for ever
PART_S: Final = 1.0  # patience with a link that is given up; bleak itself would wait 10 s
BATTERY_S: Final = 2.0  # patience with a battery that doesn't answer; a strap without one is fine
BATTERY_EVERY_NS: Final = 300 * NS
RADIO_ERRORS: Final = (BleakError, OSError, TimeoutError, EOFError, AssertionError)  # bleak asserts on a dead bus

WEAR_IT: Final = (
    "put it on and wet its electrodes, a strap is silent until it is worn; "
    "and disconnect it from any watch or phone, most straps serve one listener"
)


class StrapLost(Exception):
    """The connection can't go on; the text says why."""


class StrapSession:
    """Use once. Searches for as long as it takes; a connection that fails or ends is StrapLost.

    It never scans while connected: BlueZ can get stuck in a scan, and radios miss notifications meanwhile.
    """

    def __init__(self, config: BleHeartConfig, news: News, clock: Clock, prefer: str = "") -> None:
        """`prefer` is the address of the strap that was worn before: for one `scan_s` no other is taken."""
        self._config = config
        self._prefer = prefer
        self._news = news
        self._clock = clock
        self._heard_ns = 0
        self._heard = asyncio.Event()  # set by each notification and by the link's end
        self._dropped = False

    async def run(self) -> None:
        """Until StrapLost or cancelled. Leaves no connection and no file descriptor behind."""
        try:
            device = await self._find()
        except RADIO_ERRORS as error:
            raise StrapLost(f"the search failed: {_told(error)}") from error
        name = printable(device.name) or device.address
        self._news.found(name, device.address)
        # A client of its own per connection: reused ones report "already notifying" on macOS and repeat on Linux.
        client = BleakClient(
            device,
            disconnected_callback=self._note_drop,
            timeout=self._config.connect_s,
            bluez=radio_options(self._config.radio),
        )
        try:
            await self._connect(client, name)
            await self._listen(client, name)
        finally:
            await _part(client)

    async def _find(self) -> BLEDevice:
        while True:
            try:
                async with asyncio.timeout(self._config.scan_s + ANSWER_S):
                    device = await self._already_connected() or await self._scan()
            except TimeoutError as error:
                raise StrapLost("the system's Bluetooth service doesn't answer") from error
            except RADIO_ERRORS as error:
                unavailable = why_unavailable(error)
                if unavailable is None:
                    raise
                self._news.become("no-bluetooth", *unavailable)
                await asyncio.sleep(BLUETOOTH_RETRY_S)
                continue
            if device is not None:
                return device
            self._prefer = ""
            self._news.become(
                "absent", f"{_wanted(self._config)} has been heard for {self._config.scan_s:g} s", WEAR_IT
            )

    async def _already_connected(self) -> BLEDevice | None:
        """A strap the system still holds, left by a run that crashed: connected straps don't advertise."""
        adapter = await BleakAdapter.get(bluez=radio_options(self._config.radio))
        with suppress(NotImplementedError):
            for device in await adapter.get_connected_devices([HEART_RATE_SERVICE]):
                if self._fits(device.name, device.address):
                    return device
        return None

    async def _scan(self) -> BLEDevice | None:
        """The first strap that fits; None after `scan_s`. Names and addresses also find straps that keep their
        service to themselves until connected."""
        by_service = self._config.name is None and self._config.address is None

        def fits(device: BLEDevice, advertised: AdvertisementData) -> bool:
            return self._fits(advertised.local_name or device.name, device.address)

        return await BleakScanner.find_device_by_filter(
            fits,
            timeout=self._config.scan_s,
            service_uuids=[HEART_RATE_SERVICE] if by_service else [],
            bluez=radio_options(self._config.radio),
        )

    def _fits(self, name: str | None, address: str) -> bool:
        if self._prefer and address != self._prefer:
            return False
        if self._config.address is not None:
            return address.upper() == self._config.address
        return self._config.name is None or self._config.name.casefold() in (name or "").casefold()

    async def _connect(self, client: BleakClient, name: str) -> None:
        try:
            async with asyncio.timeout(2 * self._config.connect_s):  # bleak counts connecting only
                await client.connect()
                await client.start_notify(HEART_RATE, self._note_heart)
            self._dropped = not client.is_connected  # links that fell while this one was made don't count
        except TimeoutError as error:
            raise StrapLost(f"{name} doesn't answer within {self._config.connect_s:g} s") from error
        except RADIO_ERRORS as error:
            raise StrapLost(f"connecting to {name} failed: {_told(error)}") from error

    async def _listen(self, client: BleakClient, name: str) -> None:
        """Neither bluetoothd's death nor a stalled link tells bleak, so silence ends the connection too."""
        self._news.become("connected")
        self._heard_ns = self._clock.now_ns()
        battery_ns = self._heard_ns
        while not self._dropped:
            self._heard.clear()
            if self._clock.now_ns() >= battery_ns:
                self._news.battery(await _battery(client))
                battery_ns = self._clock.now_ns() + BATTERY_EVERY_NS
            left_s = self._config.silent_s - (self._clock.now_ns() - self._heard_ns) / NS
            if left_s <= 0:
                raise StrapLost(f"{name} has been silent for {self._config.silent_s:g} s though it counts as connected")
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._heard.wait()
        raise StrapLost(f"the connection to {name} dropped")

    def _note_heart(self, _: BleakGATTCharacteristic, data: bytearray) -> None:
        self._heard_ns = self._clock.now_ns()
        self._news.heart(bytes(data[: LONGEST + 1]), self._heard_ns)  # one more than any reader accepts
        self._heard.set()

    def _note_drop(self, _: BleakClient) -> None:
        self._dropped = True
        self._heard.set()


async def scan(seconds: float, radio: str | None) -> list[dict[str, str | int | None]]:
    """Every strap heard within `seconds`, and those already connected, whose `rssi` (dBm) is None."""
    adapter = await BleakAdapter.get(bluez=radio_options(radio))
    straps: dict[str, dict[str, str | int | None]] = {}
    with suppress(NotImplementedError):
        for device in await adapter.get_connected_devices([HEART_RATE_SERVICE]):
            straps[device.address] = {"name": printable(device.name), "address": device.address, "rssi": None}
    heard = await BleakScanner.discover(
        timeout=seconds, return_adv=True, service_uuids=[HEART_RATE_SERVICE], bluez=radio_options(radio)
    )
    for device, advertised in heard.values():
        name = printable(advertised.local_name or device.name)
        straps[device.address] = {"name": name, "address": device.address, "rssi": advertised.rssi}
    return list(straps.values())


async def _battery(client: BleakClient) -> int | None:
    """Per cent; None when the strap doesn't say."""
    try:
        async with asyncio.timeout(BATTERY_S):
            level = await client.read_gatt_char(BATTERY_LEVEL)
    except RADIO_ERRORS:
        return None
    return level[0] if len(level) == 1 and level[0] <= 100 else None


async def _part(client: BleakClient) -> None:
    """Always after a connection, also a dropped one: bleak keeps a file descriptor open until then."""
    with suppress(*RADIO_ERRORS):
        async with asyncio.timeout(PART_S):
            await client.disconnect()


def _wanted(config: BleHeartConfig) -> str:
    return f"no strap {config.address or config.name!r}" if config.address or config.name else "no heart-rate strap"


def _told(error: BaseException) -> str:
    """One line of what bleak says, which for a D-Bus error begins with a long name."""
    if isinstance(error, BleakDBusError):
        return error.dbus_error_details or error.dbus_error
    return (str(error) or type(error).__name__).splitlines()[0]
