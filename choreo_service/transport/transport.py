"""The transport: where the music is and how fast it goes, led by our own clock, a body, another program, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from choreo_service.clock import MS
from choreo_service.features.component import Component
from choreo_service.packets import LEADERS, TempoPacket
from choreo_service.transport.body import HOME_RANGE, BodyLeader
from choreo_service.transport.flywheel import BEATS_PER_BAR, FASTEST_BPM, SLOWEST_BPM, Flywheel
from choreo_service.transport.lines import Line, Positions
from choreo_service.transport.midi_clock import MidiClock
from choreo_service.transport.taps import Taps

CHASE: Final = 0.35  # part of the phase error corrected per beat while following a line
MOST_CHASE: Final = 0.12  # of the tempo: what following a line may bend it
LEAK_PER_S: Final = 0.1  # `shared`: how the tempo returns home
UNDECIDED: Final = 0.65  # beats behind up to which it stays behind, though half a beat in front would be nearer
RELABEL: Final = 0.25  # beats of phase error within which the beats are counted as the leader counts them


@dataclass(frozen=True, slots=True)
class Leading:
    """Who leads, and how late what they say arrives."""

    leader: str = "self"  # one of packets.LEADERS
    performer: int = 0  # whose body leads
    body_latency_ms: float = 0.0  # from a movement to its sample's arrival
    music_latency_ms: float = 0.0  # from a beat of the music to the arrival of its tick; below 0 when told in advance


class Transport:
    """Position in the bar and tempo. `hear` what packets say, then ask with `at`, tick by tick.

    Leaders: `self`, our own clock at the home tempo, moved by taps and at once by a `beat` stream, whose source (a
    take, the synthetic dancer) knows the position; `body`, the beats of one body; `music`, MIDI clock, Link or a `beat`
    stream, in this order; `shared`, the body with a tempo that leaks home. Leaders change on bar lines only.
    """

    def __init__(self, home_bpm: float, leading: Leading | None = None) -> None:
        self._leading = leading or Leading()
        self._first_home_bpm = home_bpm = float(home_bpm)
        self._wheel = Flywheel(home_bpm)
        self._body, self._taps, self._clock = BodyLeader(), Taps(), MidiClock()
        self._link, self._given = Positions(home_bpm), Positions(home_bpm)
        self.reset()

    def reset(self) -> None:
        self.home_bpm = self._first_home_bpm  # taps move it
        self.leader = self.wanted = self._leading.leader  # now, and from the next bar on
        self.source = "own"  # what moved it last: own, tap, beat, midi_clock, link, body
        self._behind = 0.0  # beats to the line that is followed, -UNDECIDED..UNDECIDED
        for part in self._parts().values():
            part.reset()
        self._body.start(self.home_bpm, self.home_bpm)

    @property
    def performer(self) -> int:
        """Whose body beats count."""
        return self._leading.performer

    def hear(self, stream: str, t_ns: int, values: Sequence[float]) -> None:
        """One packet of the modality `beat`, received at `t_ns`; values as packets.STREAMS says, finite."""
        music_ns = t_ns - round(self._leading.music_latency_ms * MS)
        if stream == "beat":
            self._hear_position(t_ns, music_ns, values)
        elif stream == "midi_clock":
            self._clock.hear(music_ns, int(values[0]), int(values[1]))
        elif stream == "link" and SLOWEST_BPM <= values[1] <= FASTEST_BPM:
            self._link.hear(music_ns, values[0] % BEATS_PER_BAR, values[1])
        elif stream == "tap":
            self._tap(t_ns)
        elif stream == "tempo_policy" and 0 <= values[0] < len(LEADERS):
            self.wanted = LEADERS[int(values[0])]

    def body_beat(self, t_ns: int) -> None:
        """The leading body beat at `t_ns`, on the time axis of its samples."""
        if self.leader in ("body", "shared"):
            self._body.beat(t_ns - round(self._leading.body_latency_ms * MS), self._wheel, self.home_bpm)
            self._wheel.aim(self._body.bpm)
            self.source = "body"

    def at(self, t_ns: int) -> TempoPacket:
        """Move on to `t_ns`; call with times that don't decrease."""
        wheel = self._wheel
        line = self._followed(t_ns)
        if line is not None:
            self._chase(line)
        else:
            self._behind = 0.0
        if self.leader == "shared":
            self._body.leak(self.home_bpm, LEAK_PER_S, max(0, t_ns - wheel.at_ns) / 1e9 if wheel.started else 0.0)
            wheel.aim(self._body.bpm)
        began = wheel.turn_to(t_ns, fading=line is None)
        if began and line is not None and line.bars:
            self._count_like(line)
        if began and self.wanted != self.leader and (wheel.beats < 1.0 or began >= BEATS_PER_BAR):
            self._lead()
        return self._packet(t_ns)

    def state(self) -> Mapping[str, Any]:
        own = {"home_bpm": self.home_bpm, "leader": self.leader, "wanted": self.wanted, "source": self.source}
        own["behind"] = self._behind
        return own | {name: part.state() for name, part in self._parts().items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.home_bpm, self.leader = state["home_bpm"], state["leader"]
        self.wanted, self.source, self._behind = state["wanted"], state["source"], state["behind"]
        for name, part in self._parts().items():
            part.load_state(state[name])

    def _parts(self) -> dict[str, Component]:
        return {
            "wheel": self._wheel,
            "body": self._body,
            "taps": self._taps,
            "clock": self._clock,
            "link": self._link,
            "given": self._given,
        }

    def _hear_position(self, t_ns: int, music_ns: int, values: Sequence[float]) -> None:
        beats = (values[0] + values[1]) % BEATS_PER_BAR
        if not beats < BEATS_PER_BAR:
            return  # two finite numbers whose sum is not: nobody's position
        own = self.leader == "self"
        self._given.hear(t_ns if own else music_ns, beats)
        if own:  # believed to the letter: the frames of a take are to hold the beats it holds
            self._wheel.place(t_ns, beats, self._given.bpm)
            self.source = "beat"

    def _tap(self, t_ns: int) -> None:
        self._taps.tap(t_ns)
        line = self._taps.line(t_ns)
        if line is not None:
            self.home_bpm = line.bpm
            if self.leader == "self":
                self._wheel.aim(self.home_bpm)
                self.source = "tap"

    def _followed(self, t_ns: int) -> Line | None:
        """The line that leads at `t_ns`, None where nothing or a body does."""
        if self.leader == "self":
            return self._taps.line(t_ns) if self.source == "tap" else None
        if self.leader != "music":
            return None
        if self._wheel.started:
            self._clock.anchor(self._wheel.at_ns, self._wheel.beats)
        for name, source in (("midi_clock", self._clock), ("link", self._link), ("beat", self._given)):
            line = source.line(t_ns)
            if line is not None:
                self.source = name
                return line
        self.source = "own"
        return None

    def _chase(self, line: Line) -> None:
        wheel = self._wheel
        wheel.aim(line.bpm)
        if abs(line.bpm / wheel.bpm - 1.0) > MOST_CHASE:
            wheel.pull = 0.0  # the tempo has to come nearer first: till then the phase runs past, and past again
            return
        error = line.at(wheel.at_ns) - wheel.beats if wheel.started else 0.0
        behind = error - round(error - self._behind)  # goes on from before: half a beat must not flip to and fro
        self._behind = behind if abs(behind) < UNDECIDED else error - round(error)
        wheel.pull = min(MOST_CHASE, max(-MOST_CHASE, CHASE * self._behind))

    def _count_like(self, line: Line) -> None:
        """Call the beat that has just begun what the leader calls it; the phase stays."""
        error = line.at(self._wheel.at_ns) - self._wheel.beats
        off = round(error)
        if abs(error - off) < RELABEL:
            self._wheel.beats = (self._wheel.beats + off) % BEATS_PER_BAR

    def _lead(self) -> None:
        """The wanted leader takes over, from the tempo and the phase that are there."""
        self.leader, self.source = self.wanted, "own"
        self._body.start(self._wheel.bpm, self.home_bpm)
        self._wheel.aim(self._body.bpm if self.leader in ("body", "shared") else self._wheel.bpm)
        self._wheel.pull = 0.0

    def _packet(self, t_ns: int) -> TempoPacket:
        wheel = self._wheel
        bpm, scale = 60.0 * wheel.beats_per_s, None
        if self.leader == "body":  # of the configured home, which receivers know, and not of a tapped one
            scale = min(1.0, max(0.0, (wheel.bpm / self._first_home_bpm - 1.0) / (2.0 * HOME_RANGE) + 0.5))
        return TempoPacket(t_ns, bpm, wheel.beats, self.leader, self.wanted, self.source, scale)
