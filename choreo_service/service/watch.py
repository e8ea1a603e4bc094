"""Watches the running service and speaks up when something changes: log events, the ten-second summary, the opening
lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from choreo_service.absences import ANYTHING, Key
from choreo_service.clock import MS, NS, Clock
from choreo_service.controller import Latches
from choreo_service.core import Core
from choreo_service.desk import Answered
from choreo_service.ingress import Ingress
from choreo_service.lag import WINDOW_S
from choreo_service.logs import get_logger
from choreo_service.packets import SensorPacket, Step
from choreo_service.protocols import BridgeAdapter, DoorAdapter, SensorAdapter
from choreo_service.service.peers import Peers, health_of
from choreo_service.supervisor import Supervisor
from choreo_service.telemetry import Telemetry
from choreo_service.ticker import Tick

_SLIDERS: Final = frozenset({"manual", "shape"})
_POLL_S: Final = 0.5
_OVERLOAD_HINT: Final = (
    "charger in, other programs closed, real-time priority (choreo doctor); else -o engine.mapper=rules or "
    "a longer tick (-o engine.period_ms=40)"
)
_REFUSAL_HINTS: Final = {
    "unknown performer": "a second body needs -o engine.performers=2, a second phone on one body sensors.NAME.limbs"
}


def in_words(answered: Answered, latches: Latches) -> dict[str, Any]:
    """The fields of a command that was answered; of one that was to be the other way round, which way it is now."""
    words = answered.command.model_dump(exclude_none=True)
    on = latches.in_force(answered.command) if answered.ack.ok else None
    return words if on is None else {**words, "on": on}


class Watch:
    """Listener of the tick and of the supervisor, and the poller of the adapters' own health."""

    def __init__(
        self,
        clock: Clock,
        telemetry: Telemetry,
        ingress: Ingress,
        supervisor: Supervisor,
        core: Core,
        sensors: Mapping[str, SensorAdapter],
        bridges: Mapping[str, BridgeAdapter],
        doors: Mapping[str, DoorAdapter],
        bridge_faults: Mapping[str, str],
        latches: Callable[[], Latches],
        summary_s: float,
    ) -> None:
        self._clock, self._telemetry, self._ingress, self._core = clock, telemetry, ingress, core
        self._supervisor, self._sensors, self._bridges, self._doors = supervisor, sensors, bridges, doors
        self._bridge_faults = bridge_faults  # filled by the controller: bridge -> what its send() raised
        self._latches = latches
        self._faults_said: set[str] = set()
        self._notices_said: set[str] = set()
        self._summary_ns = round(summary_s * NS)
        self._peers = Peers(clock, supervisor, {**sensors, **bridges})
        self._lost_said: dict[Key, int] = {}  # what the log said is gone, and since when
        self._slider: tuple[str, ...] = ()  # what was asked for last
        self._here: set[Key] | None = None  # what has ever been there, as of the last look
        self._mapper = self._leader = ""
        self._late_logged_ns = -self._summary_ns
        self._lag_said_ns = 0  # since when it lags, as the log said
        self._refused: set[tuple[str, str]] = set()  # (source, cause) already said

    def tick(self, tick: Tick, packets: Sequence[SensorPacket], step: Step) -> None:
        """On the tick: notice changes only; anything slower waits for `run`."""
        if step.mapper != self._mapper:
            if self._mapper and not any(p.stream == "models" for p in packets):  # else it was asked for
                get_logger().warning(
                    "mapper.changed", now=step.mapper, before=self._mapper, fault=self._core.last_fault
                )
            self._mapper = step.mapper
        if step.tempo is not None and step.tempo.leader != self._leader:
            if self._leader:
                leader, bpm = step.tempo.leader, round(step.tempo.bpm, 1)
                get_logger().info("tempo.leader", now=leader, before=self._leader, bpm=bpm)
            self._leader = step.tempo.leader
        if tick.dk > 1 and tick.due_ns - self._late_logged_ns >= self._summary_ns:
            self._late_logged_ns = tick.due_ns
            get_logger().warning("tick.skipped", slots=tick.dk - 1, late_ms=round(tick.late_ns / MS, 1))

    def command(self, answered: Answered) -> None:
        """Say what was asked for, by which door, and why it was refused; of a fader that moves, that it moves."""
        log = get_logger()
        facts = {**in_words(answered, self._latches()), "door": answered.door}
        slider = tuple(facts.get(key, "") for key in ("verb", "control", "field", "door"))
        moves_on = slider == self._slider and slider[0] in _SLIDERS
        self._slider = slider
        if answered.ack.ok:
            (log.debug if moves_on else log.info)("command", **facts)
        else:
            log.warning("command.refused", **facts, reason=answered.ack.reason)

    async def run(self) -> None:
        """Poll until cancelled."""
        next_ns = self._clock.now_ns()
        summary_ns = next_ns + self._summary_ns
        while True:
            next_ns += round(_POLL_S * NS)
            await self._clock.sleep_until(next_ns)
            self._peers.look()
            if self._telemetry.sources is not None:
                self._telemetry.sources.look(next_ns)
            self._absences()
            self._refusals()
            self._faults()
            self._notices()
            self._overload()
            if next_ns >= summary_ns:
                summary_ns += self._summary_ns
                self._summary()

    def report(self) -> list[str]:
        """What is connected, what is missing and what to type next; one line each."""
        lines = []
        counts = self._ingress.counts()
        for name, sensor in self._sensors.items():
            accepted = sum(c["accepted"] for s, c in counts.items() if s.split(":")[0] == name)
            lines.append(_line("in", name, health_of(sensor), "receiving" if accepted else "waiting"))
        for name, bridge in self._bridges.items():
            lines.append(_line("out", name, health_of(bridge), self._supervisor.states.get(name, "")))
        return lines

    def _absences(self) -> None:
        """One warning for what is gone, one line when it is back; what is over before the next look is only counted."""
        book, log = self._telemetry.absences, get_logger()
        lost, ever = book.lost(), book.ever()
        for key in [k for k, since_ns in self._lost_said.items() if lost.get(k) != since_ns]:
            del self._lost_said[key]
            log.info(f"{_subject(key)}.back", **_facts(key), gone_s=round(book.last_s(key), 1))
        for key in [k for k in lost if k not in self._lost_said]:
            self._lost_said[key] = lost[key]
            log.warning(f"{_subject(key)}.lost", **_facts(key), now=_outcome(key, models=bool(self._core.mapper)))
        if self._here is not None:  # what is there at the first look is in the opening lines
            for key in sorted(ever - self._here):
                log.info(f"{_subject(key)}.here", **_facts(key))
        self._here = ever

    def _refusals(self) -> None:
        """Say once per source why its input is refused: a phone that seems to play but isn't heard needs a reason."""
        for source, counts in self._ingress.counts().items():
            for cause, count in counts.items():
                if cause != "accepted" and (source, cause) not in self._refused:
                    self._refused.add((source, cause))
                    hint = {"hint": _REFUSAL_HINTS[cause]} if cause in _REFUSAL_HINTS else {}
                    get_logger().warning("input.refused", source=source, cause=cause, count=count, **hint)

    def _faults(self) -> None:
        """Say once which bridge raises instead of sending: its receiver hears nothing and nobody else would tell."""
        for name in self._bridge_faults.keys() - self._faults_said:
            self._faults_said.add(name)
            get_logger().error("bridge.fault", bridge=name, cause=self._bridge_faults[name])

    def _notices(self) -> None:
        """Say once what a door found beside its device, such as a file that had to be set aside."""
        for name, door in self._doors.items():
            notice = health_of(door).get("notice", "")
            if notice and notice not in self._notices_said:
                self._notices_said.add(notice)
                get_logger().warning("door.notice", door=name, notice=notice)

    def _overload(self) -> None:
        """Say once that the machine doesn't keep up and what helps, once that it does again and how long it lasted."""
        lag, log = self._telemetry.lag, get_logger()
        if self._lag_said_ns and lag.since_ns != self._lag_said_ns:
            self._lag_said_ns = 0
            log.info("overload.over", lasted_s=round(lag.last_s, 1), skipped=round(lag.share, 2))
        if lag.since_ns and not self._lag_said_ns:
            self._lag_said_ns = lag.since_ns
            log.warning("overload", skipped=round(lag.share, 2), within_s=WINDOW_S, hint=_OVERLOAD_HINT)

    def _summary(self) -> None:
        dropped = sum(n for c in self._ingress.counts().values() for cause, n in c.items() if cause != "accepted")
        get_logger().info(
            "cadence",
            hz=round(self._telemetry.hz, 2),
            skipped=self._telemetry.skipped,
            late_p99_ms=round(self._telemetry.lateness.percentile_ms(99), 2),
            work_p99_ms=round(self._telemetry.work.percentile_ms(99), 2),
            held=self._telemetry.held,
            dropped=dropped,
            hz_in=self._telemetry.sources.rates() if self._telemetry.sources is not None else {},
            losses=self._telemetry.absences.losses,
        )
        take = self._telemetry.snapshot().get("recorder", {})
        if take.get("state") in ("recording", "stalled"):  # a growing size is the proof people look for
            kept = {"mb": round(take["bytes"] / (1 << 20), 2), "minutes_left": take["minutes_left"]}
            get_logger().info("recording", take=take["take"], seconds=take["elapsed_s"], **kept)


def _subject(key: Key) -> str:
    return "performer" if key[1] == ANYTHING else "modality"


def _outcome(key: Key, *, models: bool) -> str:
    if key[1] == ANYTHING:
        return "nothing is heard: the controls ease to neutral and rest there"
    return "told from the others, as far as they know" if models else "what follows it eases to neutral"


def _facts(key: Key) -> Mapping[str, Any]:
    return {"performer": key[0]} if key[1] == ANYTHING else {"performer": key[0], "modality": key[1]}


def _line(direction: str, name: str, health: Mapping[str, Any], otherwise: str) -> str:
    words = [
        str(health.get("state") or otherwise),
        *(str(health[k]) for k in ("detail", "target", "reason") if health.get(k)),
    ]
    hint = str(health.get("hint", "")).replace("{name}", name)
    return f"{direction:5} {name:8} {'  '.join(words)}" + (f"\n{'':15}-> {hint}" if hint else "")
