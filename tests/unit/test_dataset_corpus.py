"""A corpus holds what the takes hold, on one grid, under one fingerprint, wherever they lie."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from session_samples import PERIOD_NS as SAMPLE_PERIOD_NS
from session_samples import START_NS, some_packets, some_steps

from choreo_pipelines.datasets import Corpus, find_takes
from choreo_pipelines.datasets.recorded import MAX_FRAMES, PERIOD_NS, Recorded, on_grid
from choreo_pipelines.generator import Settings, generate, synthesize
from choreo_service.core import Core
from choreo_service.errors import SessionError
from choreo_service.packets import FEATURE_COLUMNS, Frame, SensorPacket
from choreo_service.replay import take_entries
from choreo_service.session import Session, write_session

SETTINGS = Settings(minutes=0.5)


@pytest.fixture(scope="module")
def takes(tmp_path_factory: pytest.TempPathFactory) -> list[Session]:
    out = tmp_path_factory.mktemp("m0")
    return [take for take, _, _ in generate(SETTINGS, sessions=2, seed=3, out=out)]


def _frames(at_ns: Sequence[int], *, hr: Sequence[float], performers: int = 1) -> Iterator[Frame]:
    """All zero and present but for `hr`; performer b has b more."""
    for k, (t_ns, beats) in enumerate(zip(at_ns, hr, strict=True), 1):
        heart = np.zeros((performers, 2), np.float32)
        heart[:, 0] = beats + np.arange(performers)
        zeros = [np.zeros((performers, width), np.float32) for width in (6, 2, 1)]
        live = np.zeros((performers, 4), np.uint8)
        yield Frame(k, 1, t_ns, zeros[0], heart, zeros[1], zeros[2], live, np.zeros((performers, 4), np.float32))


def _hr(corpus: Corpus, entry: int = 0) -> list[float]:
    found: list[float] = corpus.entries[entry].features[:, FEATURE_COLUMNS.index("hr")].tolist()
    return found


def test_recorded_frames_come_back_as_they_are(takes: list[Session], tmp_path: Path) -> None:
    corpus = Corpus.open(takes, tmp_path)
    assert corpus.synthetic
    for index, entry in enumerate(corpus.entries):
        made = synthesize(SETTINGS, 3, index)
        assert (entry.name, entry.performer_id) == (made.name, made.performer.id)
        assert entry.features.tobytes() == made.features.tobytes()
        assert entry.present.dtype == np.uint8
        assert entry.present.shape == (len(made.features), 4)
        assert entry.present.all()
        assert np.all(np.diff(entry.t_ns) == PERIOD_NS)


def test_a_take_of_packets_alone_goes_through_the_core(tmp_path: Path) -> None:
    take = write_session(tmp_path / "import", packets=some_packets(600), steps=None, meta={})
    corpus = Corpus.open([take], tmp_path / "cache")
    core = Core(performers=1, period_ns=PERIOD_NS, home_bpm=120.0)
    frames = [core.step(e.k, e.dk, e.t_ns, e.packets).frame for e in take_entries(take, PERIOD_NS)]
    (entry,) = corpus.entries
    assert not corpus.synthetic
    assert len(frames) > 290
    assert entry.features.tobytes() == np.concatenate([frame.features() for frame in frames]).tobytes()
    assert entry.present.tolist() == np.concatenate([frame.present for frame in frames]).astype(int).tolist()
    assert entry.t_ns.tolist() == [frame.t_ns for frame in frames]


def test_every_performer_of_a_take_is_an_entry(tmp_path: Path) -> None:
    at_ns = [START_NS + i * PERIOD_NS for i in range(4)]
    frames = _frames(at_ns, hr=[60, 61, 62, 63], performers=2)
    anonymous = write_session(tmp_path / "duet", packets=None, steps=None, frames=frames, meta={})
    meta = {"performer": {"id": "ana"}}
    named = write_session(tmp_path / "solo", packets=None, steps=None, frames=_frames(at_ns, hr=[1] * 4), meta=meta)
    corpus = Corpus.open([named, anonymous], tmp_path / "cache")
    assert [(e.name, e.performer_id) for e in corpus.entries] == [
        ("duet", "duet"),
        ("duet", "duet/p1"),
        ("solo", "ana"),
    ]
    assert _hr(corpus, 0) == [60, 61, 62, 63]
    assert _hr(corpus, 1) == [61, 62, 63, 64]


def test_skipped_slots_repeat_the_frame_before(tmp_path: Path) -> None:
    take = write_session(tmp_path / "take", packets=None, steps=some_steps(100, performers=2), meta={})
    corpus = Corpus.open([take], tmp_path / "cache")
    steps = list(some_steps(100, performers=2))
    slots = (steps[-1].frame.t_ns - steps[0].frame.t_ns) // SAMPLE_PERIOD_NS + 1
    for performer, entry in enumerate(corpus.entries):
        rows = [step.frame.features()[performer] for step in steps]
        expected = [row for row, dk in zip(rows, [s.frame.dk for s in steps[1:]] + [1], strict=True) for _ in range(dk)]
        assert len(entry.t_ns) == slots
        assert np.array_equal(entry.features, np.stack(expected))


@pytest.mark.parametrize(
    ("hz", "expected"),
    [(25, [60, 64, 68]), (50, [60, 62, 64, 66, 68]), (100, [60, 61, 62, 63, 64, 65, 66, 67, 68, 69])],
)
def test_a_take_of_another_period_is_read_on_the_grid_asked_for(tmp_path: Path, hz: int, expected: list[float]) -> None:
    at_ns = [START_NS + i * 10_000_000 for i in range(10)]
    frames = _frames(at_ns, hr=[60.0 + i for i in range(10)])
    take = write_session(tmp_path / "take", packets=None, steps=None, frames=frames, meta={"period_ns": 10_000_000})
    assert _hr(Corpus.open([take], tmp_path / "cache", hz=hz)) == expected


def test_a_long_hole_is_absence_and_not_a_value_that_lasts() -> None:
    t_ns = np.array([0, 20_000_000, 5_000_000_000], np.int64)
    recorded = Recorded(t_ns, np.ones((3, 11), np.float32), np.ones((3, 4), np.uint8))
    even = on_grid(recorded, PERIOD_NS)
    in_hole = even.present[(even.t_ns > 4_500_000_000) & (even.t_ns < 5_000_000_000)]
    assert in_hole.any(axis=0).tolist() == [
        False,
        True,
        False,
        True,
    ]  # motion 0.3 s, heart 8 s, beat 4 s, context 600 s
    assert even.present[[0, 1, -1]].all()


def test_a_broken_stamp_is_refused_before_memory_is_spent_on_it(tmp_path: Path) -> None:
    far = START_NS + (MAX_FRAMES + 1) * PERIOD_NS
    frames = _frames([START_NS, far], hr=[60, 60])
    first = next(some_packets(1))
    packets = [first, dataclasses.replace(first, seq=1, t_ns=far, rx_ns=far)]
    for take in (
        write_session(tmp_path / "frames", packets=None, steps=None, frames=frames, meta={}),
        write_session(tmp_path / "packets", packets=packets, steps=None, meta={}),
    ):
        with pytest.raises(SessionError, match="12 are expected"):
            Corpus.open([take], tmp_path / "cache")


def test_a_changed_take_is_read_again(tmp_path: Path) -> None:
    for hr in (60.0, 61.0):
        shutil.rmtree(tmp_path / "take", ignore_errors=True)
        frames = _frames([START_NS], hr=[hr])
        take = write_session(tmp_path / "take", packets=None, steps=None, frames=frames, meta={})
        assert _hr(Corpus.open([take], tmp_path / "cache")) == [hr]


def test_the_cache_is_used_while_it_is_intact_and_made_again_when_not(takes: list[Session], tmp_path: Path) -> None:
    path = Corpus.open(takes, tmp_path).entries[0].path
    made, content = path.stat().st_mtime_ns, path.read_bytes()
    Corpus.open(takes, tmp_path)
    assert path.stat().st_mtime_ns == made
    middle = len(content) // 2  # amid the values, which Arrow does not check
    for damage in (content[:middle], b"", content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]):
        path.write_bytes(damage)
        Corpus.open(takes, tmp_path)
        assert path.read_bytes() == content


def test_the_fingerprint_is_that_of_the_content(takes: list[Session], tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(takes[0].path.parent, moved)
    here = Corpus.open(takes, tmp_path / "a")
    there = Corpus.open(find_takes([moved])[::-1], tmp_path / "b", hz=25)
    assert len(here.fingerprint) == 64
    assert here.fingerprint == there.fingerprint
    assert here.fingerprint != Corpus.open(takes[:1], tmp_path / "a").fingerprint


def test_takes_of_one_name_give_one_fingerprint_wherever_they_lie(tmp_path: Path) -> None:
    prints = set()
    for swapped in (False, True):
        takes = []
        for hr in (60.0, 61.0):
            folder = tmp_path / str(swapped) / ("a" if (hr == 60.0) != swapped else "b")
            frames = _frames([START_NS], hr=[hr])
            takes.append(write_session(folder / "take", packets=None, steps=None, frames=frames, meta={}))
        prints.add(Corpus.open(takes, tmp_path / "cache").fingerprint)
    assert len(prints) == 1


def test_a_copy_of_a_take_counts_once(takes: list[Session], tmp_path: Path) -> None:
    shutil.copytree(takes[0].path, tmp_path / "copy")
    (copy,) = find_takes([tmp_path / "copy"])
    header = copy.path / "meta.json"
    header.write_text(json.dumps({**copy.meta, "name": "zz_copy"}))
    (renamed,) = find_takes([copy.path])
    corpus = Corpus.open([renamed, *takes], tmp_path / "cache")
    assert [entry.name for entry in corpus.entries] == [take.meta["name"] for take in takes]
    assert corpus.fingerprint == Corpus.open(takes, tmp_path / "cache").fingerprint


def test_a_take_without_a_seal_is_told_apart_by_its_bytes(tmp_path: Path) -> None:
    prints = []
    for hr in (60.0, 61.0):
        frames = _frames([START_NS], hr=[hr])
        take = write_session(tmp_path / f"hr{hr:.0f}", packets=None, steps=None, frames=frames, meta={})
        unsealed = dataclasses.replace(take, meta={**take.meta, "files": {}, "name": "same"})
        prints.append(Corpus.open([unsealed], tmp_path / "cache"))
    assert prints[0].fingerprint != prints[1].fingerprint
    assert _hr(prints[1]) == [61.0]


def test_a_damaged_take_is_named(takes: list[Session], tmp_path: Path) -> None:
    shutil.copytree(takes[0].path, tmp_path / "broken")
    table = tmp_path / "broken" / "frames.parquet"
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    with pytest.raises(SessionError, match=r"take .*broken: frames\.parquet has changed"):
        Corpus.open(find_takes([tmp_path / "broken"]), tmp_path / "cache")


@pytest.mark.parametrize("present", [True, False])
def test_a_number_that_is_none_is_refused_whether_its_modality_is_there_or_not(tmp_path: Path, present: bool) -> None:
    take = write_session(tmp_path / "take", packets=None, steps=None, frames=_frames([START_NS], hr=[60]), meta={})
    table = take.frames_table()
    for name, value in (("hr", pa.array([np.nan], pa.float32())), ("present_heart", pa.array([present]))):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.schema.field(at), value)
    pq.write_table(table, take.path / "frames.parquet", write_page_checksum=True)
    unsealed = dataclasses.replace(take, meta={**take.meta, "files": {}})
    with pytest.raises(SessionError, match=r"take .*take: .* column hr, row 0: expected finite numbers, found nan"):
        Corpus.open([unsealed], tmp_path / "cache")


def test_absurd_packets_make_finite_features(tmp_path: Path) -> None:
    loud = [dataclasses.replace(p, values=(3e38,) * len(p.values)) for p in some_packets(200) if p.stream != "beat"]
    take = write_session(tmp_path / "loud", packets=loud, steps=None, meta={})
    assert np.isfinite(Corpus.open([take], tmp_path / "cache").entries[0].features).all()


def test_what_a_header_can_get_wrong_is_a_session_error(tmp_path: Path) -> None:
    two = _frames([START_NS], hr=[60.0], performers=2)
    frames = write_session(tmp_path / "frames", packets=None, steps=None, frames=two, meta={"performers": 3})
    packets = write_session(
        tmp_path / "packets", packets=some_packets(9, performers=2), steps=None, meta={"performers": 1}
    )
    empty = write_session(tmp_path / "empty", packets=[], steps=None, meta={})
    for take, expected in (
        (frames, "expected frames of 3 performers"),
        (packets, "packets of 2 performers"),
        (empty, "expected frames of 1 performers"),
    ):
        with pytest.raises(SessionError, match=expected) as caught:
            Corpus.open([take], tmp_path / "cache")
        assert caught.value.fix


@pytest.mark.parametrize("hz", [0, -50, 1001])
def test_rates_no_service_plays_at_are_a_programming_error(takes: list[Session], tmp_path: Path, hz: int) -> None:
    with pytest.raises(ValueError, match="Hz"):
        Corpus.open(takes, tmp_path, hz=hz)
    with pytest.raises(ValueError, match="0 takes"):
        Corpus.open([], tmp_path)


def test_an_import_is_read_again_when_the_feature_code_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packets: list[SensorPacket] = list(some_packets(100))
    take = write_session(tmp_path / "import", packets=packets, steps=None, meta={})
    before = Corpus.open([take], tmp_path / "cache")
    monkeypatch.setattr("choreo_pipelines.datasets.content._features_code", lambda: "other code")
    after = Corpus.open([take], tmp_path / "cache")
    assert before.entries[0].path != after.entries[0].path
    assert before.fingerprint == after.fingerprint
