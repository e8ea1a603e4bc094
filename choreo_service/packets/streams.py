"""The raw quantities sensors may emit, and one sample of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from choreo_service.packets.plain import Packet

LIMBS: Final = ("left", "right")


@dataclass(frozen=True, slots=True)
class Stream:
    """One raw quantity a sensor may emit, in SI units."""

    name: str
    modality: str  # key of MODALITIES; "" is nothing a body does but a wish of whoever runs the show
    width: int
    unit: str
    about: str


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
        Stream("models", "", 1, "fingerprint", "who plays from this tick on: Models.number, 0 for the rules"),
    )
}


@dataclass(frozen=True, slots=True)
class SensorPacket(Packet):
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
        if "@" not in self.source_id:
            return ""
        limb = self.source_id.rpartition("@")[2]
        return limb if limb in LIMBS else ""
