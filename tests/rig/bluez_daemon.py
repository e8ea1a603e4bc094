"""A stand-in for bluetoothd: `python bluez_daemon.py '[{"name": ..., "address": ...}, ...]'` on the system bus.

It has one radio and some straps, prints every method it is called by, and obeys one JSON object per line of stdin:
`{"strap": 0, "set": {knob: value}}` or `{"strap": 0, "do": "drop"}`. Object paths and signals are those that bleak
needs of org.bluez: BlueZ' own documents, doc/org.bluez.*.rst.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

RADIO: Final = "/org/bluez/hci0"
ADAPTER, DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
SERVICE, CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
OBJECTS, PROPERTIES = "org.freedesktop.DBus.ObjectManager", "org.freedesktop.DBus.Properties"
FAILED: Final = "org.bluez.Error.Failed"
ADVERTISE_S: Final = 0.02


def uuid(short: int) -> str:
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


SIGNATURES: Final = {"UUIDs": "as", "Roles": "as", "Flags": "as", "Value": "ay", "RSSI": "n"}
OBJECT_PATHS: Final = ("Adapter", "Device", "Service")


def variants(properties: dict[str, Any]) -> dict[str, Variant]:
    """Texts are strings and truths booleans, unless the tables above say otherwise."""
    signatures = SIGNATURES | dict.fromkeys(OBJECT_PATHS, "o")
    return {
        name: Variant(signatures.get(name, "b" if isinstance(value, bool) else "s"), value)
        for name, value in properties.items()
    }


@dataclass
class Knobs:
    """What a test may change of a strap at any time."""

    advertising: bool = True
    forgotten: bool = False  # BlueZ drops the device when scanning stops
    refuse: str = ""  # the next Connect fails with this text
    connect: str = "answer"  # or "silent"
    resolve: str = "yes"  # or "never", or "drop": what follows Connect
    payload: str = ""  # hex of every notification; without it 72 bpm and a changing interval
    period_s: float = 0.05
    copies: int = 1  # of each notification
    battery: int = 87  # below 0 there is none


class Tree:
    """The exported objects: path -> interface -> properties, every change told by a signal."""

    def __init__(self, bus: MessageBus) -> None:
        self.bus = bus
        self.objects: dict[str, dict[str, dict[str, Variant]]] = {}

    def add(self, path: str, interface: str, **properties: Any) -> None:
        self.objects[path] = {interface: variants(properties)}
        self._signal(path, OBJECTS, "InterfacesAdded", "oa{sa{sv}}", [path, self.objects[path]])

    def remove(self, path: str) -> None:
        if interfaces := self.objects.pop(path, None):
            self._signal(path, OBJECTS, "InterfacesRemoved", "oas", [path, list(interfaces)])

    def change(self, path: str, interface: str, **properties: Any) -> None:
        changed = variants(properties)
        self.objects[path][interface] |= changed
        self._signal(path, PROPERTIES, "PropertiesChanged", "sa{sv}as", [interface, changed, []])

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self.bus.send(Message.new_signal(path, interface, member, signature, body))


class Strap:
    """One strap, in or out of reach."""

    def __init__(self, tree: Tree, name: str, address: str, services: list[int]) -> None:
        self.tree, self.knobs = tree, Knobs()
        self.name, self.address = name, address
        self.services = [uuid(short) for short in services]
        self.path = f"{RADIO}/dev_{address.replace(':', '_')}"
        self.heart, self.battery = f"{self.path}/service0010/char0011", f"{self.path}/service0020/char0021"
        self.connected = self.stalled = self.notifying = False
        self.beats = itertools.count()

    def advertise(self) -> None:
        if self.connected or not self.knobs.advertising:
            return
        if self.path not in self.tree.objects:
            self.appear()
        self.tree.change(self.path, DEVICE, RSSI=-50 - len(self.name))

    def appear(self) -> None:
        about = {"Adapter": RADIO, "Address": self.address, "Alias": self.name, "Name": self.name}
        state = {"Connected": False, "ServicesResolved": False, "Paired": False}
        self.tree.add(self.path, DEVICE, **about, **state, AddressType="random", UUIDs=self.services)

    def connect(self) -> str:
        """The error's text, "" when it worked."""
        self.stalled = False
        self.connected = True
        self.tree.change(self.path, DEVICE, Connected=True)
        if refused := self.knobs.refuse:
            self.knobs.refuse = ""
            asyncio.get_running_loop().call_later(0.05, self.drop)
            return refused
        if self.knobs.resolve == "yes":
            asyncio.get_running_loop().call_later(0.02, self.resolve)
        elif self.knobs.resolve == "drop":
            asyncio.get_running_loop().call_later(0.05, self.drop)
        return ""

    def resolve(self) -> None:
        if not self.connected:
            return
        for uuids, path in (((0x180D, 0x2A37), self.heart), ((0x180F, 0x2A19), self.battery)):
            if path == self.battery and self.knobs.battery < 0:
                continue
            service = path.rpartition("/")[0]
            self.tree.add(service, SERVICE, UUID=uuid(uuids[0]), Device=self.path, Primary=True)
            flags = ["notify"] if path == self.heart else ["read"]
            self.tree.add(
                path, CHARACTERISTIC, UUID=uuid(uuids[1]), Service=service, Flags=flags, Value=b"", Notifying=False
            )
        self.tree.change(self.path, DEVICE, ServicesResolved=True)

    def drop(self) -> None:
        self.connected = self.notifying = False
        self.tree.change(self.path, DEVICE, ServicesResolved=False)
        self.tree.change(self.path, DEVICE, Connected=False)
        for path in [p for p in self.tree.objects if p.startswith(f"{self.path}/")]:
            self.tree.remove(path)

    def stall(self) -> None:
        """Connected as before, and silent until the next connection."""
        self.stalled = True

    def hold(self) -> None:
        """Connected by a program that has crashed since."""
        self.appear()
        self.connect()

    def remove(self) -> None:
        if not self.connected:
            self.tree.remove(self.path)

    async def beat(self) -> None:
        while True:
            await asyncio.sleep(self.knobs.period_s)
            if not self.notifying or self.stalled:
                continue
            interval = (840 + next(self.beats) % 8).to_bytes(2, "little")
            data = bytes.fromhex(self.knobs.payload) or bytes((0x16, 72)) + interval
            for _ in range(self.knobs.copies):
                self.tree.change(self.heart, CHARACTERISTIC, Value=data)


class Bluez:
    """Answers what BlueZ would answer."""

    def __init__(self, bus: MessageBus, straps: list[dict[str, Any]]) -> None:
        self.bus, self.tree = bus, Tree(bus)
        self.straps = [Strap(self.tree, **strap) for strap in straps]
        self.discovering = 0
        self.plug(True)
        bus.add_message_handler(self.answer)

    def plug(self, powered: bool) -> None:
        about = {"Address": "00:00:00:00:00:01", "Name": "rig", "Alias": "rig", "UUIDs": []}
        self.tree.add(RADIO, ADAPTER, **about, Powered=powered, Roles=["central"], Discovering=False)

    def listen(self) -> None:
        """Everything that has come: a buffered reader would keep the second of two lines from us."""
        lines = os.read(0, 1 << 16).decode().splitlines()
        for line in lines:
            self.obey(line)
        if not lines:  # the test is gone
            self.bus.disconnect()

    def obey(self, line: str) -> None:
        command = json.loads(line)
        strap = self.straps[command["strap"]]
        for knob, value in command.get("set", {}).items():
            setattr(strap.knobs, knob, value)
        actions: dict[str, Callable[[], None]] = {
            "power off": lambda: self.tree.change(RADIO, ADAPTER, Powered=False),
            "power on": lambda: self.tree.change(RADIO, ADAPTER, Powered=True),
            "unplug": lambda: self.tree.remove(RADIO),
            "plug": lambda: self.plug(True),
        }
        if do := command.get("do"):
            actions.get(do, getattr(strap, do, None))()

    def answer(self, message: Message) -> Message | bool:
        """What dbus-fast sends back; True when there is no answer, False for its own UnknownMethod."""
        if message.message_type is not MessageType.METHOD_CALL:
            return False
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self.tree.objects])
        if message.path not in self.tree.objects or not (message.interface or "").startswith("org.bluez"):
            return False
        print(message.member, flush=True)
        if message.interface == ADAPTER:
            self.discovering += {"StartDiscovery": 1, "StopDiscovery": -1}.get(message.member, 0)
            if message.member == "StopDiscovery":
                self.forget()
            return Message.new_method_return(message)
        strap = next(strap for strap in self.straps if message.path.startswith(strap.path))
        return self.answer_for(strap, message)

    def answer_for(self, strap: Strap, message: Message) -> Message | bool:
        if message.member == "Connect":
            if strap.knobs.connect == "silent":
                return True
            refused = strap.connect()
            return Message.new_error(message, FAILED, refused) if refused else Message.new_method_return(message)
        if message.member == "Disconnect":
            strap.drop()
        elif message.member == "ReadValue":
            return Message.new_method_return(message, "ay", [bytes((strap.knobs.battery,))])
        elif message.member in ("StartNotify", "StopNotify"):
            strap.notifying = message.member == "StartNotify"
        return Message.new_method_return(message)

    def forget(self) -> None:
        for strap in self.straps:
            if strap.knobs.forgotten:
                strap.remove()

    async def advertise(self) -> None:
        while True:
            await asyncio.sleep(ADVERTISE_S)
            if self.discovering > 0:
                for strap in self.straps:
                    strap.advertise()


async def main(straps: list[dict[str, Any]]) -> None:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bluez = Bluez(bus, straps)
    asyncio.get_running_loop().add_reader(0, bluez.listen)
    await bus.request_name("org.bluez")
    print("ready", flush=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(bluez.advertise())
        for strap in bluez.straps:
            group.create_task(strap.beat())
        await bus.wait_for_disconnect()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
