"""Ears: records JACK ports into numpy, with the time of every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import monotonic_ns
from rig.jack_server import JackServer
from rig.process import PeerError, wait_until

if TYPE_CHECKING:
    import jack

_Block = tuple[int, int, NDArray[np.float32]]  # JACK frame time, CLOCK_MONOTONIC ns, samples [frames, channels]


@dataclass(frozen=True, slots=True)
class Recording:
    """What was heard between two moments.

    Times come per block: extrapolating from one reference across overruns was up to 97 ms wrong.
    """

    samples: NDArray[np.float32]  # [n, channels], blocks joined
    rate: int  # Hz
    block_start: NDArray[np.int64]  # [m], index into samples where each block begins
    block_ns: NDArray[np.int64]  # [m], CLOCK_MONOTONIC at which each block was handed over, ns
    gaps: int  # places where JACK time jumped, so that joined blocks weren't neighbours
    xruns: int  # overruns JACK reported meanwhile

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean of the channels, [n]."""
        return np.asarray(self.samples.mean(axis=1), dtype=np.float32)

    def at_s(self, index: NDArray[np.float64]) -> NDArray[np.float64]:
        """CLOCK_MONOTONIC in s for sample positions; within about one JACK period."""
        return np.asarray(np.interp(index, self.block_start, self.block_ns / 1e9), dtype=np.float64)


class Recorder:
    """A JACK client that listens to `sources` (full port names) inside its `with` block."""

    def __init__(self, server: JackServer, sources: Sequence[str]) -> None:
        self._server = server
        self._sources = tuple(sources)
        self._blocks: list[_Block] = []
        self._xruns = 0
        self._client: jack.Client | None = None

    def record(self, seconds: float) -> Recording:
        """Hear the next `seconds`; PeerError when the server hands over too little."""
        wanted = int(seconds * self._server.sample_rate)
        self.clear()
        wait_until(lambda: self._heard() >= wanted, f"{seconds:g} s of audio", timeout_s=seconds * 3 + 5)
        return self.take()

    def clear(self) -> None:
        """Forget what was heard so far."""
        self._blocks, self._xruns = [], 0

    def take(self) -> Recording:
        """Everything heard since the last `clear()`, which this is as well."""
        blocks, xruns = self._blocks, self._xruns
        self.clear()
        if not blocks:
            raise PeerError("nothing recorded: the JACK server handed over no block")
        frames = np.array([frame for frame, _, _ in blocks], dtype=np.int64)
        lengths = np.array([len(samples) for _, _, samples in blocks], dtype=np.int64)
        return Recording(
            samples=np.concatenate([samples for _, _, samples in blocks]),
            rate=self._server.sample_rate,
            block_start=np.concatenate(([0], np.cumsum(lengths)[:-1])),
            block_ns=np.array([ns for _, ns, _ in blocks], dtype=np.int64),
            gaps=int(np.count_nonzero(np.diff(frames) != lengths[:-1])),
            xruns=xruns,
        )

    def __enter__(self) -> Self:
        import jack  # loads libjack, which a machine without peers lacks

        wait_until(lambda: self._server.has_ports(*self._sources), f"ports {self._sources}")
        client = jack.Client("rig-recorder", servername=self._server.server, no_start_server=True)
        for channel in range(len(self._sources)):
            client.inports.register(f"in_{channel}")
        client.set_process_callback(self._process)
        client.set_xrun_callback(self._count_xrun)
        self._client = client
        client.activate()
        for source, port in zip(self._sources, client.inports, strict=True):
            client.connect(source, port)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.deactivate()
            self._client.close()
            self._client = None

    def _process(self, _frames: int) -> None:
        client = self._client
        if client is None:
            return
        block = np.stack([port.get_array() for port in client.inports], axis=1)  # a copy: JACK reuses its buffers
        self._blocks.append((client.last_frame_time, monotonic_ns(), block))

    def _count_xrun(self, _delay_us: float) -> None:
        self._xruns += 1

    def _heard(self) -> int:
        return sum(len(samples) for _, _, samples in self._blocks)
