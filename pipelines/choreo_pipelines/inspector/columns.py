"""The table: for each of the eleven columns its range, what is missing and what stands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from choreo_pipelines.inspector.source import Features
from choreo_service.packets import MODALITIES

FAR: Final = 6.0  # robust standard deviations from the median; a Gaussian never gets there
_MAD_TO_SD: Final = 1.4826
_IQR_PER_SD: Final = 1.349


@dataclass(frozen=True, slots=True)
class ColumnReport:
    """One column. Shares are 0..1; the three values are None where no finite value is present."""

    name: str
    unit: str
    minimum: float | None
    median: float | None
    maximum: float | None
    nan_share: float  # of all frames, infinities included
    outlier_share: float | None  # of the present finite values; None where half of them are equal
    present_share: float


def report_columns(features: Features) -> list[ColumnReport]:
    """In the order of FEATURE_COLUMNS. Range and outliers count only what was present: held values say nothing."""
    names = [(c, u) for m in MODALITIES.values() for c, u in zip(m.columns, m.units, strict=True)]
    return [_report(features, i, name, unit) for i, (name, unit) in enumerate(names)]


def _report(features: Features, i: int, name: str, unit: str) -> ColumnReport:
    values, present = features.values[:, i].astype(np.float64), features.present[:, i]
    finite = np.isfinite(values)
    shown = values[finite & present]
    nan_share, present_share = float((~finite).mean()), float(present.mean())
    if not shown.size:
        return ColumnReport(name, unit, None, None, None, nan_share, None, present_share)
    median = float(np.median(shown))
    low, high = np.quantile(shown, (0.25, 0.75))
    # A column with two homes has a small deviation from the median, which lies in one of them; the quartiles see both.
    spread = max(_MAD_TO_SD * float(np.median(np.abs(shown - median))), float(high - low) / _IQR_PER_SD)
    outliers = float((np.abs(shown - median) > FAR * spread).mean()) if spread > 0 else None
    return ColumnReport(name, unit, float(shown.min()), median, float(shown.max()), nan_share, outliers, present_share)
