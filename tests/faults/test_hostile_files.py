"""Files made to cost whoever opens them: refused in a few words, and the machine has room left for the show."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hostile_files import FILES, cost

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads its peak of memory from /proc")

MOST_MB = 200.0


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_in_words_and_little_memory(name: str, tmp_path: Path) -> None:
    paid = cost(FILES[name](tmp_path), tmp_path)
    assert paid.code in (2, 3), paid.said
    assert paid.said.startswith("choreo: ")
    assert "\n  fix: " in paid.said
    assert "Traceback" not in paid.said
    assert len(paid.said) < 2000
    assert paid.resident_mb <= MOST_MB
