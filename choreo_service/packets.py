"""What flows through the service, and the three tables that name it.

`STREAMS` lists the raw quantities sensors may emit, `MODALITIES` the four groups of frame features they become,
`CONTROLS` the five controls that come out. These tables are the only places where names, widths, rates, ranges and
safe values stand.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final, Self, get_type_hints

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
StateArray = NDArray[np.uint8]

SCHEMA_VERSION: Final = 1
LATENT_DIM: Final = 104
LIMBS: Final = ("left", "right")


@dataclass(frozen=True, slots=True)
class Modality:
    """One group of frame features and how long it may be silent."""

    name: str
    columns: tuple[str, ...]  # feature names, in frame order
    units: tuple[str, ...]  # one per column
    expected_hz: float  # samples per second of a healthy source
    hold_after_s: float  # silence after which the last value is called held
    missing_after_s: float  # silence after which the modality is masked
    recover_samples: int  # valid samples after which a missing modality is believed again ...
    recover_within_s: float  # ... if they come within this time
    fade_s: float  # of the hand-over to the reconstruction and back
    latent: slice  # its columns of the 104-dim latent
    free_running: bool = False  # goes on by a clock of our own: what is held stays true, and it is never missing

    @property
    def width(self) -> int:
        return len(self.columns)


@dataclass(frozen=True, slots=True)
class Stream:
    """One raw quantity a sensor may emit, in SI units."""

    name: str
    modality: str  # key of MODALITIES; "" is nothing a body does but a wish of whoever runs the show
    width: int
    unit: str
    about: str


@dataclass(frozen=True, slots=True)
class Control:
    """One output control as the engine knows it: a position between `lo` and `hi`."""

    name: str
    lo: float
    hi: float
    neutral: float  # eased to at exit, and where the dancer's influence is nil
    safe: float  # where panic goes
    smooth_s: float  # time constant of the guard's smoothing; part of the latency budget
    rate_per_s: float  # largest change per second the guard lets through


class ModalityState(IntEnum):
    """Whether a modality of a performer may be used; presence.py decides it. Up to HELD it is present."""

    LIVE = 0  # valid samples arrive
    HELD = 1  # none for hold_after_s: the last valid value stands
    RECOVERING = 2  # samples arrive again, but too few yet to be believed: still masked
    MISSING = 3  # none for missing_after_s, or never any: masked, M1 tells it from the others


# Motion: a phone that sends five times a second is slow, not broken, so five samples may take a second; at 100 Hz they
# take 50 ms. A hand-over of 0.4 s asks fx_send, the liveliest control, for 0.8 of a rate-limit step in a tick at most,
# one of 0.25 s for 1.2. Heart: beats come once a second. Context: one touch of a fader is all there is to wait for.
MODALITIES: Final[Mapping[str, Modality]] = {
    m.name: m
    for m in (
        Modality(
            "motion",
            ("motion_energy", "motion_freq", "jerk", "hip_sway", "hip_bounce", "symmetry"),
            ("m/s^2", "Hz", "m/s^3", "m/s^2", "m/s^2", "0..1"),
            expected_hz=100.0,
            hold_after_s=0.1,
            missing_after_s=0.3,
            recover_samples=5,
            recover_within_s=1.0,
            fade_s=0.4,
            latent=slice(0, 64),
        ),
        Modality(
            "heart",
            ("hr", "hr_slope"),
            ("bpm", "bpm/s"),
            expected_hz=1.0,
            hold_after_s=2.5,
            missing_after_s=8.0,
            recover_samples=3,
            recover_within_s=5.0,
            fade_s=2.0,
            latent=slice(64, 80),
        ),
        Modality(
            "beat",
            ("beat_phase", "beat_idx"),
            ("cycles", "beat in bar"),
            expected_hz=50.0,
            hold_after_s=0.5,
            missing_after_s=4.0,
            recover_samples=1,
            recover_within_s=1.0,
            fade_s=0.4,
            latent=slice(80, 96),
            free_running=True,
        ),
        Modality(
            "context",
            ("context",),
            ("0..1",),
            expected_hz=1.0,
            hold_after_s=30.0,
            missing_after_s=600.0,
            recover_samples=1,
            recover_within_s=1.0,
            fade_s=0.4,
            latent=slice(96, 104),
        ),
    )
}
MODALITY_NAMES: Final = tuple(MODALITIES)
FEATURE_COLUMNS: Final = tuple(c for m in MODALITIES.values() for c in m.columns)

STREAMS: Final[Mapping[str, Stream]] = {
    s.name: s
    for s in (
        Stream("acceleration", "motion", 3, "m/s^2", "specific force, gravity included (Android: accelerometer)"),
        Stream("linear_acceleration", "motion", 3, "m/s^2", "gravity removed by the device (iOS: userAcceleration)"),
        Stream("gravity", "motion", 3, "m/s^2", "gravity vector in the device's frame"),
        Stream("rotation_rate", "motion", 3, "rad/s", "gyroscope"),
        Stream(
            "motion_features", "motion", 6, "see MODALITIES", "the six motion columns, from a take without raw motion"
        ),
        Stream("heart_rate", "heart", 1, "bpm", "heart rate as the strap averages it"),
        Stream("rr_interval", "heart", 1, "s", "time between two heart beats, one packet per beat"),
        Stream("heart_features", "heart", 2, "bpm, bpm/s", "hr and hr_slope, from a take without raw heart data"),
        Stream("beat", "beat", 2, "cycles, beat in bar", "musical position: phase 0..1 and integer beat in the bar"),
        Stream("tap", "beat", 1, "beats", "somebody tapped a beat; 1"),
        Stream("midi_clock", "beat", 2, "byte, sixteenths", "MIDI clock, start, continue, stop; or a song position"),
        Stream("link", "beat", 2, "beats, bpm", "position and tempo of an Ableton Link session"),
        Stream("tempo_policy", "beat", 1, "index", "who leads the tempo from the next bar on, by place in LEADERS"),
        Stream("context", "context", 1, "0..1", "slow intensity of the section"),
        Stream("recalibrate", "", 1, "s", "learn the performer anew, cross-fading for so long from what was known"),
    )
}

CONTROLS: Final[Mapping[str, Control]] = {
    c.name: c
    for c in (
        Control("tempo_scale", 0.0, 1.0, neutral=0.5, safe=0.5, smooth_s=0.25, rate_per_s=1.0),
        Control("density", 0.0, 1.0, neutral=0.3, safe=0.2, smooth_s=0.03, rate_per_s=4.0),
        Control("tension", 0.0, 1.0, neutral=0.5, safe=0.3, smooth_s=0.25, rate_per_s=1.0),
        Control("brightness", 0.0, 1.0, neutral=0.5, safe=0.4, smooth_s=0.10, rate_per_s=2.0),
        Control("fx_send", 0.0, 1.0, neutral=0.2, safe=0.0, smooth_s=0.03, rate_per_s=4.0),
    )
}
CONTROL_NAMES: Final = tuple(CONTROLS)

LEADERS: Final = ("self", "body", "music", "shared")
"""Who may lead the tempo: our own clock, a body, another program, or body and home tempo together."""


@dataclass(frozen=True, slots=True)
class SensorPacket:
    """One raw sample of one stream, as accepted by Ingress."""

    stream: str  # key of STREAMS
    performer: int  # row of the frame, 0..B-1
    seq: int  # per service, counts accepted packets
    t_ns: int  # ns, the one stamp, put by Ingress; alone decides the tick
    rx_ns: int  # ns, same clock, at most t_ns: when it was measured or received, as far as known; time axis of features
    source_ns: int | None  # ns, the device's own clock; never compared with t_ns directly
    source_id: str  # who sent it: adapter name plus peer, and the limb that wears it: "phone:192.0.2.20@left"
    values: tuple[float, ...]  # SI units of the stream

    @property
    def modality(self) -> str:
        return STREAMS[self.stream].modality

    @property
    def limb(self) -> str:
        """Key of LIMBS for a sensor worn on that side, "" for one that stands for the whole body.

        It travels in `source_id`, as the adapter assigned it, so that takes keep it and replay needs nothing else.
        """
        _, worn, limb = self.source_id.rpartition("@")
        return limb if worn and limb in LIMBS else ""

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**{**_checked(cls, data), "values": tuple(float(v) for v in data["values"])})


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """All features of one tick for B performers. A modality that is not present keeps its last value."""

    k: int  # tick number on the grid
    dk: int  # slots since the previous tick; > 1 after a skip
    t_ns: int  # ns, due time of the tick
    motion: FloatArray  # [B, 6]
    heart: FloatArray  # [B, 2]
    beat: FloatArray  # [B, 2]
    context: FloatArray  # [B, 1]
    state: StateArray  # [B, 4] ModalityState, in MODALITIES order
    age_s: FloatArray  # [B, 4] s since the last valid sample, inf if never

    @property
    def performers(self) -> int:
        return int(self.motion.shape[0])

    @property
    def present(self) -> BoolArray:
        """[B, 4] the value may be used: live or held."""
        return self.state < _RECOVERING

    @property
    def live(self) -> BoolArray:
        """[B, 4] the value is of now: not held, except of a clock of our own."""
        return self.state <= _OF_NOW

    def features(self) -> FloatArray:
        """The eleven columns of FEATURE_COLUMNS, [B, 11]."""
        return np.concatenate((self.motion, self.heart, self.beat, self.context), axis=1)

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_arrays(cls, data))


_RECOVERING: Final = np.uint8(ModalityState.RECOVERING)
_OF_NOW: Final = np.array(
    [ModalityState.HELD if m.free_running else ModalityState.LIVE for m in MODALITIES.values()], dtype=np.uint8
)


def states_of(present: BoolArray) -> StateArray:
    """States where presence is all that is known: LIVE or MISSING."""
    return np.where(present, np.uint8(ModalityState.LIVE), np.uint8(ModalityState.MISSING))


@dataclass(frozen=True, slots=True, eq=False)
class Latent:
    """What M1 gives for one frame."""

    z: FloatArray  # [B, 104]
    coherence: FloatArray  # [B], 0..1
    filled: BoolArray  # [B, 4]


@dataclass(frozen=True, slots=True, eq=False)
class LatentPacket:
    """The coherent latent of one tick."""

    k: int
    t_ns: int  # ns, due time of the tick
    z: FloatArray  # [B, 104]
    z_norm: FloatArray  # [B, 104], after M2
    coherence: FloatArray  # [B], 0..1
    filled: BoolArray  # [B, 4], modality reconstructed from the others

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_arrays(cls, data))


@dataclass(frozen=True, slots=True)
class ControlPacket:
    """The five controls of one performer as they go to the bridges, in the ranges of the control map."""

    k: int
    t_ns: int  # ns, due time of the tick
    performer: int
    tempo_scale: float
    density: float
    tension: float
    brightness: float
    fx_send: float
    held: bool = False  # True while a fault makes the engine repeat its last valid output

    @classmethod
    def of(cls, k: int, t_ns: int, performer: int, values: Iterable[float], *, held: bool = False) -> Self:
        """A packet from five values in the order of CONTROLS; ValueError when there are more or fewer."""
        named = dict(zip(CONTROL_NAMES, values, strict=True))
        return cls(k=k, t_ns=t_ns, performer=performer, held=held, **named)

    def value(self, name: str) -> float:
        """The control called `name`, a key of CONTROLS."""
        return float(getattr(self, name))

    def as_tuple(self) -> tuple[float, ...]:
        return (self.tempo_scale, self.density, self.tension, self.brightness, self.fx_send)

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_checked(cls, data))


@dataclass(frozen=True, slots=True)
class TempoPacket:
    """Musical time at one tick."""

    t_ns: int  # ns, due time of the tick
    bpm: float  # the speed it moves at, corrections of the phase included
    beats: float  # position in the bar, 0..4
    leader: str  # one of LEADERS
    wanted: str  # who leads from the next bar on
    source: str  # what is followed: own, tap, beat, midi_clock, link, body
    scale: float | None  # 0..1, the position of tempo_scale that is this tempo; None unless the body leads

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_checked(cls, data))


@dataclass(frozen=True, slots=True)
class Accent:
    """A hit, jolt or stamp of one performer, as one packet showed it."""

    performer: int  # row of the frame, 0..B-1
    seq: int  # of the packet that showed it
    t_ns: int  # ns, stamp of that packet
    rx_ns: int  # ns, its kernel receive time where known, else t_ns
    strength: float  # 0..1

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(**_checked(cls, data))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Everything one tick produced. `timings_ns` is the one field excluded from replay comparison."""

    frame: Frame
    latent: LatentPacket | None  # None while the rule mapper plays
    raw: FloatArray  # [B, 5] positions 0..1 as the mapper gave them
    controls: FloatArray  # [B, 5] positions 0..1 after the guards
    held: bool  # the mapper failed this tick and the last valid output was repeated
    mapper: str  # which mapper played: "rules" or the model's name
    tempo: TempoPacket | None = None  # None where only frames are known
    timings_ns: Mapping[str, int] = field(default_factory=dict)  # ns per section: frame, models, guards

    def to_dict(self) -> dict[str, Any]:
        return _to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        latent, tempo = data.get("latent"), data.get("tempo")
        nested = {
            "tempo": None if tempo is None else TempoPacket.from_dict(tempo),
            "frame": Frame.from_dict(data["frame"]),
            "latent": None if latent is None else LatentPacket.from_dict(latent),
        }
        return cls(**{**_arrays(cls, data), **nested})


def _to_dict(packet: Any) -> dict[str, Any]:
    """Plain JSON types; NaN and infinity become None, which JSON can carry."""
    return {f.name: _plain(getattr(packet, f.name)) for f in dataclasses.fields(packet)}


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _to_dict(value)
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _checked(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping's values for the fields of `cls`; ValueError names unknown and missing keys."""
    fields = {f.name: f for f in dataclasses.fields(cls)}
    unknown = sorted(set(data) - set(fields))
    required = {
        n for n, f in fields.items() if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    }
    missing = sorted(required - set(data))
    if unknown or missing:
        raise ValueError(f"{cls.__name__}: unknown keys {unknown}, missing keys {missing}; expected {sorted(fields)}")
    return dict(data)


def _arrays(cls: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """Like _checked, with lists turned into the arrays the annotations name (None inside a list becomes NaN)."""
    hints = get_type_hints(cls)
    out = _checked(cls, data)
    for name, value in out.items():
        if hints[name] == FloatArray:
            out[name] = np.array(value, dtype=np.float32)
        elif hints[name] == BoolArray:
            out[name] = np.array(value, dtype=np.bool_)
        elif hints[name] == StateArray:
            out[name] = np.array(value, dtype=np.uint8)
    return out
