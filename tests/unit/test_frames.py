"""Packets become frames: presence by the times of the table, values held, order of streams irrelevant to others."""

import numpy as np

from choreo_service.clock import MS, NS
from choreo_service.frames import FrameBuilder
from choreo_service.packets import MODALITIES, ModalityState, SensorPacket

LIVE, HELD, RECOVERING, MISSING = ModalityState
HEART = list(MODALITIES).index("heart")


def packet(stream: str, t_ns: int, *values: float, performer: int = 0) -> SensorPacket:
    return SensorPacket(stream, performer, 0, t_ns, t_ns, None, "test", values)


def test_nothing_heard_means_missing_but_musical_time_runs() -> None:
    frame = FrameBuilder(1, home_bpm=60).build(1, 1, NS, ())
    assert frame.present.tolist() == [[False, False, True, False]]
    assert np.isinf(frame.age_s).all()
    assert np.isfinite(frame.features()).all()
    assert frame.context.tolist() == [[0.5]]


def beats(builder: FrameBuilder, rates: list[float], begin_s: float = 1.0) -> list[int]:
    """A strap's rates, one a second; the state of the heart after each."""
    states = []
    for second, bpm in enumerate(rates):
        t_ns = round((begin_s + second) * NS)
        states.append(int(builder.build(1 + second, 1, t_ns, [packet("heart_rate", t_ns, bpm)]).state[0, HEART]))
    return states


def test_a_heart_is_believed_from_its_third_beat_and_goes_held_and_missing_by_the_times_of_the_table() -> None:
    builder = FrameBuilder(1, home_bpm=60)
    assert beats(builder, [80.0, 80.0, 80.0]) == [RECOVERING, RECOVERING, LIVE]
    states = []
    for seconds in (1.0, 2.4, 2.6, 7.9, 8.1):
        frame = builder.build(9, 1, round((3 + seconds) * NS), ())
        states.append(frame.state[0, HEART])
        assert frame.heart[0, 0] == 80.0
        assert frame.present[0, HEART] == (seconds < 8)
    assert states == [LIVE, LIVE, HELD, HELD, MISSING]
    assert beats(builder, [90.0, 90.0, 90.0], 20.0) == [RECOVERING, RECOVERING, LIVE]


def test_what_no_heart_can_do_is_no_sign_of_life() -> None:
    for bpm in (0.0, 29.0, 221.0, 255.0):
        builder = FrameBuilder(1, home_bpm=60)
        assert beats(builder, [bpm] * 5) == [MISSING] * 5
        assert builder.build(9, 1, 9 * NS, ()).heart.tolist() == [[0.0, 0.0]]


def test_a_rate_that_leaps_is_held_until_a_second_one_agrees() -> None:
    builder = FrameBuilder(1, home_bpm=60)
    beats(builder, [80.0, 80.0, 80.0])
    frame = builder.build(9, 1, 4 * NS, [packet("heart_rate", 4 * NS, 120.0)])
    assert frame.heart[0, 0] == 80.0
    assert frame.age_s[0, HEART] == 1.0  # the leap was not heard
    frame = builder.build(10, 1, 5 * NS, [packet("heart_rate", 5 * NS, 121.0)])
    assert frame.heart[0, 0] == 120.5
    assert frame.age_s[0, HEART] == 0.0


def test_performers_do_not_hear_each_other() -> None:
    builder = FrameBuilder(2, home_bpm=60)
    frame = builder.build(
        1, 1, NS, [packet("context", NS, 0.9, performer=1), packet("heart_rate", NS, 70, performer=1)]
    )
    assert frame.context.tolist() == [[0.5], [np.float32(0.9)]]
    assert frame.state[:, HEART].tolist() == [MISSING, RECOVERING]
    assert frame.present[:, -1].tolist() == [False, True]


def test_context_is_clamped_to_its_range() -> None:
    frame = FrameBuilder(1, 60).build(1, 1, NS, [packet("context", NS, 7.0)])
    assert frame.context.tolist() == [[1.0]]


def test_a_take_without_raw_motion_plays_its_feature_columns() -> None:
    columns = (3.0, 2.0, 50.0, 0.5, -0.5, 0.9)
    frame = FrameBuilder(1, 60).build(1, 1, NS, [packet("motion_features", NS - 5 * MS, *columns)])
    assert frame.motion.tolist() == [list(np.array(columns, dtype=np.float32))]


def test_saved_state_continues_with_the_same_bytes() -> None:
    first, second = FrameBuilder(1, 100), FrameBuilder(1, 100)
    rng = np.random.default_rng(1)

    def tick(k: int) -> list[SensorPacket]:
        t = k * 20 * MS
        return [packet("acceleration", t - 3 * MS, *rng.normal(0, 5, 3)), packet("beat", t - MS, k * 0.03 % 1, 0)]

    for k in range(1, 200):
        first.build(k, 1, k * 20 * MS, tick(k))
    second.load_state(first.state())
    for k in range(200, 300):
        packets = tick(k)
        a, b = (x.build(k, 1, k * 20 * MS, packets) for x in (first, second))
        assert a.features().tobytes() == b.features().tobytes()
        assert a.age_s.tobytes() == b.age_s.tobytes()
