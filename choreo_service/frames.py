"""Packets become frames: features per performer, the state of each modality, the musical position.

Pure: the frame of a tick depends on the packets of that tick and of the ticks before, never on a clock or a queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from choreo_service.bodies import UNKNOWN, Mounting, Soundcheck
from choreo_service.features import BodyMotion, HeartFeatures
from choreo_service.packets import MODALITIES, STREAMS, Frame, SensorPacket, TempoPacket
from choreo_service.presence import Presence
from choreo_service.transport import Leading, Transport

_MOTION, _HEART, _BEAT, _CONTEXT = range(len(MODALITIES))
_NEUTRAL_CONTEXT = 0.5


class FrameBuilder:
    """Holds all feature state of B performers."""

    def __init__(
        self, performers: int, home_bpm: float, leading: Leading | None = None, soundcheck: Soundcheck = UNKNOWN
    ) -> None:
        self._performers, self._soundcheck = performers, soundcheck
        self._transport = Transport(home_bpm, leading)
        self._motion = [BodyMotion() for _ in range(performers)]
        self._heart = [HeartFeatures() for _ in range(performers)]
        self._presence = Presence(performers)
        self.tempo: TempoPacket | None = None  # of the tick built last
        self.reset()

    def reset(self) -> None:
        self._transport.reset()
        self._presence.reset()
        for part in (*self._motion, *self._heart):
            part.reset()
        for performer, motion in enumerate(self._motion):
            body = self._soundcheck.body(performer)
            if body is not None:
                motion.expect(body.mounting)
        self._context = np.full((self._performers, 1), _NEUTRAL_CONTEXT, dtype=np.float32)

    def build(self, k: int, dk: int, t_ns: int, packets: Sequence[SensorPacket]) -> Frame:
        """The frame of tick `k` (due `t_ns`, `dk` slots after the one before) from the packets that belong to it."""
        for packet in packets:
            self._feed(packet)
        state, age_s = self._presence.at(t_ns)
        motion = np.array([body.read(t_ns) for body in self._motion], dtype=np.float32)
        heart = np.array([pulse.read(t_ns) for pulse in self._heart], dtype=np.float32)
        self.tempo = self._transport.at(t_ns)
        place = self.tempo.beats % 1.0, self.tempo.beats // 1.0
        beat = np.array([place] * self._performers, dtype=np.float32)
        return Frame(k, dk, t_ns, motion, heart, beat, self._context.copy(), state, age_s)

    def mounting(self, performer: int) -> Mounting:
        """How the performer's motion sensor sits now."""
        return self._motion[performer].mounting()

    def state(self) -> Mapping[str, Any]:
        return {
            "transport": self._transport.state(),
            "motion": [m.state() for m in self._motion],
            "heart": [h.state() for h in self._heart],
            "context": self._context.copy(),
            "presence": self._presence.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._transport.load_state(state["transport"])
        for motion, saved in zip(self._motion, state["motion"], strict=True):
            motion.load_state(saved)
        for heart, saved in zip(self._heart, state["heart"], strict=True):
            heart.load_state(saved)
        self._context = np.array(state["context"], dtype=np.float32)
        self._presence.load_state(state["presence"])

    def _feed(self, packet: SensorPacket) -> None:
        modality, performer, valid = STREAMS[packet.stream].modality, packet.performer, True
        if modality == "motion":
            column = _MOTION
            motion = self._motion[performer]
            motion.update(packet.stream, packet.rx_ns, packet.values, packet.limb)
            if motion.beat_ns is not None and performer == self._transport.performer:
                self._transport.body_beat(motion.beat_ns)
        elif modality == "heart":
            column = _HEART
            valid = self._heart[performer].update(packet.stream, packet.rx_ns, packet.values)
        elif modality == "beat":
            column = _BEAT
            self._transport.hear(packet.stream, packet.rx_ns, packet.values)
            if packet.stream == "tempo_policy":
                return  # a wish, no sign of life of whoever sends beats
        elif modality == "context":
            column = _CONTEXT
            self._context[performer, 0] = min(1.0, max(0.0, packet.values[0]))
        else:
            return  # a wish of whoever runs the show is no feature
        if valid:
            self._presence.hear(performer, column, packet.rx_ns)
