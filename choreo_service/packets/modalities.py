"""The four groups of frame features, how long each may be silent, and whether it may be used just now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


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
