"""Which colour and line means what, in every figure. Okabe and Ito's palette, told apart by colour-blind eyes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from choreo_service.packets import CONTROL_NAMES, MODALITY_NAMES

INK: Final = "#1b1b1b"  # text, axes, marks; not quite black, so that a page can exchange it in dark mode
PAPER: Final = "#ffffff"
QUIET: Final = "#808080"  # what stands beside: chance, other bodies, remarks; readable on white and on black

CONTROL_COLOURS: Final[Mapping[str, str]] = dict(
    zip(CONTROL_NAMES, ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7"), strict=True)
)
# In grey and on bad projectors the line still says which control it is.
CONTROL_LINESTYLES: Final[Mapping[str, Any]] = dict(
    zip(CONTROL_NAMES, ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2, 2, 2))), strict=True)
)
MODALITY_COLOURS: Final[Mapping[str, str]] = dict(
    zip(MODALITY_NAMES, ("#0072B2", "#D55E00", "#56B4E9", "#CCA300"), strict=True)
)
