"""A take as a standard MIDI file: the controls as controllers over the music's own beats.

The tempo map follows the beat of the take, so that bars in the music software are the bars of the show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.packets import CONTROL_NAMES
from choreo_service.session import Session

TICKS_PER_BEAT: Final = 960
BEATS_PER_BAR: Final = 4
_FIRST_CC: Final = 20
_HIGHEST: Final = 127
_BPM_WITHOUT_BEATS: Final = 120.0
_MIDI_BRIDGES: Final = frozenset(("midi_cc", "midi_ws"))  # their values in `sent` are controller values


class _Change(NamedTuple):
    t_ns: int
    performer: int
    control: str
    value: int


def to_midi(session: Session, path: Path) -> int:
    """Write the file, one track a performer; the number of controller messages. FileExistsError when it is there.

    They are those a MIDI bridge really sent; of a show without one, the positions after the guards as 0..127.
    SessionError for a take that was never played.
    """
    import mido

    beats = _Beats.of(session)
    changes = list(_sent(session) or _positions(session))
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(_tempo_track(beats, session))
    for performer in sorted({change.performer for change in changes}):
        file.tracks.append(_control_track([c for c in changes if c.performer == performer], beats, session))
    with path.open("xb") as target:
        file.save(file=target)
    return len(changes)


class _Beats:
    """When each beat of the take came, counted from the first beat of its first bar.

    Between two beats time runs evenly: a message keeps its time to a fraction of a millisecond, a beat its place.
    """

    def __init__(self, first: int, times_s: NDArray[np.float64], begin_ns: int) -> None:
        self._number = first + np.arange(len(times_s))
        self._times_s, self._begin_ns = times_s, begin_ns

    @classmethod
    def of(cls, session: Session) -> _Beats:
        table = session.frames_table()
        rows = None if table is None else table.filter(table.column("performer").to_numpy() == 0)
        if rows is None or rows.num_rows < 2:
            raise SessionError(
                f"take {session.path.name} holds no frames, so no beats", fix="choose a take that was played"
            )
        in_bar = rows.column("beat_phase").to_numpy() + rows.column("beat_idx").to_numpy().astype(np.float64)
        steps = np.mod(np.diff(in_bar), BEATS_PER_BAR)
        steps[steps > BEATS_PER_BAR - 0.5] = 0.0  # a source that steps back a little; music does not
        position = np.concatenate(([in_bar[0]], in_bar[0] + np.cumsum(steps)))
        t_ns = rows.column("t_ns").to_numpy()
        return cls(*_whole_beats(position, (t_ns - t_ns[0]) / NS), int(t_ns[0]))

    def tick(self, t_ns: int) -> int:
        """The MIDI tick of a moment of the take."""
        return max(0, round(float(np.interp(*self._around(t_ns))) * TICKS_PER_BEAT))

    def tempi(self) -> Iterator[tuple[int, int]]:
        """(MIDI tick, microseconds a beat from there on), one for each beat."""
        for i, seconds in enumerate(np.diff(self._times_s).tolist()):
            yield int(self._number[i] if i else 0) * TICKS_PER_BEAT, _micros(seconds)

    def _around(self, t_ns: int) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """A moment, and the beats beside it; before the first and after the last one at their tempo."""
        t_s = (t_ns - self._begin_ns) / NS
        times, number = self._times_s, self._number.astype(np.float64)
        beats_before = max(0.0, times[0] - t_s) / (times[1] - times[0])
        beats_after = max(0.0, t_s - times[-1]) / (times[-1] - times[-2])
        return (
            t_s,
            np.concatenate(([min(times[0], t_s)], times, [max(times[-1], t_s)])),
            np.concatenate(([number[0] - beats_before], number, [number[-1] + beats_after])),
        )


def _whole_beats(position: NDArray[np.float64], t_s: NDArray[np.float64]) -> tuple[int, NDArray[np.float64]]:
    """(number of the first whole beat, times of the whole beats): at least two, whatever the take holds."""
    moving = np.concatenate(([True], np.diff(position) > 0))
    position, t_s = position[moving], t_s[moving]
    first, last = int(np.ceil(position[0])), int(np.floor(position[-1]))
    if last > first:
        return first, np.interp(np.arange(first, last + 1), position, t_s)
    beats = position[-1] - position[0]
    beat_s = (t_s[-1] - t_s[0]) / beats if beats > 0 else 60.0 / _BPM_WITHOUT_BEATS
    begin_s = t_s[0] + (first - position[0]) * beat_s
    return first, np.array([begin_s, begin_s + beat_s])


def _micros(seconds: float) -> int:
    """What a tempo event can hold."""
    return int(min(0xFFFFFF, max(1, round(seconds * 1e6))))


def _tempo_track(beats: _Beats, session: Session) -> Any:
    import mido

    events = [
        (0, mido.MetaMessage("track_name", name=session.path.name.encode("latin-1", "replace").decode("latin-1")))
    ]
    events.append((0, mido.MetaMessage("time_signature", numerator=BEATS_PER_BAR, denominator=4)))
    events += [(tick, mido.MetaMessage("set_tempo", tempo=micros)) for tick, micros in beats.tempi()]
    for marker in session.meta.get("markers", ()):
        text = str(marker["label"]).encode("latin-1", "replace").decode("latin-1")
        events.append((beats.tick(int(marker["t_ns"])), mido.MetaMessage("marker", text=text)))
    return _track(events)


def _control_track(changes: list[_Change], beats: _Beats, session: Session) -> Any:
    import mido

    addresses = {name: _address(session, name) for name in CONTROL_NAMES}
    events: list[tuple[int, Any]] = []
    for change in changes:
        cc, channel = addresses[change.control]
        message = mido.Message(
            "control_change", channel=(channel - 1 + change.performer) % 16, control=cc, value=change.value
        )
        events.append((beats.tick(change.t_ns), message))
    return _track(events)


def _track(events: list[tuple[int, Any]]) -> Any:
    import mido

    track, last = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=tick - last))
        last = tick
    return track


def _address(session: Session, control: str) -> tuple[int, int]:
    """(controller, channel) by the control map the take was recorded with."""
    control_map: Any = session.meta.get("control_map")
    spec = control_map.get(control) if isinstance(control_map, Mapping) else None
    own: Mapping[str, Any] = spec if isinstance(spec, Mapping) else {}
    return int(own.get("cc", _FIRST_CC + CONTROL_NAMES.index(control))), int(own.get("channel", 1))


def _sent(session: Session) -> list[_Change]:
    """What the first MIDI bridge sent; empty without one."""
    bridges: Any = session.meta.get("bridges")
    names = [n for n, kind in bridges.items() if kind in _MIDI_BRIDGES] if isinstance(bridges, Mapping) else []
    table = session.table("sent")
    if table is None or not names:
        return []
    rows = table.to_pylist()
    heard = next((name for name in names if any(row["bridge"] == name for row in rows)), None)
    return [
        _Change(row["t_ns"], row["performer"], row["control"], round(row["value"]))
        for row in rows
        if row["bridge"] == heard
    ]


def _positions(session: Session) -> Iterator[_Change]:
    """The guarded positions, each time they change by a step."""
    last: dict[tuple[int, str], int] = {}
    for batch in session.batches("controls"):
        for row in batch.select(["t_ns", "performer", *CONTROL_NAMES]).to_pylist():
            for name in CONTROL_NAMES:
                value = round(row[name] * _HIGHEST)
                if last.get((row["performer"], name)) != value:
                    last[row["performer"], name] = value
                    yield _Change(row["t_ns"], row["performer"], name, value)
