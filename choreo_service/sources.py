"""How every source is doing: its rate of late, when it was last heard, and what share of its samples was refused or
lost."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

from choreo_service.clock import NS
from choreo_service.ingress import Ingress

WINDOW_LOOKS: Final = 8  # at two looks a second: four seconds, enough for a heart


class Sources:
    """Reads the books of Ingress. `look` at even intervals; the rates are those between the looks of the window."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self._looks: deque[tuple[int, dict[str, int]]] = deque(maxlen=WINDOW_LOOKS + 1)  # (ns, source -> accepted)

    def look(self, now_ns: int) -> None:
        self._looks.append((now_ns, dict(self._ingress.accepted)))

    def facts(self, now_ns: int) -> dict[str, dict[str, Any]]:
        """source -> hz, age_s (None if nothing was ever accepted), accepted, dropped, loss 0..1. JSON types."""
        out = {}
        for source, counts in self._ingress.counts().items():
            accepted, heard_ns = counts["accepted"], self._ingress.heard_ns.get(source)
            dropped = sum(counts.values()) - accepted
            out[source] = {
                "hz": round(self.hz(source), 2),
                "age_s": None if heard_ns is None else round(max(0, now_ns - heard_ns) / NS, 3),
                "accepted": accepted,
                "dropped": dropped,
                "loss": round(dropped / max(1, accepted + dropped), 4),
            }
        return out

    def hz(self, source: str) -> float:
        """Accepted samples per second over the window; of a source that has just appeared, since the look before."""
        heard = [source in accepted for _, accepted in self._looks]
        if True not in heard:
            return 0.0
        begin_ns, before = self._looks[max(0, heard.index(True) - 1)]
        end_ns, now = self._looks[-1]
        return (now[source] - before.get(source, 0)) * NS / (end_ns - begin_ns) if end_ns > begin_ns else 0.0

    def rates(self) -> dict[str, float]:
        """source -> hz"""
        return {source: round(self.hz(source), 1) for source in self._ingress.accepted}

    def text(self) -> list[str]:
        """The closing lines for people, one per source."""
        lines = []
        for source, counts in self._ingress.counts().items():
            causes = "".join(f", {n} {cause}" for cause, n in counts.items() if cause != "accepted")
            lines.append(f"{source}: {self.hz(source):.1f} Hz at the end, {counts['accepted']} accepted{causes}")
        return lines
