"""Nothing a stranger sends stops the OSC input, makes it slow, or makes it forget what it refused."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from faults import osc_fuzz
from osc_datagrams import RecordingEmit, bundle, message

from choreo_adapters.osc.limits import MAX_SOURCES
from choreo_adapters.sensors.osc_motion import OscMotion
from choreo_service.clock import VirtualClock

MS = 1_000_000
S = 1_000 * MS
GENUINE = message("/choreo/motion/accel", "fff", 0.0, 0.0, 9.75)


@pytest.fixture(autouse=True)
def hangs_become_failures() -> Iterator[None]:
    """An endless loop in the decoder would otherwise stop the whole test run without naming the test."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError("the OSC input does not come back")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_mutated_datagrams_only_ever_raise_osc_error(seed: int) -> None:
    report = osc_fuzz.run(seed, inputs=40_000)
    assert report.escapes == []
    assert report.inputs == 40_000
    # The mutants must reach every refusal and still let samples through, or they test too little.
    assert len(report.refused) >= 9
    assert report.emitted > 1_000


def test_the_fuzzer_repeats_itself_exactly() -> None:
    first, second = (osc_fuzz.run(7, inputs=3_000) for _ in range(2))
    assert (first.refused, first.emitted) == (second.refused, second.emitted)


def test_the_fuzzer_sees_an_escape(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(data: bytes) -> None:
        raise UnicodeDecodeError("ascii", data, 0, 1, "as python-osc does")

    monkeypatch.setattr(osc_fuzz, "decode", fragile)
    assert len(osc_fuzz.run(1, inputs=10).escapes) == 10


def test_a_flood_from_elsewhere_costs_the_phone_nothing_and_every_datagram_is_counted() -> None:
    emit = RecordingEmit()
    adapter = OscMotion(OscMotion.Config(performers=1, allow=()), emit, VirtualClock())
    rng = random.Random(5)
    garbage = [GENUINE, b"", bytes(2049), b"/a\0\0", bundle(*[GENUINE] * 40), message("/x", "f", 1.0)]
    sent = 0
    for tick in range(200):  # two seconds: the phone at 100 Hz, the flood at 20 kHz from 300 addresses
        adapter.receiver.hear([(GENUINE, "10.0.0.1", S + tick * 10 * MS)])
        for i in range(200):
            source = f"10.9.9.{rng.randrange(1, 255)}" if i % 2 else "10.8.8.8"
            adapter.receiver.hear([(rng.choice(garbage), source, S + tick * 10 * MS + i * 50_000)])
        sent += 201
    receiver = adapter.receiver
    assert receiver.received == sent
    assert receiver.accepted + receiver.rejected.total() == sent
    assert sum(s.source == "10.0.0.1" for s in emit.samples) == 200
    assert {s.source for s in emit.samples} == {"10.0.0.1"}
    assert len(receiver._limiter) <= MAX_SOURCES


def test_one_flooder_gets_no_more_than_its_rate_also_in_bundles() -> None:
    emit = RecordingEmit()
    config = OscMotion.Config(rate_limit_hz=400, burst=200)
    adapter = OscMotion(config, emit, VirtualClock())
    full = bundle(*[GENUINE] * 40)
    for i in range(5_000):
        adapter.receiver.hear([(full, "10.0.0.1", S + i * MS)])
    assert 1_500 <= len(emit.samples) <= 200 + 5 * 400 + 40
