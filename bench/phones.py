"""What two phones and a strap cost: CPU beside an idle loop of the same run, memory from minute to minute."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import psutil
from pythonosc.osc_message_builder import OscMessageBuilder

from bench.child import Host, free_port
from bench.probe import Ear

AIM_PERCENT: Final = 10.0
WARM_UP_S: Final = 5.0
HANDS: Final = {"127.0.0.1": "left", "127.0.0.2": "right"}  # source address -> limb


def _message(address: str, tags: str, *values: float) -> bytes:
    builder = OscMessageBuilder(address)
    for tag, value in zip(tags, values, strict=True):
        builder.add_arg(int(value) if tag == "i" else value, tag)
    return bytes(builder.build().dgram)


def _one_message(t_ms: int, swing: float) -> list[bytes]:
    return [_message("/choreo/motion", "ffffff", swing, 0.0, 9.8, 0.0, swing / 4, 0.0)]


def _comote(t_ms: int, swing: float) -> list[bytes]:
    return [
        _message("/comote/v3/1/gyroscope", "fffif", 0.0, swing / 4, 0.0, t_ms, 100.0),
        _message("/comote/v3/1/accelerometer", "fffif", swing, 0.0, 9.8, t_ms, 100.0),
    ]


def _gyrosc(t_ms: int, swing: float) -> list[bytes]:
    return [
        _message("/gyrosc/rrate", "fff", 0.0, swing / 4, 0.0),
        _message("/gyrosc/grav", "fff", 0.0, 0.0, -1.0),
        _message("/gyrosc/accel", "fff", -swing / 9.8, 0.0, 0.0),
    ]


APPS: Final[Mapping[str, Callable[[int, float], list[bytes]]]] = {
    "one message a sample": _one_message,
    "CoMote, two": _comote,
    "GyrOSC, three": _gyrosc,
}


def _send(port: int, app: Callable[[int, float], list[bytes]], ended: threading.Event) -> None:
    """Two phones at 100 Hz and a heart rate each second, on an absolute grid."""
    hands = []
    for address in HANDS:
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        out.bind((address, 0))
        out.connect(("127.0.0.1", port))
        hands.append(out)
    began, i = time.monotonic(), 0
    while not ended.is_set():
        for out, size in zip(hands, (4.0, 2.0), strict=True):
            for datagram in app(i * 10, size * math.sin(i * 0.12)):
                out.send(datagram)
        if i % 100 == 0:
            hands[0].send(_message("/bt/heartrate", "f", 90.0 + 5.0 * math.sin(i / 900)))
        i += 1
        time.sleep(max(0.0, began + i / 100 - time.monotonic()))


def phones(seconds: float, settings: Mapping[str, Any]) -> None:
    """One run for each app, an idle loop beside it."""
    print(f"\nTwo phones at 100 Hz on two limbs and a heart rate at 1 Hz, 50 Hz ticks, {seconds:g} s each")
    print(
        f"{'':22}{'CPU %':>7}{'idle %':>8}{'ratio':>7}{'MB at the start':>17}{'end':>7}{'late p99':>10}{'skipped':>9}"
    )
    settings = {**settings, "sensors": {"phone": {"type": "osc_motion"}}}
    for name, app in APPS.items():
        osc, midi = Ear(midi=False), Ear(midi=True)
        osc.start(), midi.start()
        port = free_port()
        options = {"sensors.phone.port": port, "sensors.phone.limbs": HANDS}
        host = Host(settings, {**options, "bridges.synth.port": osc.port, "bridges.midi.port": midi.port})
        host.await_port(port)
        ended = threading.Event()
        sender = threading.Thread(target=_send, args=(port, app, ended), daemon=True)
        sender.start()
        idle = subprocess.Popen([sys.executable, "-m", "bench.idle"])
        time.sleep(WARM_UP_S)
        lonely, first_mb = psutil.Process(idle.pid), host.resident_mb()
        lonely.cpu_percent()
        cpu, last_mb = host.cost(seconds)
        idle_cpu = lonely.cpu_percent()
        idle.kill(), idle.wait()
        ended.set(), sender.join()
        result = host.end()
        late, skipped = result["telemetry"]["lateness_ms"]["99"], result["telemetry"]["skipped"]
        verdict = "" if cpu < AIM_PERCENT else f"  over the aim of {AIM_PERCENT:g} %"
        row = f"{cpu:7.1f}{idle_cpu:8.1f}{cpu / max(idle_cpu, 0.1):7.1f}{first_mb:17.1f}{last_mb:7.1f}"
        print(f"{name:22}{row}{late:10.2f}{skipped:9d}{verdict}")
