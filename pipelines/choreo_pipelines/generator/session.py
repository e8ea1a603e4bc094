"""One synthetic session: a seed and an index in, eleven columns and the truth behind them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.generator.body import effort_of, move
from choreo_pipelines.generator.gestures import KINDS, Gesture, insert, plan
from choreo_pipelines.generator.heart import heart_rate, target_bpm
from choreo_pipelines.generator.noise import Array
from choreo_pipelines.generator.score import compose
from choreo_pipelines.generator.settings import HZ, VERSION, Performer, Settings
from choreo_service.clock import NS
from choreo_service.packets import FEATURE_COLUMNS, MODALITIES, Frame, ModalityState

PERIOD_NS: Final = NS // HZ
START_NS: Final = NS  # where a take without a clock begins; frame i is due at START_NS + (i + 1) * PERIOD_NS
CREATED: Final = "1970-01-01T00:00:00+00:00"  # the same seed gives the same bytes, so no clock may be read


@dataclass(frozen=True, slots=True, eq=False)
class Synthetic:
    """A session as it was made. No sensor sees the last two arrays; promises are checked against them."""

    settings: Settings
    seed: int
    index: int
    performer: Performer
    bpm: float
    gestures: tuple[Gesture, ...]
    features: NDArray[np.float32]  # [T, 11], FEATURE_COLUMNS
    heart_age_s: Array  # [T]
    effort: Array  # [T] 0.02..1.1
    target_bpm: Array  # [T] what the heart is heading for

    @property
    def name(self) -> str:
        return session_name(self.seed, self.index)

    def frames(self) -> Iterator[Frame]:
        """The session as frames of one performer; every modality is present."""
        widths = np.cumsum([m.width for m in MODALITIES.values()])[:-1]
        motion, heart, beat, context = np.split(self.features, widths, axis=1)
        state = np.full((1, len(MODALITIES)), ModalityState.LIVE, np.uint8)
        age_s = np.zeros((len(self.features), 1, len(MODALITIES)), np.float32)
        age_s[:, 0, list(MODALITIES).index("heart")] = self.heart_age_s
        for i in range(len(self.features)):
            row = slice(i, i + 1)
            yield Frame(
                k=i + 1,
                dk=1,
                t_ns=START_NS + (i + 1) * PERIOD_NS,
                motion=motion[row],
                heart=heart[row],
                beat=beat[row],
                context=context[row],
                state=state,
                age_s=age_s[i],
            )

    def meta(self) -> dict[str, Any]:
        """What the take's header keeps: enough to make the session again."""
        kinds = {gesture.name for gesture in self.gestures}
        hidden = sorted(kind for kind in kinds if KINDS[kind].draw is None)
        return {
            "created": CREATED,
            "source": f"m0 seed {self.seed} session {self.index}",
            "period_ns": PERIOD_NS,
            "start_ns": START_NS,
            "performers": 1,
            "notes": ["synthetic: no dancer; created is fixed so that the same seed gives the same bytes"],
            "generator": {
                "name": "m0",
                "version": VERSION,
                "seed": self.seed,
                "session": self.index,
                "settings": {**asdict(self.settings), "bpm": list(self.settings.bpm)},
            },
            "performer": asdict(self.performer),
            "bpm": self.bpm,
            "gestures": [asdict(gesture) for gesture in self.gestures],
            "gestures_without_trace": hidden,  # labelled, but no frame column can show them
        }


def session_name(seed: int, index: int) -> str:
    """The take's name."""
    return f"m0_seed{seed}_{index:03d}"


def synthesize(settings: Settings, seed: int, index: int) -> Synthetic:
    """Session `index` of `seed`: the same whatever other sessions are made, on every machine with this numpy.

    Each part draws from its own child of the seed, so that gestures or a strap change nothing but themselves.
    """
    # spawn_key is what SeedSequence(seed).spawn(n)[index] would have, without making the others.
    children = np.random.SeedSequence(seed, spawn_key=(index,)).spawn(6)
    for_performer, for_score, for_effort, for_body, for_heart, for_gestures = map(np.random.default_rng, children)
    performer = Performer.draw(for_performer, f"m0-{seed}-{index}")
    score = compose(for_score, settings.frames, settings.bpm)
    effort = effort_of(for_effort, score.level)
    gestures = plan(for_gestures, settings.frames) if settings.gestures else ()
    moved = insert(move(for_body, score, effort, performer), gestures, performer.size)
    target = target_bpm(effort, performer, settings.dead_time_s)
    hr, slope, age_s = heart_rate(for_heart, target, settings)
    columns = np.column_stack((moved, hr, slope, score.phase, score.beat_idx, score.level))
    return Synthetic(settings, seed, index, performer, score.bpm, gestures, _as_frames(columns), age_s, effort, target)


def _as_frames(columns: Array) -> NDArray[np.float32]:
    """float32, with a phase just below 1 kept below it: rounded up it would be a beat too early."""
    features = columns.astype(np.float32)
    phase = FEATURE_COLUMNS.index("beat_phase")
    features[:, phase] = np.minimum(features[:, phase], np.nextafter(np.float32(1), np.float32(0)))
    return features
