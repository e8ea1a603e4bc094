"""The golden takes with the arithmetic of other processors: nets within 1e-5 of what was decided, all else bytes; with
that of the processor it was decided with nets within 1e-6."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from golden.elsewhere import DECIDED_WITH, PROCESSORS, VECTORS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("X86_V3" not in VECTORS, reason="this processor can't pretend to be an older x86"),
    pytest.mark.skipif(sys.platform != "linux", reason="numpy's wheels for other systems choose their code otherwise"),
]


@cache
def heard(processor: str) -> Any:
    """What `golden.elsewhere` says on such a processor; on this one for "", as it was decided for "decided"."""
    here = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(here), **{"decided": DECIDED_WITH, **PROCESSORS}.get(processor, {})}
    argv = [sys.executable, "-m", "golden.elsewhere"]
    done = subprocess.run(argv, cwd=here, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("processor", PROCESSORS)
def test_it_sounds_as_it_was_decided(processor: str) -> None:
    told = heard(processor)
    print(f"{processor}: differs at most by {told['most']}")
    assert told["differ"] == []


def test_it_sounds_exactly_so_where_it_was_decided() -> None:
    assert heard("decided")["differ_exactly"] == []


@pytest.mark.parametrize("processor", PROCESSORS)
def test_the_arithmetic_is_another(processor: str) -> None:
    assert heard(processor)["nets"] != heard("")["nets"]
    if "GLIBC_TUNABLES" in PROCESSORS[processor]:
        assert heard(processor)["libc"] != heard("")["libc"]
