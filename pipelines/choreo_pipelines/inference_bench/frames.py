"""The dance a benchmark plays: synthetic bodies, one per performer, with a drop-out of motion and one of the heart."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from choreo_pipelines.generator import HZ, Settings, synthesize
from choreo_service.clock import NS
from choreo_service.packets import MODALITIES, MODALITY_NAMES, Frame, states_of

SEED: Final = 7
SILENT: Final = {"motion": (0.4, 0.6), "heart": (0.5, 0.8)}  # from, to; shares of the run, together in between

_WIDTHS: Final = [m.width for m in MODALITIES.values()]
_STARTS: Final = np.cumsum([0, *_WIDTHS[:-1]])


def dance(performers: int, ticks: int) -> list[Frame]:
    """`ticks` frames of `performers` different bodies; a silent modality keeps its last value and is not present."""
    settings = Settings(minutes=max(0.5, ticks / HZ / 60.0 + 0.01), hr_mode="ble")
    bodies = [synthesize(settings, SEED, index).features[:ticks] for index in range(performers)]
    x = np.stack(bodies, axis=1)
    present = np.ones((ticks, performers, len(MODALITIES)), np.bool_)
    age_s = np.zeros((ticks, performers, len(MODALITIES)), np.float32)
    for name, (begin, end) in SILENT.items():
        _silence(name, slice(round(begin * ticks), round(end * ticks)), x, present, age_s)
    return [_frame(i, x[i], present[i], age_s[i]) for i in range(ticks)]


def _silence(name: str, span: slice, x: NDArray[Any], present: NDArray[Any], age_s: NDArray[Any]) -> None:
    modality = MODALITY_NAMES.index(name)
    columns = slice(int(_STARTS[modality]), int(_STARTS[modality]) + _WIDTHS[modality])
    x[span, :, columns] = x[max(0, span.start - 1), :, columns]
    present[span, :, modality] = False
    age_s[span, :, modality] = (np.arange(span.stop - span.start)[:, None] + 1) / HZ


def _frame(i: int, x: NDArray[np.float32], present: NDArray[np.bool_], age_s: NDArray[np.float32]) -> Frame:
    motion, heart, beat, context = np.split(x, _STARTS[1:], axis=1)
    return Frame(i + 1, 1, (i + 1) * NS // HZ, motion, heart, beat, context, states_of(present), age_s)
