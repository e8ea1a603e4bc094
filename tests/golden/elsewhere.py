"""The golden takes as another processor would play them: `python -m golden.elsewhere`, environment from `PROCESSORS`.

OpenBLAS, numpy and the C library choose their code by the processor when they are loaded, and can be told to choose
that of an older one. So the arithmetic is another machine's, though the machine is this one.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from golden.inputs import GOLDEN
from golden.test_golden import ELSEWHERE_WITHIN, HERE, core, differences, inputs
from numpy._core import _multiarray_umath as simd

from choreo_service.packets import Step
from choreo_service.replay import replay_tape
from choreo_service.session import open_session, recorded_steps

VECTORS: Final = [name for name in simd.__cpu_dispatch__ if simd.__cpu_features__[name]]  # that numpy has code for
# Of 2013; AMD's are of its kind too. What the golden takes sound like is decided with its arithmetic, everywhere.
DECIDED_WITH: Final = {
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": " ".join(name for name in VECTORS if name != "X86_V3"),
}
PROCESSORS: Final[Mapping[str, Mapping[str, str]]] = {  # of 2004, 2008 and 2011
    "Prescott": {
        "OPENBLAS_CORETYPE": "Prescott",
        "NPY_DISABLE_CPU_FEATURES": " ".join(VECTORS),
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX,-AVX2,-FMA",
    },
    "Nehalem": {"OPENBLAS_CORETYPE": "Nehalem"},
    "Sandybridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
}
_NUMBERS: Final = np.linspace(0.01, 7.0, 1000).tolist()


def heard() -> dict[str, Any]:
    """What differs beyond what may here and where it was decided, by how much at most, and fingerprints of all bits of
    the nets and of libc."""
    differ, exactly, found = list[str](), list[str](), {}
    for name, golden in GOLDEN.items():
        expected = list(recorded_steps(open_session(HERE / name)))
        found[name] = list(replay_tape(core(golden, HERE.parents[1] / "checkpoints"), inputs(name)))
        differ += differences(golden, expected, found[name], ELSEWHERE_WITHIN)
        exactly += differences(golden, expected, found[name])
    return {
        "differ": differ,
        "differ_exactly": exactly,
        "most": _most(found),
        "nets": _nets(found["trio"]),
        "libc": _libc(),
    }


def _most(found: Mapping[str, Sequence[Step]]) -> dict[str, float]:
    """By how much controls and latents differ at most."""
    most = {"controls": 0.0, "latents": 0.0}
    for name, steps in found.items():
        for a, b in zip(recorded_steps(open_session(HERE / name)), steps, strict=True):
            most["controls"] = max(most["controls"], float(np.abs(a.controls - b.controls).max()))
            if a.latent is not None and b.latent is not None:
                most["latents"] = max(most["latents"], float(np.abs(a.latent.z_norm - b.latent.z_norm).max()))
    return most


def _nets(steps: Sequence[Step]) -> str:
    return hashlib.sha256(b"".join(step.raw.tobytes() for step in steps)).hexdigest()


def _libc() -> str:
    functions = (math.sin, math.cos, math.exp, math.log, math.tan)
    return hashlib.sha256(np.array([[f(x) for f in functions] for x in _NUMBERS]).tobytes()).hexdigest()


if __name__ == "__main__":
    json.dump(heard(), sys.stdout)
