"""One word for the whole rig, three metres away: the worst of inputs, outputs, clock and models, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Level = Literal["good", "warn", "bad"]

WORDS: Final[Mapping[Level, str]] = {"good": "GOOD", "warn": "CHECK", "bad": "TROUBLE"}
_RANK: Final = ("good", "warn", "bad")
_LATE_SHARE: Final = 0.25  # of the period: p99 lateness worth a look; of a whole period it can be heard
_MINUTES_LEFT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Health:
    """The worst level with its word, and one line per reason."""

    level: Level
    word: str
    why: list[str] = field(default_factory=list)


def assess(state: Mapping[str, Any]) -> Health:
    """Judge a state message."""
    found = [
        *_latched(state),
        *_clock(state),
        *_inputs(state),
        *_peers(state),
        *_models(state),
        *_disk(state),
        *_spare(state),
    ]
    level: Level = max((one for one, _ in found), key=_RANK.index, default="good")
    why = [reason for one, reason in sorted(found, key=lambda pair: -_RANK.index(pair[0]))]
    return Health(level, "PANIC" if state.get("latched", {}).get("panic") else WORDS[level], why)


Found = Iterator[tuple[Level, str]]


def _latched(state: Mapping[str, Any]) -> Found:
    latched = state.get("latched", {})
    if latched.get("panic"):
        yield "bad", "panic is latched: all controls are at their safe values"
    if latched.get("frozen_s") is not None:
        yield "warn", f"frozen for {latched['frozen_s']:.0f} s"
    if latched.get("map"):
        yield "warn", f"only {latched['map']} is sent (map)"


def _clock(state: Mapping[str, Any]) -> Found:
    period, tick = state["period_ms"], state["recent"]
    late, work = tick["late_ms"]["p99"], tick["work_ms"]["p99"]
    if late >= period:
        yield "bad", f"the tick is {late:.0f} ms late"
    elif late >= _LATE_SHARE * period:
        yield "warn", f"the tick is up to {late:.1f} ms late"
    if work >= 0.5 * period:
        yield "warn", f"the engine takes {work:.1f} of {period:g} ms"
    if skipped := tick["skipped"]:
        yield "warn", f"{skipped} {'tick' if skipped == 1 else 'ticks'} skipped in the last 10 s"


def _inputs(state: Mapping[str, Any]) -> Found:
    for performer, modalities in enumerate(state["modalities"]):
        who = f" of performer {performer}" if len(state["modalities"]) > 1 else ""
        if modalities["motion"]["state"] == "missing":
            yield "bad", f"no motion{who}"
        elif modalities["motion"]["state"] != "live":
            yield "warn", f"motion{who} is {modalities['motion']['state']}"


def _peers(state: Mapping[str, Any]) -> Found:
    for peer in [*state["sensors"], *state["bridges"]]:
        if peer.get("supervised") == "down":
            yield "bad", f"{peer['name']} is down{': ' if peer.get('reason') else ''}{peer.get('reason', '')}"
        elif peer.get("reason"):
            yield "warn", f"{peer['name']}: {peer['reason']}"


def _models(state: Mapping[str, Any]) -> Found:
    if state["models"] and state["mapper"] != state["models"]:
        yield "warn", f"{state['mapper']} play instead of the models"


def _disk(state: Mapping[str, Any]) -> Found:
    recording = state.get("recording", {})
    if recording.get("state") == "stalled":
        yield "bad", f"the take is not being written: {recording.get('reason', '')}"
    left = recording.get("minutes_left")
    if left is not None and left < _MINUTES_LEFT:
        yield "warn", f"disk full in {left:.0f} minutes"


def _spare(state: Mapping[str, Any]) -> Found:
    """Only shows with a standby have this section."""
    spare = state.get("standby", {}).get("spare", "warm")
    if spare != "warm":
        yield "warn", f"no engine stands by: {spare}"
