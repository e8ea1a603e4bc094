"""Ears on a sound card: a microphone before the loudspeaker, or a cable from output to input. PortAudio's clock."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from choreo_service.errors import ChoreoError
from choreo_service.latency.ears import Block, Heard


class DeviceEars:
    """Listens to an input device by name or number, the system's own without one.

    ChoreoError where there is none. What the converters of this device need is part of what is measured.
    """

    def __init__(self, device: str | None) -> None:
        self._device: int | str | None = int(device) if device and device.isdigit() else device
        self.name = f"sound card {device or 'default'}"
        self._blocks: list[Block] = []
        self._xruns = 0
        self._stream: Any = None
        self._rate = 0

    def now_s(self) -> float:
        return float(self._stream.time)

    def heard(self) -> Heard:
        return Heard.of(list(self._blocks), self._rate, self._xruns)

    def __enter__(self) -> Self:
        sounddevice = _library()
        try:
            self._stream = sounddevice.InputStream(
                device=self._device, channels=1, latency="low", dtype="float32", callback=self._take
            )
            self._rate = round(self._stream.samplerate)
            self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise ChoreoError(
                f"can't listen to {self.name}: {error}", fix="choose another: python -m sounddevice lists them"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def _take(self, samples: Any, _frames: int, times: Any, status: Any) -> None:
        """In PortAudio's thread."""
        self._xruns += bool(status.input_overflow)
        self._blocks.append((float(times.inputBufferAdcTime), np.abs(samples[:, 0])))


def _library() -> Any:
    try:
        import sounddevice
    except (ImportError, OSError) as error:
        raise ChoreoError(
            f"the sound card can't be used: {error}",
            fix="pip install 'choreo-service[audio]', and on Linux the package libportaudio2",
        ) from error
    return sounddevice
