"""The heart-rate strap as a sensor: keeps the helper process, and says how strap and Bluetooth are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from pydantic import BaseModel

from choreo_adapters.helper.process import HelperProcess
from choreo_adapters.helper.reports import Report, from_line
from choreo_adapters.sensors.ble_heart.config import BleHeartConfig
from choreo_adapters.sensors.ble_heart.news import HEARTBEAT_S
from choreo_adapters.sensors.ble_heart.pulse import IMPLAUSIBLE_RATE, MALFORMED, NO_CONTACT, NO_RATE, Pulse
from choreo_service.clock import NS, Clock
from choreo_service.errors import AdapterConfigError, AdapterLost, ChoreoError
from choreo_service.packets import MODALITIES
from choreo_service.protocols import Emit

CHILD: Final = "choreo_adapters.sensors.ble_heart.child"
NO_PULSE_NS: Final = round(MODALITIES["heart"].hold_after_s * NS)
LISTING_S: Final = 10.0  # beyond the scan itself: a cold start, and a bluetoothd that doesn't answer
INSTALL: Final = "pip install bleak"
RESTART: Final = "restart Bluetooth: sudo systemctl restart bluetooth, elsewhere switch it off and on"
FITTING: Final = "wet the electrodes and tighten the strap"
ADVICE: Final = {
    NO_CONTACT: ("the strap feels no skin", FITTING),
    NO_RATE: ("the strap sends no heart rate", FITTING),
    IMPLAUSIBLE_RATE: ("the strap sends no plausible heart rate", FITTING),
    MALFORMED: ("the strap sends what is no heart-rate measurement", "try another strap"),
}


@dataclass(frozen=True, slots=True)
class Strap:
    """One heart-rate strap within reach."""

    name: str  # as advertised; "" when it has none
    address: str  # for `address:` in the settings
    rssi: int | None  # dBm; None while it is connected


class BleHeart:
    """Emits heart_rate and rr_interval of one strap.

    States: closed, starting (`detail` says what goes on), no-bluetooth and absent (waited out), receiving, no-pulse
    (connected, but nothing believable comes). run() raises AdapterLost when a connection fails, drops or goes silent.
    """

    Config: ClassVar[type[BaseModel]] = BleHeartConfig

    def __init__(self, config: BleHeartConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._pulse = Pulse(emit, config.performer)
        self._running = False
        self._report: Report = {"state": "closed"}
        self._worn = ""  # address of the strap that beats came from
        self._since_ns = 0  # since when the report's state has held

    async def run(self) -> None:
        """One connection of a helper process. AdapterConfigError when bleak is missing, else AdapterLost."""
        self._report = {"state": "starting"}
        helper = HelperProcess(
            self._command(), self._note, self._clock, name="Bluetooth", heartbeat_s=HEARTBEAT_S, hang_fix=RESTART
        )
        self._running = True
        try:
            await helper.start()
            await helper.watch()
        except AdapterLost as error:
            raise _farewell(self._report) or error from None
        finally:
            self._running = False
            self._report = {"state": "closed"}
            await helper.close()

    def health(self) -> Mapping[str, Any]:
        """Facts for telemetry; `battery` in per cent and `contact` are None where the strap doesn't say."""
        pulse = self._pulse
        return {
            **self._situation(),
            "target": self._target(),
            "battery": self._report.get("battery"),
            "contact": pulse.contact,
            "packets": pulse.accepted + pulse.rejected.total(),
            "accepted": pulse.accepted,
            "rejected": dict(pulse.rejected),
            "lost": self._report.get("lost", 0),
        }

    @classmethod
    def describe(cls) -> Sequence[Mapping[str, str]]:
        """One entry that says how to list straps: finding them takes seconds of scanning, see scan_straps()."""
        return ({"kind": "heart-rate strap", "name": "", "reason": "not searched for: choreo devices --ble"},)

    @classmethod
    def scan_straps(cls, seconds: float = 5.0) -> Sequence[Strap]:
        """scan_straps() of this package, for callers that only have the class."""
        return scan_straps(seconds)

    def _command(self) -> Sequence[str]:
        """The argument vector of the helper; replaced in tests."""
        return _argv({"config": self._config.model_dump(), "prefer": self._worn})

    def _note(self, report: Report) -> None:
        """A report of the helper; those that come after the end are dropped."""
        if not self._running:
            return
        if report["state"] != self._report["state"]:
            self._since_ns = self._clock.now_ns()
        self._report = report
        if "data" in report:
            self._pulse.take(bytes.fromhex(report["data"]), report["t_ns"], report["name"])
            self._worn = report["address"]

    def _situation(self) -> Mapping[str, str]:
        """`state`, and where there is something to know or to do: `detail`, `reason`, `hint`."""
        state = self._report["state"]
        if state == "connected":
            return self._listening()
        if state in ("starting", "connecting"):
            detail = f"connecting to {self._report['name']}" if state == "connecting" else "searching for a strap"
            return {"state": "starting", "detail": detail}
        return {"state": state, "reason": self._report.get("reason", ""), "hint": self._report.get("hint", "")}

    def _listening(self) -> Mapping[str, str]:
        pulse = self._pulse
        heard_ns = max(pulse.accepted_ns, self._since_ns)
        if pulse.cause and self._clock.now_ns() - heard_ns > NO_PULSE_NS:
            reason, hint = ADVICE[pulse.cause]
            return {"state": "no-pulse", "reason": reason, "hint": hint}
        if pulse.accepted_ns < self._since_ns:
            return {"state": "starting", "detail": f"waiting for the first beat of {self._report['name']}"}
        return {"state": "receiving", "detail": f"{pulse.bpm} bpm"}

    def _target(self) -> str:
        name, address = self._report.get("name", ""), self._report.get("address", "")
        if not address:
            return self._config.address or self._config.name or ""
        return address if name == address else f"{name} ({address})"


def scan_straps(seconds: float = 5.0, radio: str | None = None) -> Sequence[Strap]:
    """Heart-rate straps within reach, strongest first. Blocks for `seconds` and a moment; call it off the event loop.

    ChoreoError says why there is no Bluetooth. The scan runs in a process of its own.
    """
    argv = _argv({"scan_s": seconds, "radio": radio})
    try:
        scanned = subprocess.run(argv, capture_output=True, timeout=seconds + LISTING_S, check=True)  # noqa: S603 - ourselves
        report = from_line(scanned.stdout)
    except subprocess.TimeoutExpired:
        raise ChoreoError("Bluetooth doesn't answer", fix=RESTART) from None
    except (subprocess.CalledProcessError, ValueError) as error:
        raise ChoreoError(f"the scan for straps failed: {error}", fix=RESTART) from error
    if report["state"] != "scanned":
        raise ChoreoError(report["reason"], fix=report.get("hint", INSTALL))
    straps = (Strap(**strap) for strap in report["straps"])
    return tuple(sorted(straps, key=lambda strap: -strap.rssi if strap.rssi is not None else 0))


def _farewell(report: Report) -> ChoreoError | None:
    """What the helper's last report says of its end; None when it ended without a word."""
    if report["state"] == "lost":
        return AdapterLost(report["reason"])
    if report["state"] == "not-installed":
        return AdapterConfigError(report["reason"], fix=INSTALL)
    return None


def _argv(settings: Mapping[str, Any]) -> Sequence[str]:
    # -P: a file called json.py in the performer's folder must not become the helper's json
    return (sys.executable, "-P", "-m", CHILD, json.dumps(settings))
