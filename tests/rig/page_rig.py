"""The real service between a page, a controller, a MIDI synthesiser and an OSC receiver; asked for states alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from choreo_service.packets import CONTROL_NAMES
from rig.midi_sink import MidiSink
from rig.midi_source import MidiSource
from rig.osc_ear import OscEar
from rig.process import wait_until
from rig.real_show import RealShow

CC: Final = {name: 20 + number for number, name in enumerate(CONTROL_NAMES)}
KNOB: Final = 16  # a CC of the controller that is learnt
PATIENCE_S: Final = 30.0  # for what normally takes a tick


class PageRig:
    """The show, its two receivers, a controller and the page; `mark` and `since` count what arrives."""

    def __init__(self, show: RealShow, sink: MidiSink, ear: OscEar, knobs: MidiSource) -> None:
        self.show, self.sink, self.ear, self.knobs = show, sink, ear, knobs
        self.page: Any = None
        self._marks: dict[str, tuple[int, int]] = {}

    def osc(self, control: str) -> list[float]:
        return [float(value) for value in self.ear.values(f"/choreo/{control}")[:, 1]]

    def midi(self, control: str) -> list[int]:
        return [e[2] for e in self.sink.state().events if e[:2] == (0xB0, CC[control])]

    def mark(self) -> None:
        self._marks = {name: (len(self.osc(name)), len(self.midi(name))) for name in CONTROL_NAMES}

    def since(self, control: str) -> tuple[list[float], list[int]]:
        """What both receivers got of a control since `mark`."""
        osc, midi = self._marks[control]
        return self.osc(control)[osc:], self.midi(control)[midi:]

    def until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, what, timeout_s=PATIENCE_S)

    def arrives(self, control: str, count: int = 1) -> None:
        """More of this control comes to both."""
        self.until(lambda: min(map(len, self.since(control))) >= count, f"{count} more of {control}")

    def holds(self, control: str, position: float) -> None:
        """Both receivers have it there."""
        wire = self.show.loaded.control_map.wires()[control]
        value = wire.lo + position * (wire.hi - wire.lo)
        there = lambda: (  # noqa: E731 - read where it is waited for
            math.isclose(self.ear.latest(f"/choreo/{control}"), value, abs_tol=1e-6)
            and abs(self.sink.state().cc.get((1, CC[control]), -9) - 127 * position) < 1
        )
        self.until(there, f"{control} at {position}")

    def teach(self) -> None:
        """The knob is moved until it is learnt; JACK may lose what comes too early."""

        def learnt() -> bool:
            self.knobs.cc(KNOB, 0)
            return bool(self.learnt()["bindings"])

        wait_until(learnt, "the knob is learnt", timeout_s=PATIENCE_S, every_s=0.2)

    def turn(self, value: int) -> None:
        """The learnt knob stands at `value`, and so does tension at both; JACK may lose what comes too early."""

        def there() -> bool:
            self.knobs.cc(KNOB, value)
            osc, midi = self.ear.latest("/choreo/tension"), self.sink.state().cc.get((1, CC["tension"]))
            return math.isclose(osc, value / 127, abs_tol=1e-6) and midi == value

        wait_until(there, f"tension at {value} of 127", timeout_s=PATIENCE_S, every_s=0.2)

    def answered(self, label: str) -> None:
        self.page.locator(".toast", has_text=f"{label} ✓").first.wait_for()
        self.page.evaluate("document.querySelectorAll('.toast').forEach((note) => note.remove())")

    def learnt(self) -> dict[str, Any]:
        return dict(self.show.service.facts["learnt"]())

    def latched(self) -> dict[str, Any]:
        return dict(self.show.service.facts["latched"]())
