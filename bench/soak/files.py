"""Row 26: what files cost that were made to cost something."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from hostile_files import FILES, cost  # tests are on the path, as for `make fuzz`

from bench.figures import Figure, Section
from bench.machine import load, machine

SECONDS: Final = 1.0
RESIDENT_MB: Final = 200.0


def files() -> list[Section]:
    before = load()
    figures: list[Figure] = []
    for name, make in FILES.items():
        with tempfile.TemporaryDirectory() as folder:
            paid = cost(make(Path(folder)), Path(folder))
        if paid.code not in (2, 3):
            raise SystemExit(f"{name}: expected to be refused (exit code 2 or 3), found {paid.code}")
        figures.append(Figure(26, f"{name}: processor time", paid.cpu_s, "s", at_most=SECONDS))
        figures.append(Figure(26, f"{name}: memory at most", paid.resident_mb, "MB", at_most=RESIDENT_MB))
    return [
        Section(
            "Hostile files",
            "Each refused by `choreo`, the program's own start included.",
            "make soak ONLY=files",
            machine(),
            before,
            tuple(figures),
        )
    ]
