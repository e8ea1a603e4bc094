"""Mutation fuzzing of everything that reads bytes from outside: heart-rate payloads, YAML, takes; OSC has its own.

Runs from the tests for a moment, and for as long as wanted by hand or by `make fuzz`:

    PYTHONPATH=tests python -m faults.fuzz yaml --inputs 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from session_samples import some_packets, some_steps

from choreo_adapters.sensors.ble_heart.pulse import BPM_RANGE, RR_RANGE, Pulse
from choreo_service.clock import NS, work_ns
from choreo_service.config import load_settings
from choreo_service.config.yaml_source import read_yaml
from choreo_service.errors import ChoreoError, ConfigError, SessionError
from choreo_service.schemas import KINDS
from choreo_service.session import open_session, write_session
from choreo_service.testing import RecordingEmit

REPO: Final = Path(__file__).resolve().parents[2]
WHOLE_CONFIG_EVERY: Final = 50  # a whole configuration is some hundred times as much work as its YAML
STALL_NS: Final = 50_000_000
MOST_TEXT: Final = 6000  # of an error: one screen

Feed = Callable[[bytes], str]  # bytes in, what became of them: "" taken, else the cause of the refusal


@dataclass(slots=True)
class Target:
    """One reader: what is mutated, and who takes it. `feed` raises for whatever must not happen."""

    corpus: Sequence[bytes]
    feed: Feed
    words: Sequence[bytes]  # what means something to the reader, put in at random places


@dataclass(slots=True)
class Report:
    """What a run found. `escapes` and `stalls` must stay empty."""

    inputs: int = 0
    taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    escapes: list[tuple[str, bytes]] = field(default_factory=list)
    stalls: list[tuple[int, bytes]] = field(default_factory=list)
    slowest_ns: int = 0
    grown_mib: float = 0.0  # of the process's peak memory

    def text(self) -> str:
        lines = [
            f"inputs {self.inputs}, taken {self.taken}, refused {self.refused.total()}, escapes {len(self.escapes)}, "
            f"slowest {self.slowest_ns / 1e6:.2f} ms, memory +{self.grown_mib:.0f} MiB"
        ]
        lines += [f"  {count:>9}  {cause}" for cause, count in self.refused.most_common(12)]
        lines += [f"  ESCAPE {error}: {data[:200]!r}" for error, data in self.escapes[:20]]
        lines += [f"  STALL {ns / 1e6:.0f} ms: {data[:200]!r}" for ns, data in self.stalls[:20]]
        return "\n".join(lines)


def run(target: Target, seed: int, inputs: int, stall_ns: int = STALL_NS) -> Report:
    """The same seed gives the same inputs. A slow one is tried again: a machine that was busy is not a stall."""
    rng, report = random.Random(seed), Report()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for data in _mutants(target, rng, inputs):
        report.inputs += 1
        took_ns = _try(target.feed, data, report)
        if took_ns > stall_ns:
            took_ns = min(took_ns, *(_try(target.feed, data, Report()) for _ in range(3)))
            if took_ns > stall_ns:
                report.stalls.append((took_ns, data))
        report.slowest_ns = max(report.slowest_ns, took_ns)
    report.grown_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    return report


def _try(feed: Feed, data: bytes, report: Report) -> int:
    began_ns = work_ns()
    try:
        cause = feed(data)
    except Exception as error:
        report.escapes.append((f"{type(error).__name__}: {error}"[:300], data))
    else:
        if cause:
            report.refused[cause] += 1
        else:
            report.taken += 1
    return work_ns() - began_ns


@contextmanager
def heart() -> Iterator[Target]:
    """0x2A37 payloads, through the parser and the judgement of a strap."""
    emit = RecordingEmit()
    pulse = Pulse(emit, 0)
    now = [0]

    def feed(data: bytes) -> str:
        now[0] += NS
        before = pulse.rejected.copy()
        pulse.take(data, now[0], "strap")
        assert not emit.problems, emit.problems
        assert all(BPM_RANGE[0] <= bpm <= BPM_RANGE[1] for (bpm,) in emit.of("heart_rate"))
        assert all(RR_RANGE[0] <= rr <= RR_RANGE[1] for (rr,) in emit.of("rr_interval"))
        emit.samples.clear()
        return next(iter(pulse.rejected - before), "")

    corpus = [
        b"\x00\x48",
        b"\x16\x48\x00\x04",
        b"\x1e\x48\x05\x00\x00\x04\x10\x04",
        b"\x01\x48\x00",
        b"\x06\x48",
        b"\x04\x00",
    ]
    yield Target(corpus, feed, [b"\xff\xff", b"\x00\x00", b"\x10", b"\x16"])


@contextmanager
def yaml() -> Iterator[Target]:
    """Configuration files and control maps."""
    with tempfile.TemporaryDirectory() as folder:
        path, count = Path(folder) / "mine.yaml", [0]

        def feed(data: bytes) -> str:
            count[0] += 1
            path.write_bytes(data)
            try:
                read_yaml(path)
                if count[0] % WHOLE_CONFIG_EVERY == 0:
                    load_settings(file=path, home=REPO, environ={})
            except ConfigError as error:
                return _cause(error)
            return ""

        corpus = [file.read_bytes() for file in sorted((REPO / "configs").rglob("*.yaml"))]
        corpus += [b"engine: {period_ms: 20}\n", b"sensors:\n  a: {type: osc_motion, port: 9000}\n", b""]
        words = [
            b"&a ",
            b"*a",
            b"!!python/object:os.system ",
            b"<<: ",
            b"- ",
            b"{",
            b"[",
            b"'",
            b'"',
            b"? ",
            b": ",
            b"\t",
        ]
        words += [
            b"null",
            b".nan",
            b".inf",
            b"1e999",
            b"0x10",
            b"9" * 400,
            b"\xef\xbb\xbf",
            b"\x00",
            b"\xff",
            b"%YAML 9.9\n",
        ]
        words += [b"|\n", b">\n", b"---\n", b"...\n", b"[" * 60, b"{a: " * 60, "é".encode()]
        yield Target(corpus, feed, words)


@contextmanager
def session() -> Iterator[Target]:
    """The Parquet files of a take, each in turn."""
    with tempfile.TemporaryDirectory() as folder:
        take = write_session(Path(folder) / "take", packets=some_packets(60), steps=some_steps(20), meta={}).path
        (take / "meta.json").write_text((take / "meta.json").read_text())
        kinds = [kind for kind in KINDS if (take / f"{kind}.parquet").is_file()]
        whole = {kind: (take / f"{kind}.parquet").read_bytes() for kind in kinds}
        damaged = Path(folder) / "damaged"
        shutil.copytree(take, damaged)

        def feed(data: bytes) -> str:
            kind = kinds[data[0] % len(kinds)]
            (damaged / f"{kind}.parquet").write_bytes(data[1:])
            try:
                opened = open_session(damaged)
                for _ in opened.packets():
                    pass
                opened.table(kind)
            except SessionError as error:
                return _cause(error)
            finally:
                (damaged / f"{kind}.parquet").write_bytes(whole[kind])
            return ""

        corpus = [bytes([index]) + whole[kind] for index, kind in enumerate(kinds)]
        yield Target(corpus, feed, [b"PAR1", b"\x00" * 8, b"\xff" * 8, b"\x15\x04", b"\x7f\xff\xff\xff"])


TARGETS: Final = {"heart": heart, "yaml": yaml, "session": session}


def _cause(error: ChoreoError) -> str:
    """Its kind of problem, without the place: what stands behind the last colon of its first line."""
    assert error.fix, "it doesn't say what to do"
    assert len(str(error)) < MOST_TEXT, f"{len(str(error))} characters"
    return error.problem.splitlines()[0].split(": ")[-1][:40] or "?"


def _mutants(target: Target, rng: random.Random, inputs: int) -> Iterator[bytes]:
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TARGETS[options.target]() as target:
        report = run(target, options.seed, options.inputs)
    print(f"{options.target}, seed {options.seed}: {report.text()}")
    return int(bool(report.escapes or report.stalls))


if __name__ == "__main__":
    raise SystemExit(main())
