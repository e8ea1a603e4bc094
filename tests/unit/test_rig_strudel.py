"""Real Strudel is skipped with a reason where it can't be had, and the ears that judge it hear what is there."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from rig.process import PeerError
from rig.strudel import Sound, packages

RATE = 44100


@pytest.mark.parametrize("absent", ["chromium", "npm"])
def test_what_is_missing_is_named_with_what_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, absent: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # nothing fetched yet
    monkeypatch.setattr(shutil, "which", lambda name: None if name == absent else f"/usr/bin/{name}")
    reason = packages.missing()
    assert reason is not None
    assert absent in reason
    assert "make peers" in reason


def test_what_was_fetched_once_needs_no_npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in packages.PACKAGES:
        (packages.cache() / name).mkdir(parents=True)
        (packages.cache() / name / "package.json").write_text("{}")
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "npm" else f"/usr/bin/{name}")
    assert packages.missing() is None
    assert packages.fetch() == packages.cache()


def test_a_registry_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))  # no npm to start
    with pytest.raises(PeerError, match="npm can't fetch @strudel/web"):
        packages.fetch()
    assert not packages.cache().exists()


def _sound(mono: np.ndarray) -> Sound:
    return Sound(np.stack([mono, mono], axis=1).astype(np.float32), RATE, {})


def test_onsets_are_counted_and_steady_sound_has_none() -> None:
    t = np.arange(3 * RATE) / RATE
    steady = 0.2 * np.sin(2 * np.pi * 3000 * t)
    assert len(_sound(steady).since(0.2).onsets_s()) == 0
    pings = sum(
        np.where(t >= at, np.exp(-(t - at).clip(0) * 30), 0) * np.sin(2 * np.pi * 4000 * t)
        for at in (0.5, 1.0, 1.25, 2.0, 2.1)
    )
    assert _sound(pings).onsets_s() == pytest.approx([0.5, 1.0, 1.25, 2.0, 2.1], abs=0.03)


def test_brighter_is_brighter() -> None:
    t = np.arange(RATE) / RATE
    low, high = (_sound(0.2 * np.sin(2 * np.pi * hz * t)) for hz in (200, 5000))
    assert low.centroid < 400 < 4500 < high.centroid
    assert low.high < 0.05 < 0.95 < high.high
    assert low.peak == pytest.approx(0.2, rel=0.01)
