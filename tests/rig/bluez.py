"""Bluetooth without a radio: a private D-Bus system bus, and on it a bluetoothd whose straps obey the test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rig.process import Process

DAEMON: Final = Path(__file__).with_name("bluez_daemon.py")
HEART_RATE: Final = 0x180D
POLAR: Final = {"name": "Polar H10 A1B2C3D4", "address": "C0:FF:EE:00:00:01", "services": [HEART_RATE]}
WAHOO: Final = {"name": "Wahoo TICKR 99", "address": "C0:FF:EE:00:00:02", "services": [HEART_RATE]}
KEYBOARD: Final = {"name": "Keyboard", "address": "C0:FF:EE:00:00:03", "services": [0x1812]}
CONFIG: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/>
<allow receive_sender="*"/></policy></busconfig>
"""


class SystemBus(Process):
    """A dbus-daemon at an address of its own, the same after each `start()`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="choreo-bus-"))
        self.socket = self.folder / "bus"
        self.address = f"unix:path={self.socket}"
        config = self.folder / "bus.conf"
        config.write_text(CONFIG.format(socket=self.socket), encoding="utf-8")
        super().__init__(("dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"))

    def is_ready(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError):
            probe.connect(str(self.socket))
            return True
        return False

    def discard(self) -> None:
        """End it and remove its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class FakeBluez(Process):
    """bluetoothd as bleak sees it, with straps as in POLAR. See bluez_daemon for the knobs."""

    def __init__(self, bus: SystemBus, *straps: dict[str, Any]) -> None:
        env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address}
        super().__init__((sys.executable, str(DAEMON), json.dumps(straps or (POLAR,))), env=env)

    def is_ready(self) -> bool:
        return "ready" in self.output()

    def set(self, strap: int = 0, **knobs: Any) -> None:
        """Turn knobs of one strap, see bluez_daemon.Knobs."""
        self.say(json.dumps({"strap": strap, "set": knobs}) + "\n")

    def do(self, action: str, strap: int = 0) -> None:
        """drop, stall, hold or remove a strap; power off, power on, unplug or plug the radio."""
        self.say(json.dumps({"strap": strap, "do": action}) + "\n")

    def calls(self, method: str) -> int:
        """How often a method of org.bluez was called since `start()`."""
        return self.output().split().count(method)
