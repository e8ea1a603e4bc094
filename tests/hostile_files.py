"""Files made to cost whoever opens them: each in a folder of its own, with the command that opens it and what a user
must be told."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from session_samples import some_packets, some_steps

from choreo_service.session import write_session

SHIPPED: Final = Path(__file__).resolve().parents[1] / "checkpoints"
Make = Callable[[Path], Sequence[str]]  # fills the folder; the arguments for choreo


@dataclass(frozen=True)
class Cost:
    """What a command took, and how it ended."""

    code: int
    said: str  # on stderr
    wall_s: float
    cpu_s: float
    resident_mb: float  # at most, MB


# The peak is read by the program itself at its end: the kernel's accounts of a child begin with its parent's size.
_REPORTING: Final = """
import atexit, pathlib, runpy, sys
def report():
    status = pathlib.Path("/proc/self/status").read_text()
    peak, = (line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    pathlib.Path(sys.argv[0]).write_text(peak)
atexit.register(report)
runpy.run_module("choreo_service", run_name="__main__")
"""


def cost(arguments: Sequence[str], cwd: Path) -> Cost:
    """Run choreo with `arguments` in `cwd` to its end. Linux only."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("CHOREO_")}
    peak = cwd / "peak"
    began, before = time.monotonic(), os.times()
    done = subprocess.run(
        [sys.executable, "-c", _REPORTING.replace("sys.argv[0]", repr(str(peak))), *arguments],
        cwd=cwd,
        env=environ,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    wall_s, after = time.monotonic() - began, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Cost(done.returncode, done.stderr, wall_s, cpu_s, int(peak.read_text("ascii")) * 1024 / 1e6)


def _yaml(text: str) -> Make:
    def make(folder: Path) -> Sequence[str]:
        (folder / "hostile.yaml").write_text(text, "utf-8")
        return ("run", "--dry-run", "-c", "hostile.yaml")

    return make


def _bomb(levels: int) -> str:
    """Nine times nine times ... of a few letters."""
    lines = ['a0: &a0 ["x"]'] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


def _take(change: Callable[[pa.Table], pa.Table], *, wrong: bool = True) -> Make:
    """A take whose packets are what `change` makes of them, in the same schema; `wrong` in their last row alone."""

    def make(folder: Path) -> Sequence[str]:
        take = write_session(folder / "take", packets=some_packets(100), steps=some_steps(30), sent=[], meta={})
        path = take.path / "packets.parquet"
        pq.write_table(_numbered(change(pq.read_table(path)), wrong=wrong), path, compression="zstd")
        told = json.loads((take.path / "meta.json").read_text("utf-8"))
        told.pop("files")  # else its sums give it away
        (take.path / "meta.json").write_text(json.dumps(told), "utf-8")
        return ("replay", "take")

    return make


def empty_columns(groups: int) -> bytes:
    """A Parquet file that is all footer: row groups, less than 16,384, of 60,000 columns of three bytes each."""
    columns = b"\x19\xfc\xe0\xd4\x03" + b"\x26\x08\x00" * 60_000 + b"\x16\x02\x16\x02\x00"
    footer = b"\x49\xfc" + bytes([groups % 128 | 128, groups // 128]) + columns * groups + b"\x00"
    return b"PAR1" + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def _long_footer(folder: Path) -> Sequence[str]:
    command = _take(lambda table: table)(folder)
    (folder / "take" / "packets.parquet").write_bytes(empty_columns(100))
    return command


def _numbered(rows: pa.Table, *, wrong: bool) -> pa.Table:
    """Right, or right up to the last row: whoever looks for a mistake has to read them all."""
    seq = np.arange(len(rows))
    seq[-1] *= not wrong
    at = rows.schema.get_field_index("seq")
    return rows.set_column(at, rows.schema.field(at), pa.array(seq).cast(rows.schema.field(at).type))


def _long_names(table: pa.Table) -> pa.Table:
    """500 rows that each name a source by a megabyte, which the file says once."""
    at = table.schema.get_field_index("source_id")
    said_once = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array(["x" * 1_000_000]))
    rows = table.take(pa.array([0] * 500))
    return rows.set_column(at, table.schema.field(at), said_once.cast(table.schema.field(at).type))


def _many_rows(table: pa.Table) -> pa.Table:
    """A million times the same row, which compression makes a small file of."""
    return table.take(pa.array(np.zeros(1_000_000, dtype=np.int64)))


def _long_list(table: pa.Table) -> pa.Table:
    """One row of ten million equal numbers, of which the file says one."""
    at = table.schema.get_field_index("values")
    values = pa.ListArray.from_arrays([0, 10_000_000], np.zeros(10_000_000))
    return table.slice(0, 1).set_column(at, table.schema.field(at), values.cast(table.schema.field(at).type))


def _checkpoint(weights: bytes) -> Make:
    """The shipped models with other weights, and cards that vouch for them."""

    def make(folder: Path) -> Sequence[str]:
        models = folder / "models"
        models.mkdir()
        for card in SHIPPED.glob("*.json"):
            told = json.loads(card.read_text("utf-8"))
            told["weights_sha256"] = hashlib.sha256(weights).hexdigest()
            (models / card.name).write_text(json.dumps(told), "utf-8")
            (models / card.name).with_suffix(".safetensors").write_bytes(weights)
        return ("run", "--dry-run", "-o", "engine.mapper=auto", "-o", f"engine.checkpoints={models}")

    return make


FILES: Final[dict[str, Make]] = {
    "YAML, aliases of aliases": _yaml(_bomb(12)),
    "YAML, 50,000 brackets deep": _yaml("a: " + "[" * 50_000),
    "YAML, 4 MB of keys": _yaml("".join(f"k{i}: {i}\n" for i in range(300_000))),
    "YAML, one number of 60,000 digits": _yaml("engine: {period_ms: " + "9" * 60_000 + "}"),
    "take, 500 names of a megabyte": _take(_long_names),
    "take, 1,000,000 equal rows": _take(_many_rows),
    "take, 1,000,000 packets in one tick": _take(_many_rows, wrong=False),
    "take, a list of 10,000,000 numbers": _take(_long_list),
    "take, a footer of 18 MB": _long_footer,
    "checkpoint, a header of 2^60 bytes": _checkpoint(struct.pack("<Q", 1 << 60) + b"{}"),
    "checkpoint, a pickle": _checkpoint(pickle.dumps({"weights": [0.0] * 100})),
}
