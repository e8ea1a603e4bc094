"""What the imitated phone sends is what the receiver reads: both sides are built from one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from choreo_adapters.osc.decode import decode
from choreo_adapters.osc.presets import LAYOUTS
from choreo_adapters.sensors.osc_motion import OscMotion, OscMotionConfig
from choreo_pipelines.stream import PhoneEncoder
from choreo_pipelines.stream.command import APPS
from choreo_service.clock import VirtualClock
from choreo_service.errors import ConfigError
from choreo_service.packets import STREAMS

G = 9.80665
PHONE = ("acceleration", "linear_acceleration", "gravity", "rotation_rate", "heart_rate", "context")


def _samples(count: int) -> list[dict[str, tuple[float, ...]]]:
    """A phone that lies almost still, upright, with a heart: every stream at every moment."""
    rng = np.random.default_rng(3)
    samples = []
    for i in range(count):
        linear = rng.normal(0.0, 0.01, 3)
        gravity = np.array([0.0, G, 0.0])
        samples.append(
            {
                "acceleration": tuple((linear + gravity).tolist()),
                "linear_acceleration": tuple(linear.tolist()),
                "gravity": tuple(gravity.tolist()),
                "rotation_rate": tuple(rng.normal(0.0, 0.01, 3).tolist()),
                "heart_rate": (100.0 + i % 50,),
                "context": (i / count,),
            }
        )
    return samples


class Heard:
    def __init__(self) -> None:
        self.samples: list[tuple[str, tuple[float, ...], int | None]] = []
        self.refused: list[str] = []

    def __call__(self, stream: str, values: Sequence[float], *, source_ns: int | None = None, **rest: Any) -> None:
        self.samples.append((stream, tuple(values), source_ns))

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        self.refused.append(cause)

    def of(self, stream: str) -> list[tuple[float, ...]]:
        return [values for name, values, _ in self.samples if name == stream]


def _receive(app: str, datagrams: Sequence[Sequence[bytes]]) -> Heard:
    """The moments' datagrams through the decoder and the adapter, 10 ms apart."""
    heard, clock = Heard(), VirtualClock()
    adapter = OscMotion(OscMotionConfig(layout=app), heard, clock)
    for moment in datagrams:
        clock.advance(10_000_000)
        for datagram in moment:
            for message in decode(datagram):
                adapter.on_message(message, "10.0.0.2", clock.now_ns())
    return heard


def _send(
    app: str, samples: Sequence[dict[str, tuple[float, ...]]], streams: Sequence[str] = PHONE
) -> list[list[bytes]]:
    encoder = PhoneEncoder(LAYOUTS[app], streams, dict.fromkeys(streams, 100.0))
    return [
        encoder.datagrams({s: v for s, v in sample.items() if s in streams}, i * 10_000_000)
        for i, sample in enumerate(samples)
    ]


@pytest.mark.parametrize("app", sorted(set(APPS) - {"touchosc"}))
def test_the_receiver_hears_the_original_si_values(app: str) -> None:
    samples = _samples(50)
    heard = _receive(app, _send(app, samples))
    assert heard.refused == []
    streams = LAYOUTS[app].streams()
    assert {name for name, _, _ in heard.samples} == set(streams)
    for stream in streams:
        sent = [s[stream] for s in samples]
        if LAYOUTS[app].silence_means_unchanged and stream == "gravity":
            sent = sent[:1]
        np.testing.assert_allclose(heard.of(stream), sent, rtol=1e-6, atol=1e-6)


def test_touchosc_is_heard_once_its_unit_has_been_measured() -> None:
    samples = _samples(400)
    heard = _receive("touchosc", _send("touchosc", samples))
    received = heard.of("acceleration")
    assert len(received) > 100
    assert set(heard.refused) == {"unit undecided"}
    np.testing.assert_allclose(received, [s["acceleration"] for s in samples][-len(received) :], rtol=1e-6, atol=1e-6)


def test_comote_sends_the_phones_time_and_its_rate() -> None:
    datagrams = _send("comote", _samples(3))
    message = decode(datagrams[2][0])[0]
    assert message.address == "/comote/v3/42/accelerometer"
    assert message.args[3:] == (20, 100.0)
    assert _receive("comote", datagrams).samples[-1][2] == 20_000_000


def test_a_phone_clock_wraps_like_an_int32() -> None:
    encoder = PhoneEncoder(LAYOUTS["comote"], ["gravity"])
    (datagram,) = encoder.datagrams({"gravity": (0.0, 0.0, G)}, ((1 << 31) + 5) * 1_000_000)
    assert decode(datagram)[0].args[3] == 5


def test_units_are_those_of_the_app() -> None:
    sample = {"linear_acceleration": (G, 0.0, -G), "gravity": (0.0, 0.0, G)}
    encoder = PhoneEncoder(LAYOUTS["gyrosc"], sample)
    found = {m.address: m.args for data in encoder.datagrams(sample, 0) for m in decode(data)}
    assert found["/gyrosc/accel"] == pytest.approx((-1.0, 0.0, 1.0))  # CoreMotion counts the other way round
    assert found["/gyrosc/grav"] == pytest.approx((0.0, 0.0, -1.0))


def test_zig_sim_bundles_a_moment_in_one_datagram() -> None:
    (datagram,) = _send("zigsim", _samples(1))[0]
    assert datagram.startswith(b"#bundle\0")
    assert len(decode(datagram)) == 3


def test_sensors2osc_keeps_silent_about_what_has_not_changed() -> None:
    encoder = PhoneEncoder(LAYOUTS["sensors2osc"], ["heart_rate"])
    sent = [len(encoder.datagrams({"heart_rate": (bpm,)}, 0)) for bpm in (60.0, 60.0, 61.0, 60.0)]
    assert sent == [1, 0, 1, 1]


def test_choreo_joins_acceleration_and_rotation_only_when_both_are_there() -> None:
    encoder = PhoneEncoder(LAYOUTS["choreo"], ["acceleration", "rotation_rate"])
    both = encoder.datagrams({"acceleration": (1, 2, 3), "rotation_rate": (4, 5, 6)}, 0)
    alone = encoder.datagrams({"acceleration": (1, 2, 3)}, 0)
    assert [(m.address, m.args) for d in both for m in decode(d)] == [("/choreo/motion", (1, 2, 3, 4, 5, 6))]
    assert [(m.address, m.args) for d in alone for m in decode(d)] == [("/choreo/motion/accel", (1, 2, 3))]


@pytest.mark.parametrize(
    ("app", "there", "made"),
    [
        ("gyrosc", ("acceleration", "gravity"), "linear_acceleration"),
        ("comote", ("linear_acceleration", "gravity"), "acceleration"),
    ],
)
def test_gravity_is_added_or_removed_as_the_app_needs(app: str, there: tuple[str, str], made: str) -> None:
    samples = _samples(20)
    heard = _receive(app, _send(app, samples, there))
    np.testing.assert_allclose(heard.of(made), [s[made] for s in samples], rtol=1e-5, atol=1e-5)


def test_without_gravity_yet_nothing_is_made_up() -> None:
    encoder = PhoneEncoder(LAYOUTS["gyrosc"], ["acceleration", "gravity"])
    assert encoder.datagrams({"acceleration": (0.0, 0.0, G)}, 0) == []
    assert len(encoder.datagrams({"gravity": (0.0, 0.0, G)}, 0)) == 1
    assert len(encoder.datagrams({"acceleration": (0.0, 0.0, G)}, 0)) == 1


def test_what_the_app_cannot_send_is_named() -> None:
    encoder = PhoneEncoder(LAYOUTS["sensors2osc"], list(STREAMS))
    assert {"beat", "context", "heart_features", "motion_features", "rr_interval"} <= set(encoder.left_out)
    assert not {"acceleration", "gravity", "rotation_rate"} & set(encoder.left_out)
    with pytest.raises(ConfigError, match="the take has heart_rate"):
        PhoneEncoder(LAYOUTS["gyrosc"], ["heart_rate"])
    with pytest.raises(ConfigError, match="the take has acceleration"):
        PhoneEncoder(LAYOUTS["gyrosc"], ["acceleration"])  # no gravity, so it can't be removed
