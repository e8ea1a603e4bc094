"""Whoever imports the service first gets one BLAS thread, unless they chose a number themselves."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

BLAS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# The setting is read when numpy is loaded, so the package must not load it before.
THREADS_AFTER_IMPORT = """
import os, sys
import choreo_service
print(os.environ[sys.argv[1]], 'numpy' in sys.modules)
"""


def _after_import(name: str, chosen: dict[str, str]) -> list[str]:
    environment = {key: value for key, value in os.environ.items() if key not in BLAS} | chosen
    done = subprocess.run(
        [sys.executable, "-c", THREADS_AFTER_IMPORT, name],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize("name", BLAS)
def test_importing_the_service_asks_for_one_thread_before_numpy_is_loaded(name: str) -> None:
    assert _after_import(name, {}) == ["1", "False"]


@pytest.mark.parametrize("name", BLAS)
def test_a_number_the_user_chose_stays(name: str) -> None:
    assert _after_import(name, {name: "3"}) == ["3", "False"]
