"""A dancer without hardware: a phone on the hip, a heart strap and the music's beat, simulated and repeatable."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from choreo_service.clock import NS, Clock
from choreo_service.protocols import Emit

WAKES_PER_S: Final = 50
BACKLOG_S: Final = 0.5  # a stall longer than this is skipped, not played in a burst
LEVELS: Final = (0.15, 0.4, 0.65, 0.9)  # of the sections
SWELL_S: Final = 0.8  # how fast a body follows a new section
MOOD_S: Final = 4.0  # slow Ornstein-Uhlenbeck noise on the intensity
MOOD_SD: Final = 0.12
HEART_S: Final = 15.0  # time constant of the heart; real ones take 15-60 s
KNOTS: Final = 4  # steps of the intensity per second
HIT_WIDTH: Final = 0.06  # beats
HIT_BEATS: Final = 61  # length of the pattern of early, late and missed hits; prime, so it never falls in with the bars
GRAVITY: Final = 9.80665  # m/s^2

Array = NDArray[np.float64]


class SyntheticDancer:
    """Emits acceleration, rotation_rate, heart_rate, rr_interval, beat and context for one or more dancers.

    The values are a function of the settings and the sample's number alone; `clock` only says when they go out.
    Returns after `seconds`, otherwise dances until cancelled.
    """

    class Config(BaseModel):
        """Settings of the simulated dancers."""

        model_config = ConfigDict(extra="forbid")

        seed: int = Field(default=0, ge=0, description="same seed, same dance")
        bpm: float = Field(default=110.0, ge=40.0, le=240.0, description="tempo of the music")
        performers: int = Field(default=1, ge=1, le=64, description="how many dance, each differently")
        rate_hz: float = Field(default=100.0, ge=10.0, le=400.0, description="motion samples per second")
        heart: bool = Field(default=True, description="wear a heart strap")
        seconds: float | None = Field(default=None, gt=0.0, description="end after so long; without it never")
        dropouts: bool = Field(default=False, description="let motion and heart fall silent now and then")

    def __init__(self, config: Any, emit: Emit, clock: Clock) -> None:
        self.config = config
        self._emit = emit
        self._clock = clock

    async def run(self) -> None:
        """Wake 50 times a second on an absolute grid and emit what has become due."""
        start_ns, wake = self._clock.now_ns(), 0
        score = Score(self.config.seed, self.config.bpm)
        players = [Player(self.config, score, p, self._emit, start_ns) for p in range(self.config.performers)]
        while self.config.seconds is None or wake < self.config.seconds * WAKES_PER_S:
            for player in players:
                player.play(wake)
            wake += 1
            await self._clock.sleep_until(start_ns + wake * NS // WAKES_PER_S)
            due = (self._clock.now_ns() - start_ns) * WAKES_PER_S // NS
            if due - wake > BACKLOG_S * WAKES_PER_S:
                wake = due


class Score:
    """The music everyone hears: a steady beat, and sections of 4 or 8 bars whose level never repeats."""

    def __init__(self, seed: int, bpm: float) -> None:
        self.beats_per_s = bpm / 60.0
        self._rng = np.random.default_rng((seed, 0))
        self._starts = [0.0]  # beats
        self._levels = [float(self._rng.choice(LEVELS[1:3]))]

    def level(self, t_s: float) -> float:
        """Intensity 0..1 of the section at `t_s`."""
        beat = t_s * self.beats_per_s
        while self._starts[-1] <= beat:
            self._starts.append(self._starts[-1] + float(self._rng.choice((16.0, 32.0))))
            self._levels.append(float(self._rng.choice([v for v in LEVELS if v != self._levels[-1]])))
        return self._levels[bisect_right(self._starts, beat) - 1]


class Second(NamedTuple):
    """One second of one dancer."""

    motion: list[list[float]]  # acceleration (m/s^2) and rotation rate (rad/s), six numbers a sample
    bpm: float  # as the strap shows it
    intervals: list[float]  # s, the heart beats of this second


class Player:
    """Hands one dancer's samples to the service."""

    def __init__(self, config: SyntheticDancer.Config, score: Score, performer: int, emit: Emit, start_ns: int) -> None:
        self._config, self._score, self._performer = config, score, performer
        self._emit, self._start_ns = emit, start_ns
        self._seconds = seconds(config, score, performer)
        self._number = -1  # of the second in hand
        self._second = Second([], 0.0, [])
        self._next = 0  # sample

    def play(self, wake: int) -> None:
        """Everything due at wake number `wake`."""
        t_s, now_ns = wake / WAKES_PER_S, self._start_ns + wake * NS // WAKES_PER_S
        self._play_motion(t_s)
        beat = t_s * self._score.beats_per_s
        self._send("beat", (beat % 1.0, float(int(beat) % 4)), now_ns)
        if wake % WAKES_PER_S == 0:
            self._send("context", (self._score.level(t_s),), now_ns)
            if self._config.heart and not self._silent(t_s, every=45.0, from_s=20.0, to_s=32.0):
                self._play_heart(int(t_s), now_ns)

    def _play_motion(self, t_s: float) -> None:
        due = math.floor(t_s * self._config.rate_hz + 1e-6) + 1
        first = max(self._next, due - math.ceil(BACKLOG_S * self._config.rate_hz))
        self._next = due
        for i in range(first, due):
            at_s = i / self._config.rate_hz
            second = self._turn_to(int(at_s + 1e-9))
            if self._silent(at_s, every=20.0, from_s=12.0, to_s=15.0):
                continue
            six = second.motion[i - _first_sample(self._number, self._config.rate_hz)]
            rx_ns = self._start_ns + round(at_s * NS)
            self._send("acceleration", six[:3], rx_ns)
            self._send("rotation_rate", six[3:], rx_ns)

    def _play_heart(self, number: int, now_ns: int) -> None:
        """The strap reports once a second, with the beats since its last report."""
        second = self._turn_to(number)
        self._send("heart_rate", (second.bpm,), now_ns)
        for interval in second.intervals:
            self._send("rr_interval", (interval,), now_ns)

    def _send(self, stream: str, values: Any, rx_ns: int) -> None:
        self._emit(stream, values, performer=self._performer, source=f"dancer{self._performer + 1}", rx_ns=rx_ns)

    def _turn_to(self, number: int) -> Second:
        while self._number < number:
            self._second = next(self._seconds)
            self._number += 1
        return self._second

    def _silent(self, t_s: float, *, every: float, from_s: float, to_s: float) -> bool:
        """Whether a drop-out is on; performers drop out one after the other."""
        return self._config.dropouts and from_s <= (t_s - 7.0 * self._performer) % every < to_s


def seconds(config: SyntheticDancer.Config, score: Score, performer: int) -> Iterator[Second]:
    """The whole dance of one performer, second by second, without end."""
    rng = np.random.default_rng((config.seed, 1, performer))
    body, heart = Body(rng, config.rate_hz, score.beats_per_s), Heart(rng)
    drive, mood, number = score.level(0.0), 0.0, 0
    keep, calm = math.exp(-1.0 / KNOTS / SWELL_S), math.exp(-1.0 / KNOTS / MOOD_S)
    knots = [drive]
    while True:
        for step in range(1, KNOTS + 1):
            drive = score.level(number + step / KNOTS) * (1.0 - keep) + drive * keep
            mood = mood * calm + MOOD_SD * math.sqrt(1.0 - calm * calm) * float(rng.normal())
            knots.append(min(1.1, max(0.02, drive + mood)))
        bpm, intervals = heart.second(number, knots[-1])
        yield Second(body.second(number, knots), bpm, intervals)
        knots = [knots[-1]]
        number += 1


class Heart:
    """First-order heart rate with respiratory arrhythmia; measured hearts follow effort in 15-60 s."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._resting = float(np.clip(rng.normal(72.0, 6.0), 55.0, 90.0))
        self._gain = float(np.clip(rng.normal(80.0, 8.0), 60.0, 100.0))
        self._rate = self._resting
        self._since_beat = 0.0  # s

    def second(self, number: int, effort: float) -> tuple[float, list[float]]:
        """Integer bpm and the RR intervals (s) of one second."""
        self._rate += (self._resting + self._gain * effort - self._rate) / HEART_S
        self._since_beat += 1.0
        intervals: list[float] = []
        while True:
            breath = 0.03 * math.sin(2.0 * math.pi * 0.25 * (number + 1.0 - self._since_beat))
            interval = 60.0 / self._rate * (1.0 + breath)
            if interval > self._since_beat:
                return float(round(self._rate)), intervals
            self._since_beat -= interval
            intervals.append(round((interval + 0.004 * float(self._rng.normal())) * 1024.0) / 1024.0)


class Body:
    """A hip that bounces on every beat, in calm sections on every second, and hits at phase 0 and 0.5.

    It sways over two beats, leans slowly, and the harder it dances the more it stresses every second beat.
    """

    def __init__(self, rng: np.random.Generator, rate_hz: float, beats_per_s: float) -> None:
        self._rng, self._rate_hz, self._beats_per_s = rng, rate_hz, beats_per_s
        self._size = float(np.exp(rng.normal(0.0, 0.15)))
        self._sway = float(rng.uniform(0.9, 1.6))
        self._late = float(rng.uniform(-0.01, 0.03))  # beats
        self._worn = rng.uniform(-0.5, 0.5, 2)  # rad, roll and pitch of the phone in its pocket
        self._lean = rng.uniform(0.0, 2.0 * np.pi, 2)
        self._early = rng.normal(0.0, 0.02, (2, HIT_BEATS))  # beats
        self._hit = np.array((3.0, 1.8))[:, None] * (rng.random((2, HIT_BEATS)) > 0.08)  # m/s^2; 8 % are missed

    def second(self, number: int, knots: list[float]) -> list[list[float]]:
        """Acceleration with gravity and rotation rate in the phone's frame, for the samples of one second."""
        span = np.arange(_first_sample(number, self._rate_hz), _first_sample(number + 1, self._rate_hz))
        t = span / self._rate_hz
        effort = np.interp(t - number, np.arange(len(knots)) / KNOTS, knots)
        beat = t * self._beats_per_s - self._late
        world = self._world(beat, effort)
        roll, roll_rate = self._roll(t, beat, effort)
        swing = 2.0 * np.pi / 31.0
        pitch = self._worn[1] + 0.1 * np.sin(swing * t + self._lean[1])
        pitch_rate = 0.1 * swing * np.cos(swing * t + self._lean[1])
        sensed = _sensed(world, roll, pitch, roll_rate, pitch_rate)
        noise = self._rng.normal(0.0, 1.0, sensed.shape) * np.array((0.08,) * 3 + (0.01,) * 3)
        return (sensed + noise).tolist()  # type: ignore[no-any-return]

    def _world(self, beat: Array, effort: Array) -> Array:
        """[3, n] m/s^2 forward, sideways, up; without gravity."""
        accent = np.where(np.floor(beat + 0.25) % 4 == 0, 1.4, 1.0)
        lively = np.clip((effort - 0.22) / 0.1, 0.0, 1.0)
        bounce = 2.2 * (lively * np.cos(2.0 * np.pi * beat) + (1.0 - lively) * np.cos(np.pi * beat))
        stress = 1.0 + 0.4 * effort * np.cos(np.pi * beat)
        up = stress * (bounce + accent * (self._hits(beat, 0) + self._hits(beat - 0.5, 1)))
        side = self._sway * np.sin(np.pi * beat)
        return np.stack((0.5 * np.sin(2.0 * np.pi * beat + 1.0), side, up)) * self._size * effort

    def _hits(self, beat: Array, kind: int) -> Array:
        """Bumps on whole beats; their mean is taken away, for a hip that accelerates upward on average leaves the
        floor."""
        near = np.round(beat).astype(np.int64) % HIT_BEATS
        off = beat - np.round(beat) - self._early[kind, near]
        strength: Array = self._hit[kind, near]
        bump: Array = np.exp(-0.5 * (off / HIT_WIDTH) ** 2) - HIT_WIDTH * math.sqrt(2.0 * math.pi)
        return strength * bump

    def _roll(self, t: Array, beat: Array, effort: Array) -> tuple[Array, Array]:
        """Angle (rad) and rate (rad/s): worn, leaning slowly, tilting with the sway."""
        swing, step = 2.0 * np.pi / 23.0, np.pi * self._beats_per_s
        roll = self._worn[0] + 0.1 * np.sin(swing * t + self._lean[0]) + 0.12 * effort * np.sin(np.pi * beat)
        lean_rate = 0.1 * swing * np.cos(swing * t + self._lean[0])
        sway_rate = np.gradient(effort, t) * np.sin(np.pi * beat) + effort * step * np.cos(np.pi * beat)
        return roll, lean_rate + 0.12 * sway_rate


def _sensed(world: Array, roll: Array, pitch: Array, roll_rate: Array, pitch_rate: Array) -> Array:
    """[n, 6]: specific force and rotation rate in a frame rolled about x, then pitched about y."""
    x, y, z = world[0], world[1], world[2] + GRAVITY
    cr, sr, cp, sp = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    y, z = cr * y + sr * z, cr * z - sr * y
    x, z = cp * x - sp * z, sp * x + cp * z
    return np.stack((x, y, z, cp * roll_rate, pitch_rate, sp * roll_rate), axis=1)


def _first_sample(second: int, rate_hz: float) -> int:
    """Number of the first sample at or after the start of a second."""
    return math.ceil(second * rate_hz - 1e-6)
