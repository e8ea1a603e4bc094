"""What differs between Linux, macOS and Windows; everything else here is the same on all three.

- Addresses: Linux and Windows show the strap's own (AA:BB:CC:DD:EE:FF), macOS a UUID that it invents per computer.
- Several Bluetooth adapters can be chosen from on Linux only; bleak ignores the choice elsewhere.
- On Linux bleak speaks to bluetoothd over D-Bus, so either can be missing; elsewhere bleak says what is missing itself.
- macOS asks the user whether the terminal may use Bluetooth.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from bleak.args.bluez import BlueZScannerArgs
from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakDBusError


class Unavailable(NamedTuple):
    """Why there is no Bluetooth at the moment, and what to do about it."""

    reason: str
    hint: str


def radio_options(radio: str | None) -> BlueZScannerArgs:
    """How bleak is told which Bluetooth adapter to use; empty for the first one."""
    return {} if radio is None else {"adapter": radio}


def why_unavailable(error: BaseException) -> Unavailable | None:
    """What `error` says about this machine's Bluetooth; None when it is about something else, such as the strap."""
    if isinstance(error, BleakBluetoothNotAvailableError):
        return _REASONS.get(error.reason, Unavailable(str(error.args[0]), _ALLOW))
    if isinstance(error, BleakDBusError) and error.dbus_error in _NO_BLUETOOTHD:
        return Unavailable("bluetoothd doesn't run", "sudo systemctl start bluetooth")
    if isinstance(error, FileNotFoundError | ConnectionError):
        return Unavailable("there is no D-Bus system bus, so bluetoothd can't be reached", _NO_BUS)
    return None


_NO_BLUETOOTHD: Final = (
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.UnknownMethod",  # its name is taken, its objects aren't there yet
    "org.freedesktop.DBus.Error.UnknownObject",
)
_ALLOW: Final = "allow it in the system's privacy settings for Bluetooth"
_NO_BUS: Final = "start dbus, in a container mount /run/dbus/system_bus_socket"
_REASONS: Final = {
    BleakBluetoothNotAvailableReason.NO_BLUETOOTH: Unavailable(
        "there is no Bluetooth adapter", "plug one in; in a virtual machine or container pass it through"
    ),
    BleakBluetoothNotAvailableReason.NO_BLE_CENTRAL_ROLE: Unavailable(
        "the Bluetooth adapter can't do Bluetooth Low Energy", "plug in one with Bluetooth 4.0 or later"
    ),
    BleakBluetoothNotAvailableReason.POWERED_OFF: Unavailable(
        "Bluetooth is switched off", "switch it on; on Linux: rfkill unblock bluetooth, bluetoothctl power on"
    ),
}
