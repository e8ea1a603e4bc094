"""The lines that move: what arrives, from which app, and what is refused and why."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

from choreo_service.clock import NS, Clock, MonotonicClock

_EVERY_S: Final = 1.0
_SHOWN: Final = 4  # unknown addresses


class Heard:
    """An Emit that counts and forgets."""

    def __init__(self) -> None:
        self.samples: Counter[tuple[str, str]] = Counter()  # (source, stream)
        self.refused: Counter[str] = Counter()  # cause

    def __call__(self, stream: str, values: Sequence[float], *, source: str = "", **_: Any) -> None:
        self.samples[source, stream] += 1

    def rejected(self, cause: str, *, source: str = "", count: int = 1) -> None:
        self.refused[cause] += count


def listen(sensor: Any, config: Any, seconds: float | None) -> int:
    """Run the sensor alone and tell once a second what comes; 0 when something was understood, else 1."""
    heard, clock = Heard(), MonotonicClock()
    adapter = sensor(config, heard, clock)
    try:
        asyncio.run(_watch(adapter, heard, clock, seconds))
    except BaseExceptionGroup as group:
        raise _first(group) from group
    finally:
        if guess := adapter.health()["suggested_map"]:  # whole: on the terminal's moving lines it may be cut off
            click.echo(f"to use the unknown addresses, paste below the sensor and correct:\n  map: {json.dumps(guess)}")
    return 0 if heard.samples else 1


async def _watch(adapter: Any, heard: Heard, clock: Clock, seconds: float | None) -> None:
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(adapter.run())
        screen, view = _Screen(), View({guide.layout: guide.app for guide in adapter.guides("", 0)})
        began_ns = next_ns = clock.now_ns()
        end_ns = None if seconds is None else began_ns + round(seconds * NS)
        while end_ns is None or next_ns < end_ns:
            step_ns = round(_EVERY_S * NS) if end_ns is None else min(round(_EVERY_S * NS), end_ns - next_ns)
            next_ns += step_ns
            await clock.sleep_until(next_ns)
            screen.show(view.lines(adapter.health(), heard, step_ns / NS))
        running.cancel()


class View:
    """Counts of two moments become lines. `apps` names the layouts for people."""

    def __init__(self, apps: Mapping[str, str]) -> None:
        self._apps = apps
        self._packets = 0
        self._samples: Counter[tuple[str, str]] = Counter()

    def lines(self, health: Mapping[str, Any], heard: Heard, seconds: float) -> list[str]:
        """What happened in the `seconds` since the last call."""
        packets, self._packets = health["packets"] - self._packets, health["packets"]
        fresh, self._samples = heard.samples - self._samples, heard.samples.copy()
        lines = [_headline(packets, health, seconds)]
        for source, facts in health["sources"].items():
            app = self._apps.get(facts["layout"], facts["layout"])
            lines.append("; ".join([f"  {app} at {source}", *_device(source, facts, fresh, seconds)]))
        lines += [f"  refused: {count} {cause}{_WHY.get(cause, '')}" for cause, count in heard.refused.most_common()]
        unknown = list(health["unknown_addresses"].items())
        lines += [f"  unknown: {address} {_numbers(values)}" for address, values in unknown[-_SHOWN:]]
        if name := health.get("mdns", {}).get("name"):
            lines.append(f"  apps that browse the network find it as: {name}")
        return lines


_WHY: Final = {
    "unknown performer": " (one phone a body: -o engine.performers=2, or sensors.NAME.limbs for a second one on it)",
    "unit undecided": " (hold the phone still for two seconds)",
    "unknown address": " (no app we know)",
    "rate limit": " (too fast: sensors.NAME.rate_limit_hz)",
    "not finite": " (a sensor without data, as a strap that is off)",
    "source not allowed": " (sensors.NAME.allow doesn't list it)",
}


def _headline(packets: int, health: Mapping[str, Any], seconds: float) -> str:
    if packets:
        return f"your packets arrive: {packets / seconds:.0f}/s"
    if health["packets"]:
        return "no packets in the last second: phone asleep, app in the background, or Wi-Fi"
    return f"waiting for packets to port {health['target'].rpartition(':')[2]}"


def _device(source: str, facts: Mapping[str, Any], fresh: Counter[tuple[str, str]], seconds: float) -> list[str]:
    # A body's sensors share a source but for the limb behind the @.
    streams: Counter[str] = Counter()
    for (sender, stream), count in fresh.items():
        if sender.partition("@")[0] == source:
            streams[stream] += count
    said = [", ".join(f"{name} {count / seconds:.0f}/s" for name, count in streams.items()) or "nothing played"]
    if facts["state"] == "silent":
        said.append(f"silent for {facts['silent_s']:.1f} s")
    said += [f"{key} {facts[key]}" for key in ("limb", "units", "stalls") if facts.get(key)]
    if "battery" in facts:
        said.append(f"battery {100 * facts['battery']:.0f} %")
    if "clock" in facts:
        said.append(f"its own time stamps {facts['clock']['stamps']}")
    return said


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.3g}" for value in values)


class _Screen:
    """Rewrites its lines on a terminal; elsewhere prints them one after the other."""

    def __init__(self) -> None:
        self._shown = 0
        self._terminal = sys.stdout.isatty()

    def show(self, lines: Sequence[str]) -> None:
        if not self._terminal:
            click.echo("\n".join(lines))
            return
        width = shutil.get_terminal_size().columns - 1
        back = f"\x1b[{self._shown}F\x1b[J" if self._shown else ""
        click.echo(back + "\n".join(line[:width] for line in lines))
        self._shown = len(lines)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one that tells the user something."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
