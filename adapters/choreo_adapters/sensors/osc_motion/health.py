"""What the sensor tells about itself, and what it advises to type next."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from choreo_adapters.osc.bodies import TRACKERS, VMC
from choreo_adapters.osc.presets import LAYOUTS
from choreo_adapters.osc.presets.learning import Strangers
from choreo_adapters.osc.roster import Device
from choreo_adapters.sensors.osc_motion.memory import Memory


def situation(
    port: int,
    host: str,
    devices: Sequence[Device[Memory]],
    strangers: Strangers,
    *,
    now_ns: int,
    rate_limited: bool = False,
) -> Mapping[str, str]:
    """`state`, and where there is something to know or to do: `detail`, `reason`, `hint`.

    `port` is 0 while closed; `rate_limited` says that datagrams were refused for coming too fast. A hint may contain
    {name}, for which the service puts the sensor's own.
    """
    if not port:
        return {"state": "closed"}
    if devices:
        layouts = {d.layout for d in devices}
        if silent := [d for d in devices if now_ns - d.heard_ns > max(_LOST_NS, d.stall_ns)]:
            return {"state": "silent", "reason": ", ".join(_silence(d, now_ns) for d in silent), "hint": _SILENT_HINT}
        hint = {"hint": _BODY_HINT} if rate_limited and layouts & {VMC, TRACKERS} else {}
        return {"state": "receiving", "detail": ", ".join(sorted(layouts)), **hint}
    if strangers:
        return {
            "state": "not-understood",
            "reason": f"no layout knows {strangers.latest}",
            "hint": _mapping_hint(strangers),
        }
    return {"state": "waiting", "hint": _LOCAL_HINT if host in ("127.0.0.1", "::1") else _HINT}


def device_facts(device: Device[Memory], now_ns: int) -> dict[str, Any]:
    """One sender, for telemetry: "silent" once it has stalled, within 0.2 s for a phone that sends without pause.

    `units` tells what was measured where the layout leaves it open or was wrong, `battery` is 0..1 where the app tells,
    `clock` how the device's own stamps are used.
    """
    silent_ns = now_ns - device.heard_ns
    facts: dict[str, Any] = {
        "state": "silent" if silent_ns > device.stall_ns else "playing",
        "performer": device.performer,
        "layout": device.layout,
        "samples": device.samples,
        "rate_hz": round(device.rate_hz, 1) if silent_ns < _FORGOTTEN_NS else 0.0,
        "silent_s": round(silent_ns / 1e9, 3),
        "stalls": device.stalls,
    }
    if device.limb:
        facts["limb"] = device.limb
    if units := device.memory.units.facts():
        facts["units"] = units
    if (battery := device.memory.facts.get("battery")) is not None:
        facts["battery"] = round(battery, 3)
    if clock := device.memory.clock_facts():
        facts["clock"] = clock
    return facts


def _silence(device: Device[Memory], now_ns: int) -> str:
    where = f" ({device.limb})" if device.limb else ""
    return f"{device.layout} at {device.source}{where} is silent since {(now_ns - device.heard_ns) / 1e9:.0f} s"


_LOST_NS: Final = 1_000_000_000  # shorter gaps are Wi-Fi's; the features fade over them
_FORGOTTEN_NS: Final = 2_000_000_000
_SILENT_HINT: Final = "wake the phone, keep its app in front and the screen on; is it still in this Wi-Fi?"
_HINT: Final = "send OSC from a phone app to this address and port; choreo phone tells what to type where"
_LOCAL_HINT: Final = (
    "send OSC to this port; a phone on the network is heard only with "
    "-o sensors.{name}.host=ADDRESS (this machine's own: choreo phone)"
)
_BODY_HINT: Final = "a whole body is many messages a second: -o sensors.{name}.rate_limit_hz=8000"
_UNKNOWN_HINT: Final = f"use an app with one of the layouts {', '.join(LAYOUTS)}"


def _mapping_hint(strangers: Strangers) -> str:
    """The guesses as YAML flow style, which JSON is, to paste below the sensor."""
    guesses = strangers.suggestions()
    if not guesses:
        return f"{_UNKNOWN_HINT}, or say what its numbers mean: sensors.{{name}}.map"
    return f"{_UNKNOWN_HINT}, or paste this below sensors.{{name}} and correct it: map: {json.dumps(guesses)}"
