"""The whole measurement in virtual time: a receiver with a known latency, our own delay, and a fake sound card."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from controller_stage import path

from choreo_service.clock import MS, NS, VirtualClock, run_virtual
from choreo_service.errors import ChoreoError
from choreo_service.latency import Measured, measure
from choreo_service.latency.device_ears import DeviceEars
from choreo_service.latency.ears import Heard
from choreo_service.packets import CONTROL_NAMES, ControlPacket
from choreo_service.protocols import Sent

RATE = 8_000
BLOCK = 64


class Receiver:
    """Bridge, synthesiser and ears in one: sounds `latency_s` after density went up, and remembers when it was told."""

    name = "a receiver of numbers"

    def __init__(self, clock: VirtualClock, latency_s: float, *, muted: bool = False) -> None:
        self._clock, self._latency_s, self._muted = clock, latency_s, muted
        self.ups: list[float] = []
        self.opened = False

    async def run(self) -> None:
        self.opened = True
        await self._clock.sleep_until(1 << 62)

    def send(self, control: ControlPacket, names: Sequence[str]) -> Sent:
        if "density" in names and control.density > 0.5:
            self.ups.append(self._clock.now_ns() / NS)
        return tuple((name, control.value(name)) for name in names)

    def panic(self) -> None:
        """Nothing to silence."""

    def now_s(self) -> float:
        return self._clock.now_ns() / NS

    def heard(self) -> Heard:
        samples = np.zeros(round((self._clock.now_ns() / NS + 1.0) * RATE), np.float32)
        for up in self.ups if not self._muted else ():
            begin = round((up + self._latency_s) * RATE)
            samples[begin : begin + 20] = 0.5
        return Heard.of([(i / RATE, samples[i : i + BLOCK]) for i in range(0, len(samples), BLOCK)], RATE, 0)


def _measured(latency_s: float, *, delay_ms: int = 0, muted: bool = False) -> tuple[Measured, Receiver]:
    clock = VirtualClock()
    receiver = Receiver(clock, latency_s, muted=muted)
    paths = {name: path(name) for name in CONTROL_NAMES}
    work = measure(receiver, paths, receiver, clock, control="density", pulses=25, window_s=0.3, delay_ns=delay_ms * MS)  # type: ignore[arg-type]
    return run_virtual(clock, work), receiver


@pytest.mark.parametrize("latency_s", [0.004, 0.29])
@pytest.mark.parametrize("delay_ms", [0, 40])
def test_a_known_latency_and_a_known_delay_are_recovered(latency_s: float, delay_ms: int) -> None:
    measured, receiver = _measured(latency_s, delay_ms=delay_ms)
    assert receiver.opened
    assert measured.judged.pulses == len(measured.latencies_ms) == 25
    assert measured.latencies_ms == pytest.approx([latency_s * 1e3 + delay_ms] * 25, abs=2e3 / RATE)
    assert measured.own_delay_ms == delay_ms


def test_a_muted_receiver_is_25_missed_of_25() -> None:
    measured, _ = _measured(0.01, muted=True)
    assert measured.judged.missed == 25
    assert "25 pulses: 0 heard, 25 missed, 0 rejected" in measured.text()


def test_pulses_come_at_random_phase() -> None:
    _, receiver = _measured(0.01)
    phases = np.array(receiver.ups) * RATE / BLOCK % 1.0
    assert len(receiver.ups) == 25
    assert np.histogram(phases, bins=4, range=(0, 1))[0].min() >= 2


def test_a_sound_card_is_heard_by_its_own_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    class InputStream:
        samplerate, time = 48_000.0, 12.5

        def __init__(self, **options: Any) -> None:
            self.options = options

        def start(self) -> None:
            status = SimpleNamespace(input_overflow=True)
            for i in range(3):
                times = SimpleNamespace(inputBufferAdcTime=12.0 + i * 64 / 48_000)
                self.options["callback"](np.full((64, 1), -0.5, np.float32), 64, times, status)

        def close(self) -> None:
            """Nothing was opened."""

    fake = SimpleNamespace(InputStream=InputStream, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with DeviceEars("3") as ears:
        heard = ears.heard()
        assert ears.now_s() == 12.5
    assert heard.at_s[0] == 12.0
    assert (heard.samples == 0.5).all()
    assert (heard.xruns, len(heard.gaps_s)) == (3, 0)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ChoreoError, match="sound card") as caught, DeviceEars(None):
        pass
    assert "[audio]" in caught.value.fix
