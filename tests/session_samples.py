"""Packets and steps to fill takes with, the same at every call."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from choreo_service.packets import (
    CONTROL_NAMES,
    LATENT_DIM,
    MODALITIES,
    STREAMS,
    Accent,
    Frame,
    LatentPacket,
    SensorPacket,
    Step,
    states_of,
)
from choreo_service.session import Event, SentRow

START_NS = 1_000_000_000
OF_THE_SHOW = {"tap", "midi_clock", "link", "tempo_policy", "models"}  # who leads and who plays; the rest are eleven
PERIOD_NS = 20_000_000


def some_packets(count: int, *, performers: int = 1) -> Iterator[SensorPacket]:
    """Every stream of a body and its music in turn, 10 ms apart; every third knows the device's own clock."""
    rng = np.random.default_rng(5)
    names = [name for name in STREAMS if name not in OF_THE_SHOW]
    for seq in range(count):
        stream = STREAMS[names[seq % len(names)]]
        t_ns = START_NS + seq * 10_000_000
        yield SensorPacket(
            stream=stream.name,
            performer=seq % performers,
            seq=seq,
            t_ns=t_ns,
            rx_ns=t_ns - seq % 7,
            source_ns=seq * 1000 if seq % 3 == 0 else None,
            source_id=f"osc_motion:10.0.0.{seq % 2}",
            values=tuple(rng.random(stream.width).tolist()),
        )


def some_accents(count: int) -> Iterator[Accent]:
    """One to every third packet of some_packets()."""
    for i in range(count):
        t_ns = START_NS + i * 30_000_000
        yield Accent(0, seq=i * 3, t_ns=t_ns, rx_ns=t_ns - i % 7, strength=i % 5 / 4)


def some_steps(count: int, *, performers: int = 1, latents: bool = True) -> Iterator[Step]:
    """Ticks with a skipped slot every fifth tick; the heart has never been seen."""
    rng = np.random.default_rng(6)

    def random(*shape: int) -> np.ndarray:
        return rng.random(shape, dtype=np.float32)

    k = 0
    for i in range(count):
        dk = 2 if i % 5 == 4 else 1
        k += dk
        t_ns = START_NS + k * PERIOD_NS
        age_s = np.tile(np.array([0.01, np.inf, 0.0, 1.0], np.float32), (performers, 1))
        groups = [random(performers, m.width) for m in MODALITIES.values()]
        frame = Frame(k, dk, t_ns, *groups, state=states_of(np.isfinite(age_s)), age_s=age_s)
        z, z_norm = random(performers, LATENT_DIM), random(performers, LATENT_DIM)
        latent = LatentPacket(k, t_ns, z, z_norm, random(performers), ~frame.present) if latents else None
        controls = random(performers, len(CONTROL_NAMES))
        yield Step(frame, latent, raw=controls, controls=controls, held=i % 4 == 3, mapper="rules")


def some_sent(count: int) -> Iterator[SentRow]:
    """One control after the other, by two bridges in turn."""
    rng = np.random.default_rng(7)
    for i in range(count):
        name = CONTROL_NAMES[i % len(CONTROL_NAMES)]
        yield SentRow(i, START_NS + i * PERIOD_NS, 0, ("midi", "synth")[i % 2], name, float(rng.random()))


def some_events(count: int) -> Iterator[Event]:
    """Markers and commands."""
    for i in range(count):
        marker = i % 2 == 0
        yield Event(
            START_NS + i, "marker" if marker else "command", f"Einsatz {i} \u2669", {} if marker else {"on": True}
        )
