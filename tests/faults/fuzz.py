"""Mutation fuzzing of everything that reads bytes from outside: heart-rate payloads, YAML, takes, their headers, what
pages send; OSC has its own.

Runs from the tests for a moment, and for as long as wanted by hand or by `make fuzz`:

    PYTHONPATH=tests python -m faults.fuzz yaml --inputs 1000000 --seed 1
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from faults.header_fuzz import header
from faults.mutants import Target, run
from faults.websocket_fuzz import websocket
from session_samples import some_accents, some_events, some_packets, some_sent, some_steps

from choreo_adapters.sensors.ble_heart.pulse import BPM_RANGE, RR_RANGE, Pulse
from choreo_service.clock import NS
from choreo_service.config import load_settings
from choreo_service.config.yaml_source import read_yaml
from choreo_service.errors import ChoreoError, ConfigError, SessionError
from choreo_service.schemas import KINDS
from choreo_service.session import open_session, recorded_ticks, write_session
from choreo_service.testing import RecordingEmit

REPO: Final = Path(__file__).resolve().parents[2]
MOST_TEXT: Final = 6000  # of an error: one screen


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
        path = Path(folder) / "mine.yaml"

        def feed(data: bytes) -> str:
            path.write_bytes(data)
            try:
                read_yaml(path)
            except ConfigError as error:
                return _cause(error)
            return ""

        def look() -> None:  # a whole configuration is some hundred times as much work as its YAML
            with suppress(ConfigError):
                load_settings(file=path, home=REPO, environ={})

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
        yield Target(corpus, feed, words, look)


@contextmanager
def session() -> Iterator[Target]:
    """The Parquet files of a take, each alone in a take without the sums that would give a mutant away unread."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = {"sent": some_sent(40), "events": some_events(20), "accents": some_accents(20)}
        take = write_session(folder / "take", packets=some_packets(60), steps=some_steps(20), meta={}, **rows).path
        told = json.loads((take / "meta.json").read_text("utf-8"))
        told.pop("files")
        for kind in KINDS:
            (folder / kind).mkdir()
            (folder / kind / "meta.json").write_text(json.dumps(told), "utf-8")

        def feed(data: bytes) -> str:
            kind = KINDS[data[0] % len(KINDS)]
            (folder / kind / f"{kind}.parquet").write_bytes(data[1:])
            try:
                opened = open_session(folder / kind)
                for _ in opened.packets() if kind in ("packets", "frames") else recorded_ticks(opened):
                    pass
                if kind not in ("packets", "frames", "controls"):
                    opened.table(kind)
            except SessionError as error:
                return _cause(error)
            return ""

        corpus = [bytes([i]) + (take / f"{kind}.parquet").read_bytes() for i, kind in enumerate(KINDS)]
        yield Target(corpus, feed, [b"PAR1", b"\x00" * 8, b"\xff" * 8, b"\x15\x04", b"\x7f\xff\xff\xff"])


TARGETS: Final = {"heart": heart, "yaml": yaml, "session": session, "header": header, "websocket": websocket}


def _cause(error: ChoreoError) -> str:
    """Its kind of problem, without the place: what stands behind the last colon of its first line."""
    assert error.fix, "it doesn't say what to do"
    assert len(str(error)) < MOST_TEXT, f"{len(str(error))} characters"
    return error.problem.splitlines()[0].split(": ")[-1][:40] or "?"


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
