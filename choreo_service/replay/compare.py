"""Where two steps differ, by field: byte for byte, or with a tolerance for what the nets computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, Final

import numpy as np

from choreo_service.packets import Accent, Frame, LatentPacket, Step

PER_FRAME: Final = tuple(f.name for f in dataclasses.fields(Frame))
PER_LATENT: Final = tuple(f.name for f in dataclasses.fields(LatentPacket))
PER_STEP: Final = ("mapper", "raw", "controls", "held")  # timings are never compared
_OF_THE_NETS: Final = frozenset(("z", "z_norm", "coherence", "raw", "controls"))


def first_difference(expected: Step, found: Step, *, nets_within: float = 0.0) -> str:
    """The first field in which two steps differ in any byte, "" when they are equal.

    What the nets computed may differ by `nets_within`: across machines they are equal only nearly.
    """
    if (expected.latent is None) != (found.latent is None):
        return f"tick {expected.frame.k}: latent: one of the two has none"
    return _first(expected, found, nets_within, (*_parts(expected, found), ("step", expected, found, PER_STEP)))


def difference_from_recorded(recorded: Step, found: Step) -> str:
    """Like `first_difference`, for the fields that the take keeps."""
    kept = PER_STEP if recorded.mapper else ("controls", "held")
    return _first(recorded, found, 0.0, (*_parts(recorded, found), ("step", recorded, found, kept)))


def accent_difference(recorded: Iterable[Accent] | None, found: Iterable[Accent]) -> str:
    """The first accent that differs; "" when they are equal, or none were recorded."""
    for was, now in zip_longest(recorded or (), found) if recorded is not None else ():
        if was != now:
            return f"accents: recorded {was}, replayed {now}"
    return ""


_Part = tuple[str, Any, Any, tuple[str, ...]]  # owner, expected, found, fields


def _parts(a: Step, b: Step) -> Iterator[_Part]:
    yield "frame", a.frame, b.frame, PER_FRAME
    if a.latent is not None and b.latent is not None:
        yield "latent", a.latent, b.latent, PER_LATENT


def _first(expected: Step, found: Step, within: float, parts: tuple[_Part, ...]) -> str:
    tolerant = _OF_THE_NETS if within else frozenset()
    for owner, a, b, names in parts:
        for name in names:
            x, y = getattr(a, name), getattr(b, name)
            if not (_near(x, y, within) if name in tolerant else _same(x, y)):
                return f"tick {expected.frame.k}: {owner}.{name}: expected {x}, found {y}"
    return ""


def _same(x: Any, y: Any) -> bool:
    return x.tobytes() == y.tobytes() if isinstance(x, np.ndarray) else bool(x == y)


def _near(x: Any, y: Any, within: float) -> bool:
    return x.shape == y.shape and bool(np.allclose(x, y, rtol=0.0, atol=within, equal_nan=True))
