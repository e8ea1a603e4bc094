"""What is written on the screen, as text with colours: a level is always a word and a sign as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from choreo_service.cli.top.link import Link

COLOURS: Final = ("#2f95d6", "#d55e00", "#009e73", "#e69f00", "#cc79a7")  # of the controls, as in the page
_LEVELS: Final = {
    "good": ("●", "black on #3ddc97"),
    "warn": ("▲", "black on #ffc24b"),
    "bad": ("■", "black on #ff7b72"),
}
_SIGNS: Final = {"live": "●", "held": "◐", "recovering": "◐", "missing": "○"}
_BLOCKS: Final = " ▏▎▍▌▋▊▉█"
_NAME, _VALUE = 13, 8  # columns
_MARKS_WIDTH: Final = 20


def word(link: Link) -> Text:
    """The health word, of which show, and its reasons; or that there is no connection."""
    if not link.up:
        return Text(
            f" ■ NO LINK  {link.refused or f'{link.address.base} does not answer; trying again'} ", "black on #ff7b72"
        )
    health = link.state.get("health", {"level": "warn", "word": "…", "why": []})
    sign, style = _LEVELS[health["level"]]
    look_only = "" if link.hello.get("may_steer") else "  (view only: --pin)"
    text = Text(f" {sign} {health['word']} ", style).append(look_only, "default")
    text.append(f"  {link.hello.get('name', '')} at {link.address.base}", "dim default")
    return text.append("".join(f"\n  {reason}" for reason in health["why"][:4]), "default on default")


def meters(link: Link, chosen: int, width: int) -> Text:
    """One line a control: name, value, bar, what is in force."""
    lines = [_meter(link, i, spec, chosen == i, width) for i, spec in enumerate(link.hello.get("controls", ()))]
    return Text("\n").join(lines)


def lights(link: Link) -> Text:
    """One sign and word for each modality of the performer."""
    performers: Sequence[Mapping[str, Any]] = link.state.get("modalities", ())
    if link.performer >= len(performers):
        return Text(f"no performer {link.performer} in this show" if performers else "")
    found = performers[link.performer].items()
    parts = [f"{_SIGNS.get(m['state'], '○')} {name} {m['state']} {m['hz']:.0f}/s" for name, m in found]
    return Text("   ".join(parts))


def facts(link: Link) -> Text:
    """The clock, the latency, who plays, and the recording."""
    if not link.state:
        return Text("")
    return Text("\n".join(_facts(link.state)))


def _meter(link: Link, index: int, spec: Mapping[str, Any], chosen: bool, width: int) -> Text:
    low, high = spec["lo"], spec["hi"]
    value = link.controls[index] if index < len(link.controls) else low
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    room = max(8, width - _NAME - _VALUE - _MARKS_WIDTH - 4)
    line = Text(f"{'▸' if chosen else ' '}{spec['name']:{_NAME}}", "bold" if chosen else "")
    line.append(f"{value:{_VALUE}.2f} ").append(_bar(share, room), COLOURS[index % len(COLOURS)])
    return line.append(" " + " ".join(_in_force(link.state.get("latched", {}), spec["name"])))


def _bar(share: float, room: int) -> str:
    eighths = round(share * room * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_BLOCKS[rest] if rest else "")).ljust(room, "·")


def _in_force(latched: Mapping[str, Any], name: str) -> Iterator[str]:
    for key, said in (("held", "held"), ("muted", "muted"), ("manual", "by hand")):
        if name in latched.get(key, ()):
            yield said
    if latched.get("map") == name:
        yield "mapping"


def _facts(state: Mapping[str, Any]) -> Iterator[str]:
    recent = state["recent"]
    late, latency = recent["late_ms"], recent["latency_ms"]
    yield (
        f"{state['hz']:.1f} ticks/s, {late['p99']:.2f} ms late (p99), {recent['skipped']} skipped; "
        f"sensor to synth {latency['p50']:.1f} ms, {latency['p99']:.1f} (p99)"
    )
    scene = state.get("scenes", {}).get("name")
    yield f"played by {state['mapper'] or 'nobody yet'}" + (f"; scene {scene}" if scene else "")
    recording = state.get("recording", {})
    if recording.get("state") in ("recording", "stalled"):
        minutes, seconds = divmod(int(recording["elapsed_s"]), 60)
        yield f"● {recording['take']} {minutes}:{seconds:02} · {recording['bytes'] / 1e6:.1f} MB"
