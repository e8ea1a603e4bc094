from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from session_samples import some_packets, some_steps

from choreo_service.errors import SessionError
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, MODALITY_NAMES
from choreo_service.recorder.live import FOLDER_SUFFIX
from choreo_service.schemas import KINDS
from choreo_service.session import PacketColumns, Session, open_session, recorded_ticks, write_session
from choreo_service.session.meta import META_FILE
from choreo_service.session.state import STATE_FILE, dump_state
from choreo_service.session.write import TakeDraft


def _write(path: Path, packets: int = 50, steps: int = 30) -> Session:
    return write_session(
        path, packets=some_packets(packets, performers=2), steps=some_steps(steps, performers=2), meta={}
    )


def test_packets_come_back_as_they_were(tmp_path: Path) -> None:
    session = write_session(tmp_path / "a", packets=some_packets(20_000), steps=None, meta={})
    assert list(session.packets()) == list(some_packets(20_000))


def test_frames_controls_and_latents_come_back_bit_for_bit(tmp_path: Path) -> None:
    session = _write(tmp_path / "a")
    steps = list(some_steps(30, performers=2))
    frames = session.frames_table().select(FEATURE_COLUMNS)
    found = np.stack([c.to_numpy() for c in frames.columns], axis=1)
    assert found.tobytes() == np.concatenate([s.frame.features() for s in steps]).tobytes()
    ages = np.stack([session.frames_table()[f"age_{m}_s"].to_numpy() for m in MODALITY_NAMES], axis=1)
    np.testing.assert_array_equal(ages, np.concatenate([s.frame.age_s for s in steps]))
    controls = np.stack([session.controls_table()[c].to_numpy() for c in CONTROL_NAMES], axis=1)
    assert controls.tobytes() == np.concatenate([s.controls for s in steps]).tobytes()
    assert session.controls_table()["held"].to_pylist() == [s.held for s in steps for _ in range(2)]
    z = np.stack(session.table("latents")["z"].to_pylist()).astype(np.float32)
    assert z.tobytes() == np.concatenate([s.latent.z for s in steps if s.latent]).tobytes()


def test_ticks_are_recovered_with_their_skips(tmp_path: Path) -> None:
    expected = [(s.frame.k, s.frame.dk, s.frame.t_ns) for s in some_steps(30)]
    session = _write(tmp_path / "a")
    assert list(recorded_ticks(session)) == expected
    (session.path / "controls.parquet").unlink()
    assert list(recorded_ticks(session)) == expected
    (session.path / "frames.parquet").unlink()
    assert list(recorded_ticks(session)) == []


def test_a_take_of_frames_alone_plays_its_features(tmp_path: Path) -> None:
    steps = list(some_steps(3, performers=2))
    session = write_session(tmp_path / "a", packets=None, steps=iter(steps), meta={})
    packets = list(session.packets())
    assert [p.seq for p in packets] == list(range(len(packets)))
    assert {p.stream for p in packets} == {"motion_features", "beat", "context"}  # the heart was never there
    assert len(packets) == 3 * 2 * 3
    first, second = (p for p in packets[:6] if p.stream == "motion_features")
    assert (first.performer, second.performer) == (0, 1)
    assert first.t_ns == first.rx_ns == steps[0].frame.t_ns
    assert second.values == tuple(float(v) for v in steps[0].frame.motion[1])


def test_columns_hold_the_same_packets(tmp_path: Path) -> None:
    session = _write(tmp_path / "a", packets=20_000, steps=1)
    columns = PacketColumns.join(session.packet_columns())
    assert list(columns) == list(session.packets())
    heart = columns.where(columns.performer == 1)
    assert list(heart) == [p for p in session.packets() if p.performer == 1]
    assert len(PacketColumns.join([])) == 0


def test_the_header_says_what_is_in_the_take(tmp_path: Path) -> None:
    meta = {"source": "live", "created": "2026-01-02T03:04:05+00:00", "engine": {"model": "m"}, "period_ns": 20_000_000}
    session = write_session(
        tmp_path / "a", packets=some_packets(100, performers=2), steps=some_steps(30, performers=2), meta=meta
    )
    assert dict(session.meta) | meta == session.meta
    assert session.meta["name"] == "a"
    assert session.meta["performers"] == 2
    assert session.meta["ticks"] == 30
    assert session.meta["coverage"]["motion"] == {"samples": 46, "fraction": 1.0}  # one stream of eleven is no modality
    assert session.meta["coverage"]["heart"]["fraction"] == 0.0  # frames say so, whatever packets came
    assert session.meta["streams"]["rr_interval"] == 9


def test_coverage_without_ticks_is_the_part_of_the_time_with_samples(tmp_path: Path) -> None:
    session = write_session(tmp_path / "a", packets=(p for p in some_packets(1000) if p.seq < 500), steps=None, meta={})
    assert session.meta["coverage"]["motion"]["fraction"] == pytest.approx(1.0, abs=0.02)
    late = [p for p in some_packets(1000) if p.modality == "context" or p.seq < 500]
    session = write_session(tmp_path / "b", packets=iter(late), steps=None, meta={})
    assert session.meta["coverage"]["motion"]["fraction"] == pytest.approx(0.5, abs=0.02)


def test_a_missing_take_names_similar_ones(tmp_path: Path) -> None:
    for name in ("rehearsal", "show", "zebra"):
        _write(tmp_path / name)
    with pytest.raises(SessionError) as caught:
        open_session(tmp_path / "shwo")
    assert "no take at" in caught.value.problem
    assert caught.value.fix.index("show") < caught.value.fix.index("zebra")


def test_a_folder_of_takes_a_file_and_a_stranger_are_told_apart(tmp_path: Path) -> None:
    session = _write(tmp_path / "takes" / "one")
    with pytest.raises(SessionError, match="holds takes but isn't one"):
        open_session(tmp_path / "takes")
    with pytest.raises(SessionError, match="give its folder"):
        open_session(session.path / "packets.parquet")
    (tmp_path / "watch").mkdir()
    with pytest.raises(SessionError, match="choreo-lab import"):
        open_session(tmp_path / "watch")
    (tmp_path / "run.fit").touch()
    with pytest.raises(SessionError, match="choreo-lab import"):
        open_session(tmp_path / "run.fit")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "expected JSON"),
        ("[]", "expected a JSON object, found list"),
        ("{}", "schema_version: expected 1, found null"),
        ('{"schema_version": 2}', "schema_version: expected 1, found 2"),
        ('{"schema_version": 1, "name": 5}', "name: expected a string, found 5"),
        ("\udcff", "expected JSON"),
        ("[" * 100_000, "expected JSON"),
    ],
)
def test_a_broken_header_is_explained(tmp_path: Path, content: str, expected: str) -> None:
    session = _write(tmp_path / "a")
    (session.path / "meta.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(SessionError) as caught:
        open_session(session.path)
    assert expected in caught.value.problem


def test_packets_of_a_performer_the_header_does_not_count_are_refused(tmp_path: Path) -> None:
    packets = some_packets(20, performers=2)
    session = write_session(tmp_path / "a", packets=packets, steps=None, meta={"performers": 1})
    with pytest.raises(SessionError, match=r"packets of 2 performers, its meta\.json names 1"):
        list(session.packets())


def test_a_header_without_tables_is_no_take(tmp_path: Path) -> None:
    session = _write(tmp_path / "a")
    for file in session.path.glob("*.parquet"):
        file.unlink()
    with pytest.raises(SessionError, match="holds no table"):
        open_session(session.path)


def test_a_table_of_another_kind_is_refused_at_the_door(tmp_path: Path) -> None:
    session = _write(tmp_path / "a")
    shutil.copy(session.path / "controls.parquet", session.path / "frames.parquet")
    with pytest.raises(SessionError, match=r"frames\.parquet.*expected frames, found controls"):
        open_session(session.path)


def test_a_header_that_grew_beyond_reason_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _write(tmp_path / "a")
    meta = json.loads((session.path / "meta.json").read_text())
    (session.path / "meta.json").write_text(json.dumps({**meta, "notes": "x" * 5000}))
    assert open_session(session.path).meta["notes"] == "x" * 5000
    monkeypatch.setattr("choreo_service.session.meta.MAX_META_BYTES", 5000)
    with pytest.raises(SessionError, match="expected at most 5000 bytes"):
        open_session(session.path)


@pytest.mark.parametrize("lost", ["packets", "controls"])
def test_a_table_the_header_names_must_be_there(tmp_path: Path, lost: str) -> None:
    session = _write(tmp_path / "a")
    (session.path / f"{lost}.parquet").unlink()
    with pytest.raises(SessionError, match=rf"has lost {lost}\.parquet") as caught:
        open_session(session.path)
    assert "its entry in `files`, or `state`, from meta.json" in caught.value.fix
    header = json.loads((session.path / "meta.json").read_text())
    del header["files"][lost]
    (session.path / "meta.json").write_text(json.dumps(header))
    assert lost not in open_session(session.path).kinds


@pytest.mark.parametrize(
    ("left", "told"), [(None, "has lost state.json, which its meta.json names"), (b"{", "state.json has changed")]
)
def test_the_state_the_header_names_must_be_there_whole(tmp_path: Path, left: bytes | None, told: str) -> None:
    with TakeDraft(tmp_path / "a", {}) as draft:
        draft.open("packets")
        draft.meta["state"] = draft.attach(STATE_FILE, dump_state({"begun": 1}))
    assert open_session(draft.path).core_state() == {"begun": 1}
    (draft.path / STATE_FILE).unlink()
    if left is not None:
        (draft.path / STATE_FILE).write_bytes(left)
    with pytest.raises(SessionError, match=told) as caught:
        open_session(draft.path)
    assert "`state`" in caught.value.fix


def test_verify_finds_a_changed_bit_in_any_table(tmp_path: Path) -> None:
    session = _write(tmp_path / "a")
    session.verify()
    for kind in session.kinds:
        path = session.path / f"{kind}.parquet"
        intact = path.read_bytes()
        path.write_bytes(intact[:100] + bytes([intact[100] ^ 1]) + intact[101:])
        with pytest.raises(SessionError, match=f"{kind}.parquet has changed"):
            session.verify()
        path.write_bytes(intact)


def test_a_workspace_names_the_takes_of_its_recordings(tmp_path: Path) -> None:
    session = _write(tmp_path / "recordings" / "show")
    with pytest.raises(SessionError) as caught:
        open_session(tmp_path / "shwo")
    assert f"takes nearby: {session.path}" in caught.value.fix


def test_the_page_of_the_recordings_names_all_that_lies_there(repo_root: Path) -> None:
    page = (repo_root / "recordings" / "README.md").read_text()
    files = [META_FILE, STATE_FILE, *(f"{kind}.parquet" for kind in KINDS)]
    assert [name for name in files if f"| `{name}` |" not in page] == []
    assert f"`.NAME{FOLDER_SUFFIX}`" in page
