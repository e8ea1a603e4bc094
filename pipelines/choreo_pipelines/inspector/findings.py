"""What can be checked of a take, what was found, and why the rest can't be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from choreo_pipelines.generator import Promise, check, is_synthetic, regenerate
from choreo_pipelines.generator.promises import ENOUGH_PEAKS, peaks, resultant
from choreo_pipelines.inspector.source import Features, Take
from choreo_service.errors import ConfigError


def findings(take: Take, features: Features) -> list[Promise]:
    """Undamaged, and for a take of the generator its promises; for a real one what a body's recording can tell.

    A real take promises nothing about its heart or its beat: those rows are not verdicts (kept is None).
    """
    intact = Promise("undamaged", not take.damage, "checksums and values as recorded", take.damage or "so they are")
    if not is_synthetic(take.meta):
        return [intact, *_real(take, features)]
    try:
        return [intact, *check(features.values, regenerate(take.meta))]
    except ConfigError as error:
        return [intact, Promise("generator's promises", None, "those of its seed", error.problem), _finite(features)]


def _real(take: Take, features: Features) -> Iterator[Promise]:
    yield _finite(features)
    yield Promise("reproducible", None, "what its seed gives", "a body has no seed")
    yield _moves(features)
    yield _on_the_beat(take, features)
    lag = "what this heart was heading for was not recorded" if features.there("hr") else "no heart in this take"
    yield Promise("heart's lag", None, "a time constant", lag)
    yield _context(features)


def _finite(features: Features) -> Promise:
    bad = int((~np.isfinite(features.values)).sum())
    return Promise("finite", bad == 0, "no NaN, no infinity", f"{bad} of {features.values.size} values")


def _moves(features: Features) -> Promise:
    expected = "a column that changes, for each modality that is there"
    still = [
        name
        for name in ("motion_energy", "hr")
        if features.there(name) > 0 and np.nanmax(features.column(name)) == np.nanmin(features.column(name))
    ]
    return Promise("moves", not still, expected, f"{', '.join(still)} never changes" if still else "so it is")


def _on_the_beat(take: Take, features: Features) -> Promise:
    expected = "a measure of dancing on the beat, not a duty"
    if not features.there("beat_phase") or not _given(take, "beat"):
        found = "nobody gave a beat: its phase is the service's own clock, on which this body owes nothing"
        return Promise("jerk on the beat", None, expected, found)
    both = np.isfinite(features.column("jerk")) & np.isfinite(features.column("beat_phase"))
    at = peaks(features.column("jerk")[both]) if both.any() else np.zeros(0, np.int64)
    if len(at) < ENOUGH_PEAKS:
        found = f"{len(at)} peaks of jerk beside a beat; {ENOUGH_PEAKS} or more are needed"
    else:
        found = f"R2 {resultant(features.column('beat_phase')[both][at], 2):.3f}, {len(at)} peaks"
    return Promise("jerk on the beat", None, expected, found)


def _given(take: Take, modality: str) -> bool:
    """Whether samples of it came in; a take of frames alone doesn't know, so that its presence counts."""
    return "packets" not in take.kinds or bool(take.meta["coverage"].get(modality, {}).get("samples"))


def _context(features: Features) -> Promise:
    expected = "at least two levels"
    if not features.there("context"):
        return Promise("context varies", None, expected, "no context in this take: it stays at 0.5")
    return Promise("context varies", None, expected, f"sd {np.nanstd(features.column('context')):.3f}")
