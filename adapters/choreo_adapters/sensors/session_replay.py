"""A take as a sensor: its packets come in by the normal door, at their original spacing, as if played live.

They are stamped anew by Ingress. Reproducing a take's controls byte for byte is another thing: `choreo replay`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from choreo_service.clock import NS, Clock, VirtualClock
from choreo_service.errors import AdapterConfigError, SessionError
from choreo_service.packets import STREAMS
from choreo_service.protocols import Emit
from choreo_service.session import PacketColumns, open_session
from choreo_service.session.columns import NO_TIME, STREAM_NAMES


class SessionReplayConfig(BaseModel):
    """Which take, and how it is played."""

    model_config = ConfigDict(extra="forbid")

    path: Path = Field(description="folder of the take")
    speed: float = Field(1.0, gt=0, le=1000, allow_inf_nan=False, description="2 plays twice as fast")
    loop: bool = Field(False, description="start again at the end, for ever")
    start_s: float = Field(0.0, ge=0, allow_inf_nan=False, description="seconds of the take to leave out")
    performer: int = Field(0, ge=0, le=63, description="who the take's first performer plays, from 0")
    streams: list[str] | None = Field(None, description="play only these streams; none named plays all")

    @field_validator("streams")
    @classmethod
    def _known_streams(cls, streams: list[str] | None) -> list[str] | None:
        if unknown := sorted(set(streams or ()) - set(STREAMS)):
            raise ValueError(f"unknown streams {unknown}; known are {list(STREAMS)}")
        return streams


class SessionReplay:
    """Plays a take once, or in a loop.

    The whole take is read before the first packet is played, so that no disk can be late during the show. It needs some
    70 bytes a packet, twice that while reading: 7 MB for 53 minutes of a 32 Hz wristband, 100 MB for an hour of a phone
    with four streams at 100 Hz.
    """

    Config: ClassVar[type[BaseModel]] = SessionReplayConfig

    def __init__(self, config: SessionReplayConfig, emit: Emit, clock: Clock) -> None:
        self._config = config
        self._emit = emit
        self._clock = clock
        self._state = "closed"
        self._position_s = self._length_s = 0.0
        self._rounds = 0

    async def run(self) -> None:
        """Play to the end and return, or loop until cancelled. AdapterConfigError when the take can't be played."""
        self._state = "reading"
        try:
            take = await self._off_the_loop()
            self._state = "playing"
            await self._play(take)
            self._state = "ended"
        finally:
            if self._state != "ended":
                self._state = "closed"

    def health(self) -> Mapping[str, Any]:
        """Where in the take the replay is; seconds of the take, not of the wall."""
        return {
            "state": self._state,
            "take": self._config.path.name,
            "position_s": round(self._position_s, 2),
            "length_s": round(self._length_s, 2),
            "rounds": self._rounds,
        }

    async def _off_the_loop(self) -> PacketColumns:
        """Read the take in a thread of our own."""
        executor = ThreadPoolExecutor(1, "session_replay")
        try:
            reading = asyncio.get_running_loop().run_in_executor(executor, _read, self._config)
            # Simulated time jumps as soon as everything waits; it must stand still here, so something is always ready.
            while isinstance(self._clock, VirtualClock) and not reading.done():  # noqa: ASYNC110
                await asyncio.sleep(0)
            return await reading
        finally:
            executor.shutdown(wait=False)

    async def _play(self, take: PacketColumns) -> None:
        offsets = take.rx_ns - take.rx_ns[0]
        span_ns = int(offsets.max())
        # One mean step after the last packet comes the first one again; a lone packet is repeated every second.
        round_ns = span_ns + (span_ns // (len(take) - 1) if len(take) > 1 and span_ns else NS)
        self._length_s = span_ns / NS
        start_ns = self._clock.now_ns()
        while True:
            await self._play_round(take, offsets.tolist(), start_ns, self._rounds * round_ns)
            self._rounds += 1
            if not self._config.loop:
                return

    async def _play_round(self, take: PacketColumns, offsets: list[int], start_ns: int, played_ns: int) -> None:
        speed = self._config.speed
        sources = [f"take:{source}" for source in take.sources]
        for i, offset_ns in enumerate(offsets):
            due_ns = start_ns + round((played_ns + offset_ns) / speed)
            if due_ns > self._clock.now_ns() or i % _BREATHE == 0:
                await self._clock.sleep_until(due_ns)
            self._position_s = offset_ns / NS
            self._emit(
                STREAM_NAMES[take.stream[i]],
                take.values_of(i),
                performer=self._config.performer + int(take.performer[i]),
                source=sources[take.source[i]],
                # When it was due: the spacing of the take is kept, our own lateness is not added to it.
                rx_ns=due_ns,
                source_ns=self._source_ns(int(take.source_ns[i]), played_ns),
            )

    def _source_ns(self, recorded_ns: int, played_ns: int) -> int | None:
        """The device's clock, running on from round to round. At another speed it would run at a rate no device has."""
        if recorded_ns == NO_TIME or self._config.speed != 1.0:
            return None
        return recorded_ns + played_ns


class _BadTake(AdapterConfigError):
    """Fatal at the start like any wrong setting, but it is the take that is wrong, and the exit code says so."""

    exit_code = SessionError.exit_code


_BREATHE: Final = 256  # packets in a row, after a stall, before others get the loop


def _read(config: SessionReplayConfig) -> PacketColumns:
    try:
        take = PacketColumns.join(open_session(config.path).packet_columns())
    except SessionError as error:
        raise _BadTake(error.problem, fix=error.fix) from error
    if not len(take):
        raise _BadTake(f"take {config.path} holds no packets", fix="choose a take with packets or frames")
    rows = take.rx_ns - take.rx_ns[0] >= round(config.start_s * NS)
    if config.streams is not None:
        rows &= np.isin(take.stream, [STREAM_NAMES.index(name) for name in config.streams])
    if not rows.any():
        raise AdapterConfigError(
            f"nothing to play in take {config.path}: it has {_described(take)}; asked for {_asked(config)}",
            fix="lower start_s, or name streams that the take has",
        )
    return take.where(rows)


def _described(take: PacketColumns) -> str:
    names = ", ".join(STREAM_NAMES[code] for code in np.unique(take.stream))
    return f"{names} in {(int(take.rx_ns.max()) - int(take.rx_ns[0])) / NS:.1f} s"


def _asked(config: SessionReplayConfig) -> str:
    return f"{', '.join(config.streams or ['every stream'])} from second {config.start_s:g} on"
