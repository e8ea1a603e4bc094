"""What the performer's hands do to the controls: freeze, hold, mute, manual, map, panic, resume.

Panic stands above all, then the fader, then keeping, then the body. All verbs count for every performer. Positions are
0..1 of the wires' ranges; time is the ticks'.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from choreo_service.clock import NS
from choreo_service.commands import Command, CommandError, Freeze, Hold, Mute
from choreo_service.controller.cell import Cell, Owner
from choreo_service.controller.paths import ControlPath
from choreo_service.controller.takeover import Mode, Takeover
from choreo_service.packets import CONTROL_NAMES

MAP_S: Final = 20.0  # one sweep 0 -> 1 -> 0, after which map mode ends by itself


@dataclass(frozen=True, slots=True)
class Manners:
    """How long the hands' changes take, and how a fader takes over."""

    ease_s: float = 0.5  # back to the body
    panic_s: float = 0.3  # to the safe values
    takeover: Mode = "pick-up"


DEFAULT_MANNERS: Final = Manners()


@dataclass(frozen=True, slots=True)
class Latches:
    """What is in force, for whoever shows it."""

    panic: bool
    frozen_s: float | None  # for how long; None where nothing is frozen
    held: tuple[str, ...]
    muted: tuple[str, ...]
    manual: tuple[str, ...]  # under a fader, or waiting for it to pick up
    map: str  # the control that is swept alone, "" without
    map_left_s: float

    def in_force(self, command: Command) -> bool | None:
        """Whether what `command` turns on or off is on; None for a command that is about no such thing."""
        match command:
            case Freeze():
                return self.frozen_s is not None
            case Hold():
                return command.control in self.held
            case Mute():
                return command.control in self.muted
        return None


class Hands:
    """Cells [B][5] and the verbs that rule them."""

    def __init__(self, paths: Sequence[ControlPath], *, performers: int, manners: Manners) -> None:
        self._cells = [[_cell(path) for path in paths] for _ in range(performers)]
        self._keep_to(paths, manners)
        self._panic, self._arriving = False, False
        self._frozen_ns: int | None = None
        self._held: set[int] = set()
        self.muted: dict[int, list[float]] = {}  # control -> where each performer's receiver was left
        self._manual: set[int] = set()
        self._map: tuple[int, int] | None = None  # (performer, control)
        self._map_ns = 0
        self._idle = True  # nothing in force and nothing fading: the body's word passes as it is
        self.stale: set[int] = set()  # controls that must be sent anew, whatever throttle and threshold say

    def obey(self, paths: Sequence[ControlPath], manners: Manners, *, fade_s: float) -> None:
        """Keep to these from now on. What is held beyond the new clamps, or at an old safe value, fades to the new."""
        self._keep_to(paths, manners)
        for row in self._cells:
            for cell, path in zip(row, paths, strict=True):
                cell.obey(path.wire.position(path.wire.safe), path.clamp, round(fade_s * NS))

    def latches(self) -> Latches:
        return Latches(
            panic=self._panic,
            frozen_s=None if self._frozen_ns is None else self._frozen_ns / NS,
            held=_names(self._held),
            muted=_names(self.muted),
            manual=_names(self._manual),
            map=CONTROL_NAMES[self._map[1]] if self._map else "",
            map_left_s=MAP_S - self._map_ns / NS if self._map else 0.0,
        )

    def advance(self, dt_ns: int) -> None:
        """Let time pass; once per tick, before `step`."""
        if self._frozen_ns is not None:
            self._frozen_ns += dt_ns
        if self._map is not None:
            self._map_ns += dt_ns
            if self._map_ns >= MAP_S * NS:
                self._end_map()

    def step(self, performer: int, live: Sequence[float], dt_ns: int) -> list[float]:
        """Where the body wants the controls [5] -> where they are [5]."""
        cells = self._cells[performer]
        if self._idle:
            for cell, x in zip(cells, live, strict=True):
                cell.out = x
            return list(live)
        out = [cell.step(x, dt_ns) for cell, x in zip(cells, live, strict=True)]
        if self._map is not None and self._map[0] == performer:
            out[self._map[1]] = self._swept()
        return out

    def settle(self) -> None:
        """After every performer's `step`: note what has arrived."""
        if self._idle:
            return
        fading = any(cell.fading for row in self._cells for cell in row)
        if self._arriving and not fading:
            self._arriving = False
            self.stale.update(range(len(CONTROL_NAMES)))  # so that the safe value arrives exactly
        owned = any(cell.owner != "body" or cell.takeover for row in self._cells for cell in row)
        self._idle = not (fading or owned or self._panic or self._map)

    def silent(self, performer: int) -> Collection[int]:
        """The controls for which nothing may be sent now."""
        if self._map is not None:
            return [control for control in range(len(CONTROL_NAMES)) if self._map != (performer, control)]
        return () if self._panic else self.muted

    def freeze(self, on: bool | None) -> None:
        self._begin()
        on = self._frozen_ns is None if on is None else on
        self._frozen_ns = (self._frozen_ns or 0) if on else None
        self._own()

    def hold(self, control: int, on: bool | None) -> None:
        self._begin()
        _switch(self._held, control, on)
        self._own()

    def mute(self, control: int, on: bool | None) -> None:
        self._begin()
        on = control not in self.muted if on is None else on
        if on:
            self.muted.setdefault(control, [row[control].out for row in self._cells])
        elif self.muted.pop(control, None) is not None:
            self.stale.add(control)

    def manual(self, control: int, position: float | None) -> None:
        """The fader of `control` is at `position`; None gives the control back."""
        self._begin()
        if position is None:
            self._release(control)
        else:
            self._manual.add(control)
            low, high = self._clamps[control]
            for row in self._cells:
                cell = row[control]
                cell.takeover = cell.takeover or Takeover(self._takeover)
                cell.takeover.move(min(high, max(low, position)), cell.out)
        self._own()

    def map(self, control: int | None, performer: int = 0) -> None:
        """Sweep one control of one performer alone; None ends it, and everybody is sent everything."""
        if control is None:
            self._end_map()
            return
        if performer >= len(self._cells):
            raise CommandError(f"no performer {performer}", fix=f"0 to {len(self._cells) - 1}")
        self._begin()
        self._map, self._map_ns = (performer, control), 0
        self._idle = False

    def panic(self) -> bool:
        """Ramp to the safe values and stay there; True where that was so already."""
        if self._panic:
            return True
        self._end_map()
        self._panic = self._arriving = True
        self._own()
        for control, left_at in self.muted.items():
            for row, position in zip(self._cells, left_at, strict=True):
                row[control].fade_from(position, self._panic_ns)
        return False

    def jump_safe(self) -> None:
        """Be at the safe values now, and stay there."""
        self._end_map()
        self._panic, self._arriving = True, False
        for row in self._cells:
            for cell in row:
                cell.jump_safe()

    def leave(self) -> None:
        """The show ends: nothing is swept or silent any more."""
        self._end_map()
        self.muted = {}

    def resume(self) -> None:
        """Leave everything that is in force, easing back to the body."""
        self._end_map()
        muted, was_panic = self.muted, self._panic
        self.muted, self._panic, self._arriving = {}, False, False
        self._frozen_ns, self._held = None, set()
        for control in list(self._manual):
            self._release(control)
        self._own()
        for control, left_at in muted.items() if not was_panic else ():
            for row, position in zip(self._cells, left_at, strict=True):
                row[control].fade_from(position, self._ease_ns)
        self._idle = False

    def _keep_to(self, paths: Sequence[ControlPath], manners: Manners) -> None:
        self._clamps = [path.clamp for path in paths]
        self._ease_ns, self._panic_ns = round(manners.ease_s * NS), round(manners.panic_s * NS)
        self._takeover = manners.takeover

    def state(self) -> Mapping[str, Any]:
        """What is in force and where every control is."""
        return {
            "panic": self._panic,
            "arriving": self._arriving,
            "frozen_ns": self._frozen_ns,
            "held": sorted(self._held),
            "muted": {control: list(left_at) for control, left_at in self.muted.items()},
            "manual": sorted(self._manual),
            "map": self._map,
            "map_ns": self._map_ns,
            "cells": [[cell.state() for cell in row] for row in self._cells],
        }

    def load_state(self, state: Mapping[str, Any], fade_ns: int) -> None:
        """Go on from there: what was in force is, and every control walks from where it was in `fade_ns`; those of a
        performer who wasn't there from neutral."""
        for row, left in zip(self._cells, state["cells"], strict=False):
            for cell, it in zip(row, left, strict=True):
                cell.load_state(it, self._takeover, fade_ns)
        self._panic, self._arriving, self._frozen_ns = state["panic"], state["arriving"], state["frozen_ns"]
        self._held, self._manual = set(state["held"]), set(state["manual"])
        self.muted = {
            control: [*left_at, *(row[control].out for row in self._cells[len(left_at) :])][: len(self._cells)]
            for control, left_at in state["muted"].items()
        }
        swept = state["map"]
        self._map = None if swept is None or swept[0] >= len(self._cells) else (swept[0], swept[1])
        self._map_ns = state["map_ns"]
        self._own()

    def _own(self) -> None:
        """Tell every cell whose word counts now."""
        for row in self._cells:
            for control, cell in enumerate(row):
                owner = self._owner(control, cell)
                cell.give(owner, self._panic_ns if owner == "safe" else self._ease_ns)
        self._idle = False

    def _owner(self, control: int, cell: Cell) -> Owner:
        if self._panic:
            return "safe"
        if cell.takeover is not None and cell.takeover.value is not None:
            return "fader"
        return "kept" if self._frozen_ns is not None or control in self._held else "body"

    def _release(self, control: int) -> None:
        self._manual.discard(control)
        for row in self._cells:
            row[control].takeover = None

    def _swept(self) -> float:
        """A triangle over what may ever be sent of the control."""
        low, high = self._clamps[self._map[1]] if self._map else (0.0, 1.0)
        turn = min(1.0, self._map_ns / (MAP_S * NS))
        return low + (high - low) * (1.0 - abs(2.0 * turn - 1.0))

    def _begin(self) -> None:
        """Before any verb but panic and resume: refused while panic is latched; the next key ends a sweep."""
        if self._panic:
            raise CommandError("panic is latched", fix="resume first")
        self._end_map()

    def _end_map(self) -> None:
        if self._map is None:
            return
        swept = self._cells[self._map[0]][self._map[1]]
        swept.out = self._swept()
        swept.fade_from(swept.out, self._ease_ns)
        self.stale.update(range(len(CONTROL_NAMES)))
        self._map, self._map_ns = None, 0


def _cell(path: ControlPath) -> Cell:
    return Cell(path.wire.position(path.wire.neutral), path.wire.position(path.wire.safe))


def _switch(chosen: set[int], control: int, on: bool | None) -> None:
    if on or (on is None and control not in chosen):
        chosen.add(control)
    else:
        chosen.discard(control)


def _names(controls: Sequence[int] | set[int] | dict[int, list[float]]) -> tuple[str, ...]:
    return tuple(CONTROL_NAMES[control] for control in sorted(controls))
