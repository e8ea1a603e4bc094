"""What three takes sounded like when it was last decided: `make golden-update` decides anew, on purpose.

Features, presence, rules and guards must come back byte for byte; what the nets compute within 1e-5, because their sums
come out differently on other processors, and within 1e-6 with the arithmetic it was decided with: `test_elsewhere.py`.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from golden.inputs import GOLDEN, PERIOD_NS, Golden

from choreo_service.core import Core
from choreo_service.packets import Step
from choreo_service.replay import TapeEntry, first_difference, replay_tape, take_entries
from choreo_service.service.models import load_models
from choreo_service.session import open_session, recorded_steps, write_session

HERE: Final = Path(__file__).parent
NETS_WITHIN: Final = 1e-6
ELSEWHERE_WITHIN: Final = 1e-5
UPDATE: Final = "CHOREO_GOLDEN_UPDATE" in os.environ
LATENT_EVERY: Final = 5  # ticks: latents are most of a take's size


def core(golden: Golden, checkpoints: Path) -> Core:
    models = load_models(checkpoints, performers=golden.performers, period_ns=PERIOD_NS) if golden.models else None
    return Core(performers=golden.performers, period_ns=PERIOD_NS, home_bpm=110.0, models=models)


def inputs(name: str) -> list[TapeEntry]:
    """Those of the take that is there, else fresh ones."""
    path = HERE / name
    return list(take_entries(open_session(path), PERIOD_NS)) if path.is_dir() else GOLDEN[name].make()


def differences(
    golden: Golden, expected: Sequence[Step], found: Sequence[Step], nets_within: float = NETS_WITHIN
) -> Iterator[str]:
    """One line for each step that differs."""
    within = nets_within if golden.models else 0.0
    for reference, step in zip(expected, found, strict=True):
        comparable = step if reference.latent is not None else dataclasses.replace(step, latent=None)
        if difference := first_difference(reference, comparable, nets_within=within):
            yield difference


@pytest.mark.parametrize("name", GOLDEN)
def test_it_sounds_as_it_was_decided(name: str, repo_root: Path) -> None:
    tape = inputs(name)
    found = list(replay_tape(core(GOLDEN[name], repo_root / "checkpoints"), tape))
    if UPDATE:
        update(name, tape, found)
    expected = list(recorded_steps(open_session(HERE / name)))
    lines = list(differences(GOLDEN[name], expected, found, ELSEWHERE_WITHIN))
    assert not lines, f"{len(lines)} of {len(found)} ticks differ; meant? make golden-update\n" + "\n".join(lines[:5])


def update(name: str, tape: Sequence[TapeEntry], found: Sequence[Step]) -> None:
    """Write the take anew, and say what has changed."""
    if (HERE / name).is_dir():
        lines = list(differences(GOLDEN[name], list(recorded_steps(open_session(HERE / name))), found))
        print(f"\n{name}: {len(lines)} of {len(found)} ticks change", *lines[:3], sep="\n  ")
        if not lines:
            return
    shutil.rmtree(HERE / name, ignore_errors=True)
    thinned = (s if i % LATENT_EVERY == 0 else dataclasses.replace(s, latent=None) for i, s in enumerate(found))
    packets = (packet for entry in tape for packet in entry.packets)
    meta = {"created": "", "source": "golden", "period_ns": PERIOD_NS, "performers": GOLDEN[name].performers}
    write_session(HERE / name, packets=packets, steps=thinned, meta=meta)


@pytest.mark.parametrize(
    ("name", "field", "by"), [("phone", "controls", 1e-7), ("trio", "controls", 2e-6), ("synthetic", "raw", 2e-6)]
)
def test_it_would_be_noticed(name: str, field: str, by: float) -> None:
    steps = list(recorded_steps(open_session(HERE / name)))
    i = len(steps) // 2
    values = getattr(steps[i], field).copy()
    values[-1, 2] += np.float32(by)
    assert (values != getattr(steps[i], field)).any()
    changed = [*steps]
    changed[i] = dataclasses.replace(steps[i], **{field: values})
    (line,) = differences(GOLDEN[name], steps, changed)
    assert line.startswith(f"tick {steps[i].frame.k}: step.{field}: expected")


def test_the_last_bit_of_a_net_is_not() -> None:
    steps = list(recorded_steps(open_session(HERE / "trio")))
    nearly = [dataclasses.replace(step, raw=np.nextafter(step.raw, np.float32(2))) for step in steps]
    assert list(differences(GOLDEN["trio"], steps, nearly)) == []


def test_the_takes_hold_what_they_are_for() -> None:
    for name, golden in GOLDEN.items():
        take = open_session(HERE / name)
        steps = list(recorded_steps(take))
        assert {step.controls.shape[0] for step in steps} == {golden.performers}
        assert any(step.latent is not None for step in steps) == golden.models
        controls = np.array([step.controls for step in steps])
        assert (np.ptp(controls, axis=0) > 0.02).mean() > 0.8  # they move
    trio = list(recorded_steps(open_session(HERE / "trio")))
    assert {bool(step.frame.present[1, 0]) for step in trio} == {True, False}
    assert any(step.frame.dk > 1 for step in recorded_steps(open_session(HERE / "phone")))
    assert sum(file.stat().st_size for file in HERE.rglob("*.parquet")) < 1 << 20
