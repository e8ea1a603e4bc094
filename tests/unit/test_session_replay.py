from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from session_samples import some_packets, some_steps

from choreo_adapters.sensors.session_replay import SessionReplay, SessionReplayConfig
from choreo_service.clock import NS, MonotonicClock, VirtualClock, run_virtual
from choreo_service.errors import AdapterConfigError, SessionError
from choreo_service.packets import SensorPacket
from choreo_service.session import Session, write_session


class Heard:
    """An Emit that keeps what it was given, with the time it was given at."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.calls: list[tuple[int, str, tuple[float, ...], dict[str, Any]]] = []

    def __call__(self, stream: str, values: Sequence[float], **rest: Any) -> None:
        self.calls.append((self.clock.now_ns(), stream, tuple(values), rest))

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        pytest.fail(f"rejected {count} samples of {source}: {cause}")


@pytest.fixture
def take(tmp_path: Path) -> Session:
    """100 packets in 990 ms, of two performers."""
    return write_session(tmp_path / "take", packets=some_packets(100, performers=2), steps=None, meta={})


def _play(take: Session, for_s: float | None = None, **options: Any) -> tuple[SessionReplay, Heard]:
    clock = VirtualClock(start_ns=5 * NS)
    heard = Heard(clock)
    adapter = SessionReplay(SessionReplayConfig(path=take.path, **options), heard, clock)

    async def main() -> None:
        if for_s is None:
            return await adapter.run()
        async with asyncio.TaskGroup() as tasks:
            playing = tasks.create_task(adapter.run())
            await clock.sleep_until(5 * NS + round(for_s * NS))
            playing.cancel()
        return None

    run_virtual(clock, main())
    return adapter, heard


def _spacing(packets: Sequence[SensorPacket]) -> list[int]:
    return [p.rx_ns - packets[0].rx_ns for p in packets]


def test_every_packet_is_emitted_as_it_was(take: Session) -> None:
    adapter, heard = _play(take)
    recorded = list(take.packets())
    assert [(stream, values) for _, stream, values, _ in heard.calls] == [(p.stream, p.values) for p in recorded]
    rests = [rest for *_, rest in heard.calls]
    assert [r["performer"] for r in rests] == [p.performer for p in recorded]
    assert [r["source"] for r in rests] == [f"take:{p.source_id}" for p in recorded]
    assert [r["source_ns"] for r in rests] == [p.source_ns for p in recorded]
    assert adapter.health()["state"] == "ended"


def test_the_original_spacing_is_kept_and_reading_takes_no_simulated_time(take: Session) -> None:
    _, heard = _play(take)
    rx_ns = [rest["rx_ns"] for *_, rest in heard.calls]
    assert [t - 5 * NS for t in rx_ns] == _spacing(list(take.packets()))
    # Simulated timers count in float seconds: they may be a fraction of a microsecond late, never early.
    assert all(0 <= at - due < 1000 for (at, *_), due in zip(heard.calls, rx_ns, strict=True))


def test_two_runs_are_the_same(take: Session) -> None:
    assert _play(take)[1].calls == _play(take)[1].calls


def test_twice_the_speed_takes_half_the_time_and_drops_the_devices_clock(take: Session) -> None:
    _, heard = _play(take, speed=2.0)
    expected = [round(ns / 2) for ns in _spacing(list(take.packets()))]
    assert [rest["rx_ns"] - 5 * NS for *_, rest in heard.calls] == expected
    assert {rest["source_ns"] for *_, rest in heard.calls} == {None}


def test_a_loop_goes_on_one_step_after_the_last_packet(take: Session) -> None:
    adapter, heard = _play(take, for_s=2.495, loop=True)
    recorded = list(take.packets())
    round_ns = _spacing(recorded)[-1] + _spacing(recorded)[-1] // 99
    assert len(heard.calls) == 250
    assert heard.calls[100][3]["rx_ns"] == 5 * NS + round_ns
    assert [c[2] for c in heard.calls[100:200]] == [c[2] for c in heard.calls[:100]]
    assert heard.calls[102][3]["source_ns"] is None
    assert heard.calls[103][3]["source_ns"] == recorded[3].source_ns + round_ns  # a device's clock never goes back
    assert adapter.health() | {"rounds": 2, "state": "closed"} == adapter.health()


def test_the_beginning_and_other_streams_can_be_left_out(take: Session) -> None:
    _, heard = _play(take, start_s=0.5, streams=["beat", "heart_rate"])
    expected = [p for p in take.packets() if p.seq >= 50 and p.stream in ("beat", "heart_rate")]
    assert [c[2] for c in heard.calls] == [p.values for p in expected]
    assert heard.calls[0][3]["rx_ns"] == 5 * NS


def test_a_take_of_frames_is_played_too(tmp_path: Path) -> None:
    take = write_session(tmp_path / "frames", packets=None, steps=some_steps(10), meta={})
    _, heard = _play(take)
    assert {stream for _, stream, _, _ in heard.calls} == {"motion_features", "beat", "context"}


def test_a_single_packet_can_be_looped(tmp_path: Path) -> None:
    take = write_session(tmp_path / "one", packets=some_packets(1), steps=None, meta={})
    assert len(_play(take, for_s=3.5, loop=True)[1].calls) == 4


@pytest.mark.parametrize("options", [{"start_s": 60.0}, {"streams": []}])
def test_nothing_to_play_is_an_error_that_says_what_there_is(take: Session, options: dict[str, Any]) -> None:
    with pytest.raises(AdapterConfigError, match=r"it has acceleration.*in 1\.0 s"):
        _play(take, **options)


def test_a_missing_take_can_never_work(take: Session) -> None:
    with pytest.raises(AdapterConfigError, match="takes nearby"):
        _play(Session(take.path.with_name("tkae"), {}))


def test_a_take_without_packets_can_never_work(tmp_path: Path) -> None:
    take = write_session(tmp_path / "empty", packets=iter(()), steps=None, meta={})
    with pytest.raises(AdapterConfigError, match="holds no packets"):
        _play(take)


@pytest.mark.parametrize(
    "wrong", [{"speed": 0}, {"speed": "inf"}, {"start_s": -1}, {"streams": ["nope"]}, {"spede": 1}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SessionReplayConfig(**{"path": "take", **wrong})


@pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])
async def test_on_the_real_clock_the_loop_is_never_blocked(take: Session) -> None:
    """The fixture nothing_blocks fails this test when a file is read on the loop."""
    clock = MonotonicClock()
    emitted: list[str] = []

    class Count:
        def __call__(self, stream: str, values: Sequence[float], **rest: Any) -> None:
            emitted.append(stream)

        def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
            pytest.fail(cause)

    await SessionReplay(SessionReplayConfig(path=take.path, speed=1000), Count(), clock).run()
    assert len(emitted) == 100


def test_a_bad_take_ends_with_the_exit_code_of_takes(take: Session) -> None:
    for file in take.path.glob("*.parquet"):
        file.write_bytes(b"damaged")
    with pytest.raises(AdapterConfigError) as caught:
        _play(take)
    assert caught.value.exit_code == SessionError.exit_code
