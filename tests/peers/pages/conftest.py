"""One browser over one show for the tests of a page; it ends with them, as it would speak into the tests that follow.

Screenshots are kept in the folder that CHOREO_SHOTS names, for people to look at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rig.osc_ear import OscEar
from rig.pages import Pages, PageShow
from session_samples import PERIOD_NS, some_steps

from choreo_service.session import write_session


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    with Pages() as browser:
        yield browser


@pytest.fixture(scope="module")
def ear() -> Iterator[OscEar]:
    with OscEar() as listening:
        yield listening


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two takes; of `alpha` there is a report."""
    root = tmp_path_factory.mktemp("workspace") / "recordings"
    for name in ("alpha", "beta"):
        steps = list(some_steps(1500, latents=False))
        meta = {"source": "test", "created": "2026-01-01T20:00:00+00:00", "period_ns": PERIOD_NS, "performers": 1}
        write_session(root / name, packets=None, steps=steps, meta=meta)
    report = root.parent / "reports" / "alpha" / "report.html"
    report.parent.mkdir(parents=True)
    report.write_text("<!doctype html><style>h1{color:green}</style><h1>Groove report: alpha</h1>", "utf-8")
    return root


@pytest.fixture(scope="module")
def show(ear: OscEar, recordings: Path) -> Iterator[PageShow]:
    with PageShow(ear.port, recordings) as running:
        yield running


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("CHOREO_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def _nothing_in_force(show: PageShow) -> None:
    show.latched |= {"panic": False, "frozen_s": None, "held": [], "muted": [], "manual": [], "map": ""}
    show.answered.clear()
