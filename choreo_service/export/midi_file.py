"""A take as a standard MIDI file: the controls as controllers over the music's own beats.

The tempo map follows the beat of the take, so that bars in the music software are the bars of the show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.export.new_file import new_file
from choreo_service.packets import ACCENT, CONTROL_NAMES
from choreo_service.session import Session

TICKS_PER_BEAT: Final = 960
BEATS_PER_BAR: Final = 4
_LAST_TICK: Final = (1 << 28) - 1  # what a delta time can hold: a day and a half at 120 bpm
_FIRST_CC: Final = 20
_HIGHEST: Final = 127
_BPM_WITHOUT_BEATS: Final = 120.0
_FINE_BITS: Final = 14
_LSB: Final = 32  # the low seven bits of controller n travel on n + 32 (MIDI 1.0, controllers 0 to 31)
_MIDI_BRIDGES: Final = frozenset(("midi_cc", "midi_ws"))  # their values in `sent` are controller values


class _Changes(NamedTuple):
    """Controller values in the order they were sent; an hour of a show has a million of them."""

    t_ns: NDArray[np.int64]  # [n]
    performer: NDArray[np.int8]  # [n]
    control: NDArray[np.intp]  # [n] index into CONTROL_NAMES
    value: NDArray[np.int64]  # [n] 0.._HIGHEST, of a bridge with 14 bits 0..16383


def to_midi(session: Session, path: Path) -> int:
    """Write the file, one track a performer; the number of controller messages. FileExistsError when it is there.

    They are those a MIDI bridge really sent; of a show without one, the positions after the guards as 0..127.
    SessionError for a take that was never played, and for one of 14 bits whose controllers have no pair.
    """
    import mido

    beats = _Beats.of(session)
    heard = _heard(session)
    changes = _joined(list(_sent(session, heard) if heard else _positions(session)))
    fine = heard is not None and _is_fine(session, heard, changes)
    if fine:
        _check_pairs(session, changes)
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS_PER_BEAT)
    file.tracks.append(_tempo_track(beats, session))
    for performer in np.unique(changes.performer).tolist():
        # As an iterator, which is all that writing asks of a track: a message is some hundred bytes.
        file.tracks.append(_control_track(changes, performer, beats, session, fine=fine))
    with new_file(path) as target:
        file.save(file=target)
    return len(changes.t_ns) << fine


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

    def ticks(self, t_ns: NDArray[np.int64]) -> NDArray[np.int64]:
        """The MIDI ticks of moments of the take; before the first beat and after the last one at their tempo."""
        t_s = (t_ns - self._begin_ns) / NS
        times, number = self._times_s, self._number.astype(np.float64)
        first, last = t_s.min(initial=times[0]), t_s.max(initial=times[-1])
        beats_before = (times[0] - first) / (times[1] - times[0])
        beats_after = (last - times[-1]) / (times[-1] - times[-2])
        position = np.interp(
            t_s,
            np.concatenate(([first], times, [last])),
            np.concatenate(([number[0] - beats_before], number, [number[-1] + beats_after])),
        )
        ticks: NDArray[np.int64] = np.clip(np.rint(position * TICKS_PER_BEAT), 0, _LAST_TICK).astype(np.int64)
        return ticks

    def tempi(self) -> Iterator[tuple[int, int]]:
        """(MIDI tick, microseconds a beat from there on), one for each beat."""
        for i, seconds in enumerate(np.diff(self._times_s).tolist()):
            yield int(self._number[i] if i else 0) * TICKS_PER_BEAT, _micros(seconds)


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
        at = int(beats.ticks(np.array([marker["t_ns"]], np.int64))[0])
        events.append((at, mido.MetaMessage("marker", text=text)))
    return _track(events)


def _control_track(changes: _Changes, performer: int, beats: _Beats, session: Session, *, fine: bool) -> Iterator[Any]:
    """The messages of one performer; in pairs, the high seven bits first, where they are `fine`."""
    import mido

    addresses = [_address(session, name) for name in CONTROL_NAMES]
    mine = changes.performer == performer
    ticks = beats.ticks(changes.t_ns[mine])
    order = np.argsort(ticks, kind="stable")
    waits = np.diff(ticks[order], prepend=0).tolist()
    what = zip(waits, changes.control[mine][order].tolist(), changes.value[mine][order].tolist(), strict=True)
    for wait, control, value in what:
        cc, channel = addresses[control]
        to = (channel - 1 + performer) % 16
        high = value >> 7 if fine else min(value, _HIGHEST)
        yield mido.Message("control_change", channel=to, control=cc, value=high, time=wait)
        if fine:
            yield mido.Message("control_change", channel=to, control=cc + _LSB, value=value & _HIGHEST)


def _track(events: list[tuple[int, Any]]) -> Any:
    import mido

    track, last = mido.MidiTrack(), 0
    for tick, message in sorted(events, key=lambda event: event[0]):
        track.append(message.copy(time=tick - last))
        last = tick
    return track


def _address(session: Session, control: str) -> tuple[int, int]:
    """(controller, channel) by the control map the take was recorded with."""
    own = session.meta.get("control_map", {}).get(control, {})
    return own.get("cc", _FIRST_CC + CONTROL_NAMES.index(control)), own.get("channel", 1)


def _check_pairs(session: Session, changes: _Changes) -> None:
    """SessionError where a controller of 14 bits has none above it for the low seven."""
    for control in np.unique(changes.control).tolist():
        name = CONTROL_NAMES[control]
        if (cc := _address(session, name)[0]) >= _LSB:
            raise SessionError(
                f"take {session.path.name}: control_map.{name}.cc: expected 0 to {_LSB - 1}, where 14 bits travel as "
                f"the pair n and n + {_LSB}, found {cc}",
                fix="use an intact copy of the take, or export it to csv",
            )


def _heard(session: Session) -> str | None:
    """The first MIDI bridge that sent controls; None without one."""
    import pyarrow.compute as pc

    names = [name for name, kind in session.meta.get("bridges", {}).items() if kind in _MIDI_BRIDGES]
    used: set[str] = set()
    for batch in session.batches("sent"):
        controls = batch.filter(pc.not_equal(batch.column("control"), ACCENT))
        used.update(controls.column("bridge").unique().to_pylist())
    return next((name for name in names if name in used), None)


def _is_fine(session: Session, bridge: str, changes: _Changes) -> bool:
    """Whether a bridge sends 14 bits: as the take says, or, where it is older than that, as a value shows."""
    told = session.meta.get("bits", {}).get(bridge)
    return bool(told == _FINE_BITS if told else changes.value.max(initial=0) > _HIGHEST)


def _sent(session: Session, bridge: str) -> Iterator[_Changes]:
    """What a MIDI bridge sent of controls."""
    import pyarrow.compute as pc

    for batch in session.batches("sent"):
        rows = batch.filter(pc.equal(batch.column("bridge"), bridge))
        column = rows.column("control")
        places = [CONTROL_NAMES.index(n) if n in CONTROL_NAMES else -1 for n in column.dictionary.to_pylist()]
        control = np.array(places or [-1])[column.indices.to_numpy()]
        known = control >= 0
        t_ns, performer, value = (rows.column(name).to_numpy()[known] for name in ("t_ns", "performer", "value"))
        steps = np.clip(np.rint(value), 0, (1 << _FINE_BITS) - 1).astype(np.int64)
        yield _Changes(t_ns, performer, control[known], steps)


def _positions(session: Session) -> Iterator[_Changes]:
    """The guarded positions, each time they change by a step."""
    last: dict[int, NDArray[np.int64]] = {}  # performer -> the five before
    for batch in session.batches("controls"):
        t_ns, performer = (batch.column(name).to_numpy() for name in ("t_ns", "performer"))
        positions = np.stack([batch.column(name).to_numpy().astype(np.float64) for name in CONTROL_NAMES], axis=1)
        values = np.rint(positions * _HIGHEST).astype(np.int64)
        changed = np.empty(values.shape, np.bool_)
        for who in np.unique(performer).tolist():
            mine = values[performer == who]
            before = last.get(who, np.full(len(CONTROL_NAMES), -1))
            changed[performer == who] = mine != np.concatenate((before[None], mine[:-1]))
            last[who] = mine[-1]
        row, control = np.nonzero(changed)
        yield _Changes(t_ns[row], performer[row], control, values[row, control])


def _joined(parts: Sequence[_Changes]) -> _Changes:
    none = np.empty(0, np.int64)
    parts = parts or [_Changes(none, none.astype(np.int8), none.astype(np.intp), none)]
    return _Changes(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
