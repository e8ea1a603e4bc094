"""What a backend costs before its first tick, in a process of its own: time to the first tick, and memory then.

`python -m choreo_pipelines.inference_bench.start_up BACKEND FOLDER` prints one measurement as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from choreo_service.clock import work_ns
from choreo_service.errors import ConfigError

if TYPE_CHECKING:
    from choreo_service.packets import Frame

BACKENDS: Final = ("numpy", "torch")
TRIES: Final = 3  # the quickest counts: the first one may still read from the disk

_MODULE: Final = "choreo_pipelines.inference_bench.start_up"  # __name__ is __main__ in the child


@dataclass(frozen=True, slots=True)
class StartUp:
    """From an interpreter that has imported nothing but asyncio to the first controls."""

    backend: str
    ms: float
    memory_mb: float | None  # resident; None where the system does not tell
    loads_torch: bool

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def start_up(backend: str, folder: Path, tries: int = TRIES) -> StartUp:
    """The quickest of `tries` fresh processes that play one tick of the pair in `folder`."""
    argv = [sys.executable, "-P", "-m", _MODULE, backend, str(folder)]
    return min((_child(argv) for _ in range(tries)), key=lambda found: found.ms)


def measure_here(backend: str, folder: Path) -> StartUp:
    """In this process; what is imported already is not measured. ValueError for a backend there is not."""
    if backend not in BACKENDS:
        raise ValueError(f"backend {backend!r}: expected one of {', '.join(BACKENDS)}")
    began = work_ns()
    _play_one_tick(backend, folder)
    return StartUp(backend, (work_ns() - began) / 1e6, _memory_mb(), "torch" in sys.modules)


def _play_one_tick(backend: str, folder: Path) -> None:
    from choreo_models.inference import load_pair, make_players

    pair = load_pair(folder)
    kernels = None
    if backend == "torch":
        from choreo_models.inference.torch_kernel import TorchCoherence, TorchReflex, mapper_of, rps_of

        kernels = TorchCoherence(rps_of(pair.rps.weights)), TorchReflex(mapper_of(pair.mapper.weights))
    players = make_players(pair, performers=1, period_s=1.0 / pair.rps.hz, kernels=kernels)
    frame = _still_frame()
    latent = players.coherence.step(frame)
    players.mapper.step(players.normaliser.step(latent, frame), frame.dk)


def _still_frame() -> Frame:
    import numpy as np

    from choreo_service.packets import MODALITIES, Frame, ModalityState

    motion, heart, beat, context = (np.zeros((1, m.width), np.float32) for m in MODALITIES.values())
    live = np.full((1, len(MODALITIES)), ModalityState.LIVE, np.uint8)
    return Frame(1, 1, 0, motion, heart, beat, context, live, np.zeros(live.shape, np.float32))


def _child(argv: list[str]) -> StartUp:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise ConfigError(f"measuring the start failed: {said[-1]}", fix=f"run it alone: {' '.join(argv)}")
    return StartUp(**json.loads(done.stdout))


def _memory_mb() -> float | None:
    """Resident memory. Not the peak of getrusage, which a child inherits from the parent that started it."""
    with suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return None


if __name__ == "__main__":
    print(json.dumps(measure_here(sys.argv[1], Path(sys.argv[2])).to_dict()))
