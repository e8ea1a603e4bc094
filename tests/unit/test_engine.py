"""The engine never stops: failing models are held, then replaced by the rules, then tried again."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from choreo_service.engine import FAILURES_TO_FALL_BACK, RETRY_S, Engine
from choreo_service.packets import LATENT_DIM, FloatArray, Frame, Latent, TempoPacket
from choreo_service.protocols import Models

PERIOD_NS = 20_000_000


class FakeNet:
    """M1, M2 and M3 in one: gives what `output` says, or raises it."""

    def __init__(self) -> None:
        self.output: Any = 0.7
        self.resets = 0
        self.h = 0.0

    def step(self, *args: Any) -> Any:
        first = args[0]
        if isinstance(first, Frame):
            b = first.performers
            return Latent(np.zeros((b, LATENT_DIM), np.float32), np.ones(b, np.float32), np.zeros((b, 4), np.bool_))
        if isinstance(first, Latent):
            return first.z
        if isinstance(self.output, Exception):
            raise self.output
        self.h += 0.001
        return np.full((first.shape[0], 5), self.output + self.h if self.output == 0.7 else self.output, np.float32)

    def state(self) -> Mapping[str, Any]:
        return {"h": self.h}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.h = state["h"]

    def reset(self) -> None:
        self.resets += 1


def frame(k: int, performers: int = 1) -> Frame:
    zeros = np.zeros((performers, 6), np.float32)
    live = np.zeros((performers, 4), np.uint8)
    return Frame(k, 1, k * PERIOD_NS, zeros, zeros[:, :2], zeros[:, :2], zeros[:, :1], live, zeros[:, :4])


def engine_with(net: FakeNet) -> Engine:
    return Engine(performers=1, period_ns=PERIOD_NS, models=Models("nets", net, net, net))


def test_without_models_the_rules_play() -> None:
    step = Engine(performers=3, period_ns=PERIOD_NS).step(frame(1, 3))
    assert (step.mapper, step.latent, step.held) == ("rules", None, False)
    assert step.controls.shape == (3, 5)


def test_models_play_through_the_guards_and_leave_their_latent() -> None:
    engine = engine_with(FakeNet())
    steps = [engine.step(frame(k)) for k in range(1, 200)]
    assert {s.mapper for s in steps} == {"nets"}
    assert steps[-1].latent is not None
    assert steps[-1].latent.z.shape == (1, LATENT_DIM)
    assert steps[-1].controls == pytest.approx(steps[-1].raw, abs=0.05)
    assert steps[0].controls[0, 1] < steps[0].raw[0, 1]  # the rate limit starts from neutral


@pytest.mark.parametrize("fault", [RuntimeError("boom"), float("nan"), float("inf")])
def test_a_failing_model_is_held_then_replaced_then_retried(fault: Any) -> None:
    net = FakeNet()
    engine = engine_with(net)
    good = [engine.step(frame(k)) for k in range(1, 100)][-1]
    net.output = fault
    first = engine.step(frame(100))
    assert first.held
    assert first.controls == pytest.approx(good.controls, abs=0.01)
    failing = [engine.step(frame(100 + i)) for i in range(1, FAILURES_TO_FALL_BACK)]
    assert {s.mapper for s in failing} == {"nets"}
    ruled = [engine.step(frame(120 + i)) for i in range(round(RETRY_S / 0.02))]
    assert {s.mapper for s in ruled} == {"rules"}
    assert not any(s.held for s in ruled)
    assert net.resets == 3
    net.output = 0.7
    assert engine.step(frame(900)).mapper == "nets"
    assert engine.last_fault


def test_a_mapper_of_the_wrong_shape_is_a_failure_not_a_crash() -> None:
    net = FakeNet()
    engine = engine_with(net)
    net.step = lambda *a: FakeNet.step(net, *a)[:, :3] if isinstance(a[0], np.ndarray) else FakeNet.step(net, *a)  # type: ignore[method-assign]
    assert engine.step(frame(1)).held
    assert "shape (1, 3)" in engine.last_fault


def test_output_is_always_finite_and_in_range_whatever_the_frame() -> None:
    engine = Engine(performers=1, period_ns=PERIOD_NS)
    for k in range(1, 50):
        broken = frame(k)
        broken.motion[:] = np.nan if k % 2 else 1e30
        controls: FloatArray = engine.step(broken).controls
        assert np.isfinite(controls).all()
        assert ((controls >= 0) & (controls <= 1)).all()


def test_one_poisoned_frame_does_not_poison_the_state() -> None:
    clean, poisoned = Engine(performers=1, period_ns=PERIOD_NS), Engine(performers=1, period_ns=PERIOD_NS)
    bad = frame(1)
    bad.motion[:] = np.nan
    poisoned.step(bad)
    for k in range(2, 400):
        a, b = clean.step(frame(k)), poisoned.step(frame(k))
    assert b.controls == pytest.approx(a.controls, abs=0.02)


def test_saved_state_continues_with_the_same_bytes() -> None:
    net_a, net_b = FakeNet(), FakeNet()
    a, b = engine_with(net_a), engine_with(net_b)
    for k in range(1, 50):
        a.step(frame(k))
    b.load_state(a.state())
    assert a.step(frame(50)).controls.tobytes() == b.step(frame(50)).controls.tobytes()


def test_while_a_body_leads_tempo_scale_is_its_tempo_and_the_rest_is_the_mappers() -> None:
    led, alone = engine_with(FakeNet()), engine_with(FakeNet())
    for k in range(1, 200):
        tempo = TempoPacket(k * PERIOD_NS, 118.8, 0.0, "body", "body", "body", 0.8333)
        ours, theirs = led.step(frame(k), tempo=tempo), alone.step(frame(k))
    assert ours.controls[0, 0] == pytest.approx(0.8333, abs=1e-3)
    assert ours.controls[0, 1:].tolist() == theirs.controls[0, 1:].tolist()
    assert ours.raw.tolist() == theirs.raw.tolist()
    assert ours.tempo == tempo
