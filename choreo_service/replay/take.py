"""A take through a core as fast as the machine can, compared with what was recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Final

from choreo_service.accents import AccentDetector
from choreo_service.clock import NS, work_ns
from choreo_service.core import Core
from choreo_service.errors import SessionError
from choreo_service.packets import Accent, SensorPacket
from choreo_service.protocols import Models
from choreo_service.replay.compare import accent_difference
from choreo_service.replay.recorded import Comparison
from choreo_service.replay.tape import replay_accents, take_entries
from choreo_service.session import Session, open_session
from choreo_service.telemetry import Telemetry
from choreo_service.ticker import Tick

SETTINGS_OF_A_TAKE: Final[Mapping[str, tuple[str, ...]]] = {  # block -> keys kept in its header
    "engine": ("period_ms", "performers", "mapper", "checkpoints", "bodies", "after_soundcheck", "seed"),
    "accents": ("enabled", "threshold", "refractory_ms"),
    "transport": ("home_bpm", "leader", "performer", "body_latency_ms", "music_latency_ms"),
}


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What a replay found."""

    name: str
    telemetry: Telemetry
    packets: int
    accents: int
    compared: int  # ticks compared with recorded controls, 0 when the take has none
    difference: str  # the first difference, empty when equal
    took_ns: int  # reading, playing and comparing
    models: str  # those the take was recorded with, where others play now; else empty
    lost: str  # what the take lacks of what the show was computed from, in words; else empty

    @property
    def ok(self) -> bool:
        return not self.difference

    @property
    def speed(self) -> float:
        """How many times as fast as the show was."""
        return (self.telemetry.last_due_ns - self.telemetry.first_due_ns) / max(1, self.took_ns)

    def text(self) -> str:
        """The summary people read."""
        if not self.compared:
            verdict = "the take holds no recorded controls to compare with"
        elif self.ok:
            verdict = f"{self.compared} ticks of recorded controls reproduced exactly"
        else:
            verdict = f"DIFFERS: {self.difference}"
        if self.models and not self.ok:
            verdict += f"\n          recorded with the models {self.models}; others play here"
        if self.lost and not self.ok:
            verdict += f"\n          {self.lost}, so the show can't be computed again exactly from there"
        speed = f"speed     {self.took_ns / NS:.2f} s, {self.speed:.0f} times as fast as the show"
        head = f"take      {self.name}, {self.packets} packets, {self.accents} accents"
        return f"{head}\n{self.telemetry.text()}\n{speed}\ncompare   {verdict}"


FindModels = Callable[[int], Models]  # by Models.number; SessionError says where they were looked for


def replay_take(
    path: Path, core: Core, accents: AccentDetector | None = None, find_models: FindModels | None = None
) -> ReplayReport:
    """Play a take through a fresh `core` as fast as possible; SessionError when it can't be read.

    A take that was begun in the middle of a show starts from the state it keeps. Ticks are those recorded, else an
    ideal grid over the packets. Where the take holds controls, all it keeps of its steps is compared byte for byte;
    so are its accents, where it holds any, with those that `accents`, at rest, finds. Where models were changed in it,
    `find_models` gives those that came; without it whoever plays goes on.
    """
    session = open_session(path)
    require_performers(session, core)
    _begin(session, core)
    others = _others(session, core)
    telemetry = Telemetry(period_ns=core.period_ns, performers=core.performers)
    comparison = Comparison(session)
    packets, found, last_seq = 0, list[Accent](), -1
    began = work_ns()
    for entry in take_entries(session, core.period_ns):
        if find_models is not None:
            _offer(core, entry.packets, find_models)
        step = core.step(entry.k, entry.dk, entry.t_ns, entry.packets)
        packets += len(entry.packets)
        last_seq = entry.packets[-1].seq if entry.packets else last_seq
        if accents is not None:
            found += replay_accents(accents, [entry])
        telemetry.observe(Tick(entry.k, entry.dk, entry.t_ns, 0), step, sum(step.timings_ns.values()), live=False)
        comparison.add(entry.k, step)
    compared, difference = comparison.compared, comparison.difference()
    if accents is not None:
        difference = difference or accent_difference(_recorded_accents(session, last_seq), found)
    took_ns = work_ns() - began
    name, lost = session.path.name, _lost(session)
    return ReplayReport(name, telemetry, packets, len(found), compared, difference, took_ns, others, lost)


def require_performers(session: Session, core: Core) -> None:
    """SessionError where the take has more performers than the core."""
    if (count := session.meta["performers"]) > core.performers:
        raise SessionError(
            f"take {session.path} has {count} performers, the configuration {core.performers}",
            fix=f"-o engine.performers={count}",
        )


def _others(session: Session, core: Core) -> str:
    """The models the take began with where others play now, else ""; a take of before fingerprints tells only names."""
    meta, playing = session.meta, {"models": core.mapper, "models_sha256": core.fingerprint}
    same = all(meta.get(key, value) == value for key, value in playing.items())
    return "" if same else meta.get("models", "")


def _begin(session: Session, core: Core) -> None:
    """Put the core where it was when the take began."""
    state = session.core_state()
    if state is None:
        return
    try:
        core.load_state(state)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise SessionError(
            f"take {session.path.name} was begun by another core: {type(error).__name__}: {error}",
            fix="replay it with the number of performers and the version of choreo that its meta.json names",
        ) from error


def _lost(session: Session) -> str:
    """ "25 rows of packets were lost to damage"; what bridges sent and people did is not computed from."""
    rows = {stream: session.meta.get("lost_rows", {}).get(stream, 0) for stream in ("packets", "steps")}
    told = " and ".join(f"{n} {'row' if n == 1 else 'rows'} of {stream}" for stream, n in rows.items() if n)
    return f"{told} {'was' if sum(rows.values()) == 1 else 'were'} lost to damage" if told else ""


def _offer(core: Core, packets: Sequence[SensorPacket], find_models: FindModels) -> None:
    """The models that this tick put in, or the rules."""
    for packet in packets:
        if packet.stream == "models":
            core.offer(find_models(int(packet.values[0])) if packet.values[0] else None)


def _recorded_accents(session: Session, last_seq: int) -> Iterator[Accent] | None:
    """None where the take holds none. What came after the last tick was never played."""
    if "accents" not in session.kinds:
        return None
    rows = (row for batch in session.batches("accents") for row in batch.to_pylist())
    return takewhile(lambda accent: accent.seq <= last_seq, (Accent(**row) for row in rows))


def settings_of(session: Session) -> Sequence[str]:
    """The settings a take was recorded with, as options `engine.key=value`; none for a take that says none."""
    found = []
    for block, keys in SETTINGS_OF_A_TAKE.items():
        kept = session.meta.get(block, {})
        found += [f"{block}.{key}={json.dumps(kept[key])}" for key in keys if key in kept]
    return found
