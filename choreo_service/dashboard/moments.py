"""Moments worth a flash, read off the steps: a beat, a hit, a guard that had to act, another mapper."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from choreo_service.packets import CONTROL_NAMES, MODALITY_NAMES, Step

_BEAT: Final = MODALITY_NAMES.index("beat")
_FX: Final = CONTROL_NAMES.index("fx_send")  # the control that follows hits and jolts
_HIT: Final = 0.15  # of its range, risen within _HIT_TICKS
_HIT_TICKS: Final = 6
_REST_TICKS: Final = 12  # a hit rings that long before the next counts


class Moments:
    """`look` once per tick. Of the first performer; the beat is everybody's."""

    def __init__(self) -> None:
        self._phase = 0.0
        self._fx: deque[float] = deque(maxlen=_HIT_TICKS)
        self._rest = 0
        self._held = False
        self._mapper = ""

    def look(self, step: Step, *, asked: bool = False) -> Iterator[dict[str, Any]]:
        """Events of this tick, without their time. `asked`: other models were put in, of which others tell."""
        phase = float(step.frame.beat[0, 0])
        if phase < self._phase - 0.5 and step.frame.present[0, _BEAT]:
            yield {"kind": "beat", "beat": int(step.frame.beat[0, 1])}
        self._phase = phase
        yield from self._hit(float(step.controls[0, _FX]))
        if step.held != self._held:
            self._held = step.held
            text = "holding the last valid values" if step.held else "playing again"
            yield {"kind": "guard", "level": "warn" if step.held else "info", "text": text}
        if step.mapper != self._mapper:
            if self._mapper and not asked:
                yield {"kind": "mapper", "level": "warn", "text": f"{step.mapper} play now, before {self._mapper}"}
            self._mapper = step.mapper

    def _hit(self, fx: float) -> Iterator[dict[str, Any]]:
        self._fx.append(fx)
        self._rest = max(0, self._rest - 1)
        if not self._rest and fx - min(self._fx) >= _HIT:
            self._rest = _REST_TICKS
            yield {"kind": "hit", "size": round(fx - min(self._fx), 2)}
