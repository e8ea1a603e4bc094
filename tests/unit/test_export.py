"""Exports hold what the take holds, read by the programs they are for: Arrow's CSV, mido and pyxdf."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import mido
import numpy as np
import pyarrow.csv as pc
import pytest
import pyxdf
from session_samples import PERIOD_NS, START_NS, some_events, some_packets, some_sent, some_steps

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.errors import SessionError
from choreo_service.export import to_csv, to_midi, to_xdf
from choreo_service.export.new_file import new_file, new_folder
from choreo_service.packets import CONTROL_NAMES, MODALITIES, STREAMS, Frame, Step
from choreo_service.session import SentRow, Session, write_session


@pytest.fixture
def take(tmp_path: Path) -> Session:
    return write_session(
        tmp_path / "take",
        packets=some_packets(100),
        steps=some_steps(40, performers=2),
        sent=some_sent(20),
        events=some_events(4),
        meta={"period_ns": PERIOD_NS, "markers": [{"t_ns": START_NS + PERIOD_NS, "label": "Einsatz ♩ <1>"}]},
    )


def test_csv_holds_every_row_and_value(take: Session, tmp_path: Path) -> None:
    files = to_csv(take, tmp_path / "csv")
    assert [file.stem for file in files] == list(take.kinds)
    controls = pc.read_csv(tmp_path / "csv" / "controls.csv")
    for name in CONTROL_NAMES:
        found = controls.column(name).to_numpy().astype(np.float32)
        np.testing.assert_array_equal(found, take.controls_table().column(name).to_numpy())
    packets = pc.read_csv(tmp_path / "csv" / "packets.csv").to_pylist()
    for row, packet in zip(packets, take.packets(), strict=True):
        assert tuple(row[f"values_{i + 1}"] for i in range(len(packet.values))) == packet.values
        assert (row["stream"], row["source_id"], row["source_ns"]) == (
            packet.stream,
            packet.source_id,
            packet.source_ns,
        )
    assert packets[0]["t_s"] == 0.0
    assert packets[1]["t_s"] == pytest.approx(0.01)


def beat_steps(tempo: list[float]) -> Iterator[Step]:
    """One step a tick, the beat moving at `tempo[i]` bpm, density a ramp; the take begins at beat 2.25 of the bar."""
    position = 2.25
    for k, bpm in enumerate(tempo, 1):
        beat = np.array([[position % 1.0, position // 1 % 4]], np.float32)
        motion, heart, context = (
            np.zeros((1, MODALITIES[m].width), np.float32) for m in ("motion", "heart", "context")
        )
        there, age = np.ones((1, 4), np.bool_), np.zeros((1, 4), np.float32)
        frame = Frame(k, 1, START_NS + k * PERIOD_NS, motion, heart, beat, context, there, age)
        controls = np.full((1, 5), 0.5, np.float32)
        controls[0, 1] = k / len(tempo)
        yield Step(frame, None, controls, controls, False, "rules")
        position += bpm / 60 * PERIOD_NS / 1e9


def absolute(path: Path) -> list[tuple[float, int, mido.Message]]:
    """(seconds, MIDI tick, message) of every controller message."""
    file = mido.MidiFile(path)
    merged, found, seconds, tick, tempo = mido.merge_tracks(file.tracks), [], 0.0, 0, 500_000
    for message in merged:
        tick += message.time
        seconds += mido.tick2second(message.time, file.ticks_per_beat, tempo)
        if message.type == "set_tempo":
            tempo = message.tempo
        elif message.type == "control_change":
            found.append((seconds, tick, message))
    return found


@pytest.mark.parametrize("tempo", [[120.0] * 500, [120.0] * 250 + [90.0] * 250, list(np.linspace(80, 160, 500))])
def test_midi_keeps_time_and_beat(tmp_path: Path, tempo: list[float]) -> None:
    take = write_session(tmp_path / "take", packets=None, steps=beat_steps(tempo), meta={"period_ns": PERIOD_NS})
    count = to_midi(take, tmp_path / "take.mid")
    found = [event for event in absolute(tmp_path / "take.mid") if event[2].control == 21]
    assert count == len(found) + 4  # the controls that rest are there once
    steps = {round(float(step.controls[0, 1]) * 127): step for step in reversed(list(beat_steps(tempo)))}
    assert [m.value for _, _, m in found] == sorted(steps)
    played = [steps[m.value].frame.t_ns / 1e9 for _, _, m in found]
    drift = np.array([seconds for seconds, _, _ in found]) - np.array(played)
    assert np.ptp(drift) < 0.002  # from beginning to end, whatever the tempo did
    for _, tick, message in found:
        phase, index = steps[message.value].frame.beat[0]
        off = (tick / 960 - (index + phase) + 2) % 4 - 2
        assert abs(off) < (0.002 if len(set(tempo)) == 1 else 0.08)  # a beat in which the tempo changes is evened out
        assert abs(off) < 0.02 or phase > 0.02


def test_midi_of_a_show_with_a_midi_bridge_is_what_it_sent(tmp_path: Path) -> None:
    steps = list(beat_steps([120.0] * 100))
    sent = [SentRow(k, START_NS + k * PERIOD_NS, p, "midi", "tension", 40.0 + k) for k in (3, 9) for p in (0, 1)]
    sent.insert(1, SentRow(3, START_NS + 3 * PERIOD_NS, 0, "synth", "tension", 0.5))
    meta = {
        "period_ns": PERIOD_NS,
        "bridges": {"synth": "osc_out", "midi": "midi_cc"},
        "control_map": {"tension": {"cc": 74, "channel": 3}},
    }
    take = write_session(tmp_path / "take", packets=None, steps=steps, sent=sent, meta=meta)
    assert to_midi(take, tmp_path / "take.mid") == 4
    messages = [(m.channel, m.control, m.value) for _, _, m in absolute(tmp_path / "take.mid")]
    assert sorted(messages) == [(2, 74, 43), (2, 74, 49), (3, 74, 43), (3, 74, 49)]


@pytest.mark.parametrize(
    ("bits", "value", "messages"),
    [
        ({"midi": 14}, 9000.0, [(20, 70), (52, 40)]),  # 70 * 128 + 40
        ({"midi": 14}, 100.0, [(20, 0), (52, 100)]),
        ({}, 9000.0, [(20, 70), (52, 40)]),  # a take from before takes said it
        ({"midi": 7}, 100.0, [(20, 100)]),
    ],
)
def test_midi_of_fourteen_bits_comes_in_pairs(
    tmp_path: Path, bits: dict[str, int], value: float, messages: list[tuple[int, int]]
) -> None:
    meta = {
        "period_ns": PERIOD_NS,
        "bridges": {"midi": "midi_cc"},
        "bits": bits,
        "control_map": {"tension": {"cc": 20, "channel": 1}},
    }
    sent = [SentRow(3, START_NS + 3 * PERIOD_NS, 0, "midi", "tension", value)]
    take = write_session(tmp_path / "take", packets=None, steps=list(beat_steps([120.0] * 10)), sent=sent, meta=meta)
    assert to_midi(take, tmp_path / "take.mid") == len(messages)
    found = list(absolute(tmp_path / "take.mid"))
    assert [(m.control, m.value) for _, _, m in found] == messages
    assert len({tick for _, tick, _ in found}) == 1


def test_accents_are_no_controller_messages_and_make_no_bridge_a_player_of_controls(tmp_path: Path) -> None:
    steps = list(beat_steps([120.0] * 10))
    accent = SentRow(3, START_NS + 3 * PERIOD_NS, 0, "page", "accent", 1.0)
    meta = {"period_ns": PERIOD_NS, "bridges": {"page": "midi_ws", "midi": "midi_cc"}}
    played = write_session(tmp_path / "played", packets=None, steps=steps, meta=meta)
    accents = write_session(tmp_path / "accents", packets=None, steps=steps, sent=[accent], meta=meta)
    assert to_midi(accents, tmp_path / "accents.mid") == to_midi(played, tmp_path / "played.mid") > 0
    sent = [accent, accent._replace(bridge="midi", control="tension", value=43.0)]
    both = write_session(tmp_path / "both", packets=None, steps=steps, sent=sent, meta=meta)
    assert to_midi(both, tmp_path / "both.mid") == 1


def test_a_controller_without_a_pair_is_refused_where_fourteen_bits_were_sent(tmp_path: Path) -> None:
    meta = {
        "period_ns": PERIOD_NS,
        "bridges": {"midi": "midi_cc"},
        "bits": {"midi": 14},
        "control_map": {"tension": {"cc": 31}, "density": {"cc": 100}},
    }
    steps = list(beat_steps([120.0] * 10))
    sent = [SentRow(3, START_NS + 3 * PERIOD_NS, 0, "midi", "tension", 9000.0)]
    take = write_session(tmp_path / "take", packets=None, steps=steps, sent=sent, meta=meta)
    assert to_midi(take, tmp_path / "take.mid") == 2  # one that was not sent needs no pair
    sent.append(sent[0]._replace(control="density"))
    take = write_session(tmp_path / "other", packets=None, steps=steps, sent=sent, meta=meta)
    with pytest.raises(SessionError, match=r"control_map\.density\.cc: expected 0 to 31, .*found 100") as caught:
        to_midi(take, tmp_path / "other.mid")
    assert caught.value.fix
    assert not (tmp_path / "other.mid").exists()


def test_markers_far_outside_the_take_stay_in_what_a_midi_file_can_hold(tmp_path: Path) -> None:
    meta = {"period_ns": PERIOD_NS, "markers": [{"t_ns": t_ns, "label": "far"} for t_ns in (-(2**62), 2**62)]}
    take = write_session(tmp_path / "take", packets=None, steps=list(beat_steps([120.0] * 10)), meta=meta)
    to_midi(take, tmp_path / "take.mid")
    assert [m.text for m in mido.MidiFile(tmp_path / "take.mid").tracks[0] if m.type == "marker"] == ["far", "far"]


def _write_half(file: BinaryIO) -> None:
    file.write(b"half")
    raise ZeroDivisionError


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "take.mid"
    with pytest.raises(ZeroDivisionError), new_file(path) as file:
        _write_half(file)
    assert list(tmp_path.iterdir()) == []
    with new_file(path) as file:
        file.write(b"whole")
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("take.mid", b"whole")]
    with pytest.raises(FileExistsError), new_file(path):
        pass
    assert path.read_bytes() == b"whole"


def _overtaken(path: Path, other: Callable[[], object], draft: BinaryIO | None = None) -> None:
    """Somebody else takes the name while ours is written."""
    assert not path.exists()
    if draft is not None:
        draft.write(b"ours")
    other()


def test_what_is_being_written_has_not_its_name_yet_and_takes_nobody_elses(tmp_path: Path) -> None:
    """A process that is killed leaves nothing that passes for an export, or that is in the way of the next."""
    file_, folder = tmp_path / "take.mid", tmp_path / "csv"
    with pytest.raises(FileExistsError), new_file(file_) as draft:
        _overtaken(file_, lambda: file_.write_bytes(b"theirs"), draft)
    with pytest.raises(FileExistsError), new_folder(folder):
        _overtaken(folder, lambda: folder.symlink_to("nowhere"))
    assert (tmp_path / "take.mid").read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["csv", "take.mid"]


def test_a_folder_of_csv_is_there_whole_or_not_at_all(take: Session, tmp_path: Path) -> None:
    damaged = take.path / "sent.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    with pytest.raises(SessionError, match=r"sent\.parquet has changed"):
        to_csv(take, tmp_path / "csv")
    assert not (tmp_path / "csv").exists()


def test_midi_of_a_take_nobody_played_is_refused(tmp_path: Path) -> None:
    take = write_session(tmp_path / "take", packets=some_packets(20), steps=None, meta={})
    with pytest.raises(SessionError, match="no beats"):
        to_midi(take, tmp_path / "take.mid")
    assert not (tmp_path / "take.mid").exists()


def load(path: Path) -> dict[str, dict[str, object]]:
    streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
    return {stream["info"]["name"][0]: stream for stream in streams}


def test_xdf_holds_every_stream(take: Session, tmp_path: Path) -> None:
    count = to_xdf(take, tmp_path / "take.xdf")
    streams = load(tmp_path / "take.xdf")
    assert len(streams) == count
    controls = streams["choreo controls 1"]
    rows = take.controls_table().filter(take.controls_table().column("performer").to_numpy() == 1)
    expected = np.stack([rows.column(name).to_numpy() for name in CONTROL_NAMES], axis=1)
    np.testing.assert_array_equal(controls["time_series"], expected)
    np.testing.assert_allclose(controls["time_stamps"], rows.column("t_ns").to_numpy() / 1e9, rtol=0, atol=1e-9)
    assert list(streams["choreo markers"]["time_series"]) == [["Einsatz ♩ <1>"]]
    packets = list(take.packets())
    for name, stream in STREAMS.items():
        mine = [p for p in packets if p.stream == name]
        found = {s: streams[f"{s} {name}"] for s in {p.source_id for p in mine}}
        assert sum(len(f["time_series"]) for f in found.values()) == len(mine)  # type: ignore[arg-type]
        for source, one in found.items():
            assert one["time_series"].shape[1] == stream.width  # type: ignore[attr-defined]
            assert one["time_series"].tolist() == [list(p.values) for p in mine if p.source_id == source]  # type: ignore[attr-defined]


def test_half_an_xdf_file_is_still_read(take: Session, tmp_path: Path) -> None:
    to_xdf(take, tmp_path / "take.xdf")
    data = (tmp_path / "take.xdf").read_bytes()
    (tmp_path / "half.xdf").write_bytes(data[: len(data) // 2])
    assert 0 < len(load(tmp_path / "half.xdf")) < len(load(tmp_path / "take.xdf"))


@pytest.mark.parametrize(("form", "name"), [("csv", "take-csv"), ("midi", "take.mid"), ("xdf", "take.xdf")])
def test_the_command_writes_beside_the_take_and_never_over(take: Session, tmp_path: Path, form: str, name: str) -> None:
    assert exit_code_of(choreo, ["takes", "export", str(take.path), "--to", form]) == 0
    assert (tmp_path / name).exists()
    assert exit_code_of(choreo, ["takes", "export", str(take.path), "--to", form]) == 1


@pytest.mark.parametrize(("form", "name"), [("csv", "take-csv"), ("midi", "take.mid"), ("xdf", "take.xdf")])
def test_an_export_is_for_this_user_alone(
    take: Session, tmp_path: Path, open_umask: None, form: str, name: str
) -> None:
    assert exit_code_of(choreo, ["takes", "export", str(take.path), "--to", form]) == 0
    target = tmp_path / name
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (target, *target.rglob("*"))}
    assert found == {path: 0o700 if path.is_dir() else 0o600 for path in found}
