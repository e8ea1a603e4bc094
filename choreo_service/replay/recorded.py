"""Steps against those that a take keeps: whole columns of some hundred ticks at once, and one tick after the other only
where a column differs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np

from choreo_service.packets import Step
from choreo_service.replay.compare import PER_FRAME, PER_LATENT, PER_STEP, difference_from_recorded
from choreo_service.session import RecordedTick, Rows, Session, recorded_rows

AT_ONCE: Final = 256  # ticks, whose steps stay in memory until then

_Pair = tuple[RecordedTick, Step]


class Comparison:
    """The steps of a replay against a take's, which is read as the replay goes on; SessionError where it is damaged."""

    def __init__(self, session: Session) -> None:
        self.compared = 0  # ticks of which the take keeps frame and controls
        self._recorded = recorded_rows(session)
        self._next = next(self._recorded, None)
        self._waiting: list[_Pair] = []
        self._difference = ""

    def add(self, k: int, found: Step) -> None:
        """The step of tick `k`; called in the order of the ticks."""
        if self._next is None or self._next.k != k:
            return
        self.compared += 1
        if not self._difference:
            self._waiting.append((self._next, found))
            if len(self._waiting) == AT_ONCE:
                self._look()
        self._next = next(self._recorded, None)

    def difference(self) -> str:
        """The first field in which a step added so far differs in any byte from what the take keeps, "" if none."""
        self._look()
        return self._difference

    def _look(self) -> None:
        if self._waiting and not _equal(self._waiting):
            each = (difference_from_recorded(tick.step(), found) for tick, found in self._waiting)
            self._difference = next(filter(None, each), "")
        self._waiting.clear()


def _equal(pairs: Sequence[_Pair]) -> bool:
    """False where a tick differs, and where only the ticks themselves can tell: the first takes lack fields."""
    performers = len(pairs[0][1].controls)
    latents = [(a.latent, b.latent) for a, b in pairs if a.latent is not None and b.latent is not None]
    return (
        _same([(tick.frame, step.frame) for tick, step in pairs], PER_FRAME, performers)
        and (not latents or _same(latents, PER_LATENT, performers))
        and _same([(tick.controls, step) for tick, step in pairs], PER_STEP, performers)
    )


def _same(part: Sequence[tuple[Rows, Any]], names: Sequence[str], performers: int) -> bool:
    """Whether these `names` are the same in rows and objects, tick by tick."""
    if any(rows.end - rows.first != performers for rows, _ in part):
        return False
    spans = _spans([rows for rows, _ in part])
    for name in names:
        kept = np.concatenate([columns[name][first:end] for columns, first, end in spans])
        found = [getattr(each, name) for _, each in part]
        if isinstance(found[0], np.ndarray):
            same = kept.tobytes() == b"".join([values.tobytes() for values in found])
        else:
            same = kept[::performers].tolist() == found
        if not same:
            return False
    return True


def _spans(rows: Sequence[Rows]) -> list[Rows]:
    """The same rows in as few pieces as there are: one, or two where a batch of the table ends among them."""
    breaks = [i for i, (a, b) in enumerate(pairwise(rows), 1) if a.columns is not b.columns or a.end != b.first]
    return [Rows(rows[i].columns, rows[i].first, rows[j - 1].end) for i, j in pairwise((0, *breaks, len(rows)))]
