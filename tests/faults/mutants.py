"""Mutants of known good inputs, given to whoever reads such bytes: what became of them, and what that took."""

from __future__ import annotations

import gc
import random
import resource
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

STALL_NS: Final = 50_000_000
LOOK_EVERY: Final = 100  # inputs between two looks

Feed = Callable[[bytes], str]  # bytes in, what became of them: "" taken, else the cause of the refusal


@dataclass(slots=True)
class Target:
    """One reader: what is mutated, and who takes it. `feed` raises for whatever must not happen."""

    corpus: Sequence[bytes]
    feed: Feed
    words: Sequence[bytes]  # what means something to the reader, put in at random places
    look: Callable[[], None] = lambda: None  # now and then, between inputs: raises for what must not have happened
    stall_ns: int = STALL_NS  # what takes longer is a stall


@dataclass(slots=True)
class Report:
    """What a run found. `escapes` and `stalls` must stay empty."""

    inputs: int = 0
    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    escapes: list[tuple[str, bytes]] = field(default_factory=list)
    stalls: list[tuple[int, bytes]] = field(default_factory=list)
    slowest_ns: int = 0
    slowest: bytes = b""
    grown_mib: float = 0.0  # of the process's peak memory
    most_bytes: int = 0  # that one input allocated at a time, where it was traced

    def text(self) -> str:
        lines = [
            f"inputs {self.inputs}, taken {self.taken}, refused {self.refused.total()}, escapes {len(self.escapes)}, "
            f"slowest {self.slowest_ns / 1e6:.2f} ms of CPU, memory +{self.grown_mib:.0f} MiB"
        ]
        lines += [f"  {count:>9}  {cause}" for cause, count in self.refused.most_common(12)]
        lines.append(f"  slowest {len(self.slowest)} bytes: {self.slowest[:100]!r}")
        lines += [f"  ESCAPE {error}: {data[:200]!r}" for error, data in self.escapes[:20]]
        lines += [f"  STALL {ns / 1e6:.0f} ms: {data[:200]!r}" for ns, data in self.stalls[:20]]
        return "\n".join(lines)


def run(target: Target, seed: int, inputs: int, *, traced: bool = False) -> Report:
    """The same seed gives the same inputs. `traced` counts what each allocates, and takes several times as long.

    Times are of this thread's CPU, without what else the machine does; garbage is collected between the inputs, as the
    service does it between ticks. A slow input is tried again, as it may have been the first to load something.
    """
    rng, report = random.Random(seed), Report()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with _garbage_kept(), _traced() if traced else nullcontext():
        for data in mutants(target, rng, inputs):
            report.inputs += 1
            _one(target, data, report)
            if report.inputs % LOOK_EVERY == 0:
                _look(target, data, report)
                gc.collect(1)
    report.grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    return report


def _one(target: Target, data: bytes, report: Report) -> None:
    held = _held()
    took_ns = _try(target.feed, data, report)
    if tracemalloc.is_tracing():
        report.most_bytes = max(report.most_bytes, tracemalloc.get_traced_memory()[1] - held)
    if took_ns > target.stall_ns:
        took_ns = min(took_ns, *(_try(target.feed, data, Report()) for _ in range(3)))
        if took_ns > target.stall_ns:
            report.stalls.append((took_ns, data))
    if took_ns > report.slowest_ns:
        report.slowest_ns, report.slowest = took_ns, data


def _try(feed: Feed, data: bytes, report: Report) -> int:
    began_ns = time.thread_time_ns()
    try:
        cause = feed(data)
    except Exception as error:
        report.escapes.append((f"{type(error).__name__}: {error}"[:300], data))
    else:
        if cause:
            report.refused[cause] += 1
        else:
            report.taken += 1
    return time.thread_time_ns() - began_ns


def _held() -> int:
    """Bytes allocated now; from here on the peak is that of what comes next."""
    if not tracemalloc.is_tracing():
        return 0
    tracemalloc.reset_peak()
    return tracemalloc.get_traced_memory()[0]


@contextmanager
def _traced() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@contextmanager
def _garbage_kept() -> Iterator[None]:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _look(target: Target, data: bytes, report: Report) -> None:
    try:
        target.look()
    except Exception as error:
        report.escapes.append((f"{type(error).__name__}: {error}"[:300], data))


def mutants(target: Target, rng: random.Random, inputs: int) -> Iterator[bytes]:
    for _ in range(inputs):
        data = bytearray(rng.choice(target.corpus))
        for _ in range(rng.choice((0, 1, 1, 1, 2, 3, 8))):
            rng.choice(_MUTATIONS)(data, rng, target)
        yield bytes(data) or b"\0"


def _flip(data: bytearray, rng: random.Random, target: Target) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(data: bytearray, rng: random.Random, target: Target) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _insert(data: bytearray, rng: random.Random, target: Target) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice(target.words)


def _overwrite(data: bytearray, rng: random.Random, target: Target) -> None:
    word, at = rng.choice(target.words), rng.randrange(len(data) + 1)
    data[at : at + len(word)] = word


def _truncate(data: bytearray, rng: random.Random, target: Target) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _delete(data: bytearray, rng: random.Random, target: Target) -> None:
    at = rng.randrange(len(data) + 1)
    del data[at : at + rng.choice((1, 4, 40))]


def _repeat(data: bytearray, rng: random.Random, target: Target) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = bytes(data[at : at + rng.choice((1, 8, 64))]) * rng.choice((1, 3, 50))


def _zero(data: bytearray, rng: random.Random, target: Target) -> None:
    at = rng.randrange(len(data) + 1)
    end = min(len(data), at + rng.choice((8, 64, 4096)))
    data[at:end] = bytes(end - at)


_MUTATIONS: Final = (_flip, _set, _insert, _overwrite, _truncate, _delete, _repeat, _zero)
