"""When a heart is held, missing, recovering and live again: to the tick, whatever the strap does instead of beating."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pytest
from shows import PERIOD, make_service

from choreo_adapters.bridges.null import NullBridge, NullConfig
from choreo_service.clock import NS, Clock, VirtualClock, run_virtual
from choreo_service.packets import MODALITIES, MODALITY_NAMES, ModalityState, SensorPacket, Step
from choreo_service.protocols import Emit
from choreo_service.ticker import Tick

HEART: Final = MODALITIES["heart"]
COLUMN: Final = MODALITY_NAMES.index("heart")
BEATING_S: Final = 10
LATER_NS: Final = 7_000_000  # so that no sample falls on a tick
ODD: Final = (0.0, 255.0, 1e30)


class Strap:
    """One value a second: sound ones, then `instead` for `silent_s`, then sound ones again. None says nothing."""

    def __init__(self, emit: Emit, clock: Clock, instead: Sequence[float | None], silent_s: int) -> None:
        self._emit, self._clock, self._instead, self._silent_s = emit, clock, instead, silent_s
        self.valid_ns: list[int] = []

    async def run(self) -> None:
        begin_ns = self._clock.now_ns() + LATER_NS
        for second in range(BEATING_S + self._silent_s + BEATING_S):
            await self._clock.sleep_until(begin_ns + second * NS)
            lost = BEATING_S <= second < BEATING_S + self._silent_s
            value = self._instead[second % len(self._instead)] if lost else 100.0
            if value is not None:
                self._emit("heart_rate", [value])
            if not lost:
                self.valid_ns.append(self._clock.now_ns())


def changes(instead: Sequence[float | None], silent_s: int) -> tuple[list[int], list[tuple[ModalityState, int]]]:
    """(when valid samples came, [(new state, tick ns)]) of a show with such a strap."""
    clock = VirtualClock()
    straps: list[Strap] = []
    seen: list[tuple[ModalityState, int]] = []

    def strap(emit: Emit, c: Clock) -> Strap:
        straps.append(Strap(emit, c, instead, silent_s))
        return straps[0]

    def note(tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        state = ModalityState(step.frame.state[0, COLUMN])
        if not seen or seen[-1][0] is not state:
            seen.append((state, tick.due_ns))

    service = make_service(clock, {"strap": strap}, {"null": lambda wires, c: NullBridge(NullConfig(), wires, c)})
    service.listeners.append(note)
    run_virtual(clock, service.run())
    return straps[0].valid_ns, seen


@pytest.mark.parametrize(
    ("instead", "silent_s"),
    [((None,), 3), ((None,), 9), ((None,), 60), ((0.0,), 9), ((255.0,), 9), ((float("nan"), None), 3), (ODD, 9)],
)
def test_a_heart_changes_state_when_the_table_says(instead: Sequence[float | None], silent_s: int) -> None:
    valid_ns, seen = changes(instead, silent_s)
    last_ns = max(t for t in valid_ns[:BEATING_S])
    back_ns = valid_ns[BEATING_S]
    believed_ns = back_ns + (HEART.recover_samples - 1) * NS
    expected = [(ModalityState.HELD, last_ns + round(HEART.hold_after_s * NS))]
    if silent_s > HEART.missing_after_s:
        expected += [
            (ModalityState.MISSING, last_ns + round(HEART.missing_after_s * NS)),
            (ModalityState.RECOVERING, back_ns),
            (ModalityState.LIVE, believed_ns),
        ]
    else:
        expected.append((ModalityState.LIVE, back_ns))
    lost = [change for change in seen if change[1] > last_ns + PERIOD]
    assert [state for state, _ in lost] == [state for state, _ in expected]
    off_ns = [at - due for (_, at), (_, due) in zip(lost, expected, strict=True)]
    assert all(0 <= ns <= PERIOD for ns in off_ns), f"off by {[ns / 1e6 for ns in off_ns]} ms"
