"""Whatever finite numbers the ingress lets through, the core plays on: finite features, controls in their range."""

from __future__ import annotations

from typing import Final

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from shows import PERIOD, make_core

from choreo_service.packets import STREAMS, SensorPacket

ODD: Final = [0.0, -0.0, 5e-324, -5e-324, 1e-310, 1e-9, 0.5, 1.0, -40.0, 9.8, 100.0, 1e6, 1e30, -1e30, 1e308, -1e308]
TICKS: Final = 12
Sample = tuple[str, list[float]]


def samples() -> st.SearchStrategy[Sample]:
    number = st.sampled_from(ODD) | st.floats(allow_nan=False, allow_infinity=False)
    return st.sampled_from(sorted(STREAMS)).flatmap(
        lambda name: st.tuples(
            st.just(name), st.lists(number, min_size=STREAMS[name].width, max_size=STREAMS[name].width)
        )
    )


def bounce(height: float) -> list[Sample]:
    """One sample of the six motion columns of somebody who moves with the smallest frequency there is."""
    return [("motion_features", [1.0, 5e-324, 0.0, 0.0, height, 1.0])]


@given(st.lists(st.lists(samples(), max_size=3), min_size=TICKS, max_size=TICKS))
@example([bounce(height) for height in (0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)])
def test_the_core_plays_on(ticks: list[list[Sample]]) -> None:
    core, seq = make_core(), 0
    for k, heard in enumerate(ticks, start=1):
        t_ns, packets = k * PERIOD, []
        for stream, values in heard:
            seq += 1
            packets.append(SensorPacket(stream, 0, seq, t_ns, t_ns - PERIOD // 2, None, "odd", tuple(values)))
        step = core.step(k, 1, t_ns, packets)
        assert np.isfinite(step.frame.features()).all()
        assert np.isfinite(step.controls).all()
        assert ((step.controls >= 0.0) & (step.controls <= 1.0)).all()
