"""The gates measure what they say: a net that hardly learnt misses them, and the fakes never pass."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from choreo_pipelines.evaluation.gates.reading import Reading
from choreo_pipelines.evaluation.gates.trial import Scale, trial


class _Quiet:
    def begin(self, first: int, steps: int) -> None: ...

    def step(self, step: int, loss: float) -> None: ...

    def validated(self, step: int, metrics: Mapping[str, float]) -> None: ...

    def end(self) -> None: ...


@pytest.mark.slow
def test_a_trial_reads_every_gate_and_an_untaught_net_misses_those_of_learning(tmp_path: Path) -> None:
    scale = Scale(sessions=2, unseen=2, minutes=1.0, rps_steps=2, mapper_steps=2)
    readings: dict[str, Reading] = {r.name: r for r in trial(0, tmp_path, scale, lambda label: _Quiet())}
    assert not readings["M1 ble: masked R2 of motion_energy"].passed
    assert not readings["M1 clean: NMSE of motion, C3"].passed
    assert not readings["M3: MSE / ridge's on the instant"].passed
    assert not readings["M3: p95 - p5, narrowest control"].passed
    assert readings["M0 ble: promises kept"].passed
    # What must hold of any net: the clamp, and that translators which know nothing don't pass for a reconstruction.
    assert readings["M1 ble: translator norm, highest"].passed
    assert readings["M1 10 s motion gap: random translators' latent error / hold's"].passed
    assert {name.split(":")[0].split(" ")[0] for name in readings} == {"M0", "M1", "M2", "M3", "Stage"}
    assert all(r.baseline for name, r in readings.items() if "masked R2" in name or "NMSE" in name)
