"""Ears on a JACK server. Its frame counter is the clock: it stamps blocks and pulses alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Self

import numpy as np

from choreo_service.errors import ChoreoError
from choreo_service.latency.ears import Block, Heard

_WRAP: Final = 1 << 32  # JACK's frame counter has 32 bits: 24.8 hours at 48 kHz


class JackEars:
    """Listens to `ports` (full names, such as fluidmidi:left); ChoreoError where there is no server or no such port."""

    def __init__(self, ports: Sequence[str]) -> None:
        self._ports = tuple(ports)
        self.name = f"jack {' '.join(ports)}"
        self._blocks: list[Block] = []
        self._xruns = 0
        self._client: Any = None
        self._first, self._rate = 0, 0

    def now_s(self) -> float:
        return self._since_start(self._client.frame_time)

    def heard(self) -> Heard:
        return Heard.of(list(self._blocks), self._rate, self._xruns)

    def __enter__(self) -> Self:
        jack = _library()
        try:
            client = jack.Client("choreo-ears", no_start_server=True)
        except jack.JackOpenError as error:
            raise ChoreoError(
                f"no JACK server answers: {error}", fix="start JACK, or listen by sound card: --ears device"
            ) from error
        self._client, self._rate = client, client.samplerate
        for number in range(len(self._ports)):
            client.inports.register(f"in_{number}")
        client.set_process_callback(self._process)
        client.set_xrun_callback(self._count)
        self._first = client.frame_time
        client.activate()
        try:
            for source, ear in zip(self._ports, client.inports, strict=True):
                client.connect(source, ear)
        except jack.JackError as error:
            present = ", ".join(port.name for port in client.get_ports(is_audio=True, is_output=True)) or "none"
            self.__exit__()
            raise ChoreoError(
                f"can't listen to {source}: {error}", fix=f"name one of the audio outputs: {present}"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # the server may have died: what was heard stays heard
                client.deactivate()
            client.close()

    def _process(self, _frames: int) -> None:
        """In JACK's thread."""
        client = self._client
        if client is None:
            return
        loudest = np.abs(np.stack([port.get_array() for port in client.inports])).max(axis=0)
        self._blocks.append((self._since_start(client.last_frame_time), loudest))

    def _since_start(self, frame: int) -> float:
        return ((frame - self._first) % _WRAP) / self._rate

    def _count(self, _delay_us: float) -> None:
        self._xruns += 1


def _library() -> Any:
    try:
        import jack
    except (ImportError, OSError) as error:
        raise ChoreoError(
            f"JACK can't be used: {error}", fix="pip install 'choreo-service[jack]', and install JACK itself"
        ) from error
    return jack
