"""How the LSL inlet finds its stream, pulls from it and notices that it is gone; with a library without a network."""

from __future__ import annotations

import math

import pytest
from lsl_fakes import Chunk, FakeInfo, FakeLostError, FakeLsl

from choreo_adapters.sensors.lsl_inlet.config import Route
from choreo_adapters.sensors.lsl_inlet.listener import ANSWER_S, STEP_S
from choreo_service.errors import AdapterConfigError, AdapterLost

ONE = ([[60.0, 0.0, 0.0, 0.0]], [5.0])


def _listen(lsl: FakeLsl, **config: object) -> int:
    """Number of samples that came until the script ended."""
    listener, samples = lsl.listen(**config)
    listener.listen(lambda: lsl)
    return len(samples)


def _silence(seconds: float) -> list[Chunk | Exception | None]:
    return [None] * math.ceil(seconds / STEP_S)


def test_samples_carry_the_senders_stamp_and_our_time() -> None:
    lsl = FakeLsl(script=[ONE])
    arrived_ns = lsl.clock.now_ns()
    listener, samples = lsl.listen()
    listener.listen(lambda: lsl)
    assert [(list(s.values), s.stamp_ns, s.rx_ns) for s in samples] == [(ONE[0][0], 5_000_000_000, arrived_ns)]


@pytest.mark.parametrize("stamp", [math.nan, math.inf, -math.inf, 1e300])
def test_a_nonsense_stamp_is_no_stamp(stamp: float) -> None:
    lsl = FakeLsl(script=[(ONE[0], [stamp])])
    listener, samples = lsl.listen()
    listener.listen(lambda: lsl)
    assert [(s.stamp_ns, s.rx_ns) for s in samples] == [(None, lsl.clock.now_ns())]


def test_the_stream_is_asked_for_by_all_that_is_given() -> None:
    lsl = FakeLsl(script=[ONE])
    _listen(lsl, stream="Ann's watch", stream_type="HeartRate", source_id="7")
    assert lsl.asked == ["name=\"Ann's watch\" and type='HeartRate' and source_id='7'"]


def test_of_several_the_same_one_is_always_chosen() -> None:
    streams = [FakeInfo(host="studio"), FakeInfo(host="attic"), FakeInfo(host="cellar")]
    chosen = set()
    for order in (streams, streams[::-1]):
        lsl = FakeLsl(streams=order, script=[ONE])
        listener, _ = lsl.listen()
        listener._put = lambda _, listener=listener: chosen.add(listener.found)
        listener.listen(lambda lsl=lsl: lsl)
    assert [found.about() for found in chosen if found] == ["body on attic, 100 Hz, first of 3 that match"]


def test_a_sender_that_dies_is_lost_at_once() -> None:
    lsl = FakeLsl(script=[ONE, FakeLostError("the stream has been lost."), ONE])
    with pytest.raises(AdapterLost, match="body: the stream has been lost"):
        _listen(lsl)


def test_a_silent_sender_that_answers_is_kept() -> None:
    lsl = FakeLsl(script=[*_silence(20.0), ONE])
    assert _listen(lsl, silent_s=2.0) == 1
    assert lsl.asked[1:] == ["uid='uid-body-studio'"] * (len(lsl.asked) - 1)
    assert len(lsl.asked) > 5


def test_a_silent_sender_that_does_not_answer_is_lost() -> None:
    lsl = FakeLsl(script=_silence(20.0), answers=False)
    before_ns = lsl.clock.now_ns()
    with pytest.raises(AdapterLost, match="doesn't answer"):
        _listen(lsl, silent_s=1.0)
    assert (lsl.clock.now_ns() - before_ns) / 1e9 == pytest.approx(1.0 + ANSWER_S, abs=2 * STEP_S)


def test_a_sample_in_the_last_moment_saves_the_stream() -> None:
    lsl = FakeLsl(script=[*_silence(1.0 + ANSWER_S - STEP_S), ONE, *_silence(1.0), ONE], answers=False)
    assert _listen(lsl, silent_s=1.0) == 2


def test_a_stream_that_cannot_be_opened_is_lost() -> None:
    with pytest.raises(AdapterLost, match="can't be opened"):
        _listen(FakeLsl(opens=False))


def test_a_stop_ends_the_search() -> None:
    lsl = FakeLsl(streams=[])
    lsl.stop.set()
    assert _listen(lsl) == 0


def test_a_stop_ends_the_opening() -> None:
    lsl = FakeLsl(opens=False)
    listener, samples = lsl.listen()

    def stopped_meanwhile() -> int:
        lsl.stop.set()
        return 0

    listener._now_ns = stopped_meanwhile
    listener.listen(lambda: lsl)
    assert samples == []


@pytest.mark.parametrize(
    ("info", "says"),
    [
        (FakeInfo(text=True), "text"),
        (FakeInfo(channels=100_000), "100000 channels"),
        (FakeInfo(rate_hz=30_000.0), "30000 Hz"),
        (FakeInfo(channels=2), r"no channels \[2\]; it has 2"),
    ],
)
def test_a_stream_that_cannot_be_meant_is_refused(info: FakeInfo, says: str) -> None:
    with pytest.raises(AdapterConfigError, match=says):
        _listen(FakeLsl(streams=[info]), channels={"heart_rate": [2]})


def test_channels_are_found_by_their_labels() -> None:
    lsl = FakeLsl(streams=[FakeInfo(labels=["x", "y", "z", "bpm"])], script=[ONE])
    listener, _ = lsl.listen(channels={"heart_rate": ["bpm"], "acceleration": ["z", "y", 0]})
    routes: list[Route] = []
    listener._put = lambda _: routes.extend(listener.found.routes if listener.found else ())
    listener.listen(lambda: lsl)
    assert [(route.stream, route.channels) for route in routes] == [("heart_rate", (3,)), ("acceleration", (2, 1, 0))]


def test_an_unknown_label_is_refused_with_those_there_are() -> None:
    lsl = FakeLsl(streams=[FakeInfo(labels=["x", "y", "z", "bpm"])])
    with pytest.raises(AdapterConfigError, match=r"no channels \['pulse'\].*labels x, y, z, bpm"):
        _listen(lsl, channels={"heart_rate": ["pulse"]})


def test_a_strangers_name_is_made_short_and_printable() -> None:
    lsl = FakeLsl(streams=[FakeInfo(stream="a\x1b[31m" + "b" * 500)], script=[ONE])
    names = []
    listener, _ = lsl.listen()
    listener._put = lambda _: names.append(listener.found.name if listener.found else "")
    listener.listen(lambda: lsl)
    assert names == ["a?[31m" + "b" * 54]


@pytest.mark.parametrize(
    "lsl",
    [
        FakeLsl(script=[FakeLostError("lost")]),
        FakeLsl(script=_silence(20.0), answers=False),
        FakeLsl(opens=False),
        FakeLsl(streams=[FakeInfo(channels=0)]),
    ],
    ids=["died", "silent", "shut", "misconfigured"],
)
def test_an_error_holds_no_inlet(lsl: FakeLsl) -> None:
    """A traceback with the inlet in it would keep sockets open until the error is forgotten."""
    with pytest.raises((AdapterLost, AdapterConfigError)) as caught:
        _listen(lsl)
    assert [inlet() for inlet in lsl.inlets] == [None], caught.value
