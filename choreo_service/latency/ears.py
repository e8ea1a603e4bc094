"""What is heard, with a time for every block on the one clock that also stamps the pulses.

JACK counts by CLOCK_MONOTONIC_RAW, PortAudio by a clock of its own, the service by CLOCK_MONOTONIC: they drift apart by
a quarter of a second in an hour and a half. So the ears' own clock stamps the pulses too, and no time is converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Block = tuple[float, NDArray[np.float32]]  # time of its first sample in s on the ears' clock, samples [n]


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording. Times come per block: extrapolating from one reference across overruns was up to 97 ms wrong."""

    samples: NDArray[np.float32]  # [n], blocks joined, the loudest of the channels
    at_s: NDArray[np.float64]  # [n], when each was heard, on the ears' clock
    gaps_s: NDArray[np.float64]  # [g], where neighbouring samples are no neighbours in time
    block_s: float  # length of a block
    xruns: int  # overruns the audio system reported

    @classmethod
    def of(cls, blocks: Sequence[Block], rate: int, xruns: int) -> Self:
        """Join the blocks; ValueError without any."""
        if not blocks:
            raise ValueError("nothing was recorded")
        starts = np.array([start for start, _ in blocks])
        lengths = np.array([len(samples) for _, samples in blocks])
        ends = starts + lengths / rate
        block_s = float(np.median(lengths)) / rate
        torn = np.abs(starts[1:] - ends[:-1]) > block_s / 2
        at_s = np.concatenate([start + np.arange(length) / rate for start, length in zip(starts, lengths, strict=True)])
        samples = np.concatenate([samples for _, samples in blocks])
        return cls(samples, at_s, ends[:-1][torn], block_s, xruns)


class Ears(Protocol):
    """Records inside its `with` block."""

    name: str  # what is listened to, for the report

    def now_s(self) -> float:
        """The ears' clock; cheap, from the event loop."""
        ...

    def heard(self) -> Heard:
        """Everything since the start."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...
