"""A take as a tape: read as it is played, and refused where no show could have been like that."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from session_samples import PERIOD_NS, START_NS, some_packets, some_steps

from choreo_service.cli import choreo
from choreo_service.cli.failure import exit_code_of
from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.packets import SensorPacket
from choreo_service.replay import take_entries
from choreo_service.session import Session, write_session


def hearts(times_ns: list[int]) -> Iterator[SensorPacket]:
    for seq, t_ns in enumerate(times_ns):
        yield SensorPacket("heart_rate", 0, seq, t_ns, t_ns, None, "strap", (70.0,))


def test_every_packet_has_its_tick_on_recorded_ticks_and_on_a_grid(tmp_path: Path) -> None:
    packets = list(some_packets(200))
    played = write_session(tmp_path / "played", packets=iter(packets), steps=some_steps(200), meta={})
    raw = write_session(tmp_path / "raw", packets=iter(packets), steps=None, meta={})
    for take in (played, raw):
        before_ns = 0
        found = []
        for entry in take_entries(take, PERIOD_NS):
            assert all(before_ns < p.t_ns <= entry.t_ns for p in entry.packets)
            before_ns = entry.t_ns
            found += entry.packets
        assert found == packets
    assert [e[:3] for e in take_entries(played, PERIOD_NS)] == [
        (s.frame.k, s.frame.dk, s.frame.t_ns) for s in some_steps(200)
    ]
    assert [e[:3] for e in islice(take_entries(raw, PERIOD_NS), 2)] == [
        (k, 1, START_NS + k * PERIOD_NS) for k in (1, 2)
    ]


def test_the_first_tick_is_played_before_the_take_has_been_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = write_session(tmp_path / "a", packets=some_packets(1000), steps=some_steps(1000), meta={})
    rows = []

    def counted(self: Session, kind: str) -> Iterator[object]:
        for batch in pq.ParquetFile(self.path / f"{kind}.parquet").iter_batches(100):
            rows.append(batch.num_rows)
            yield batch

    monkeypatch.setattr(Session, "batches", counted)
    next(take_entries(take, PERIOD_NS))
    assert sum(rows) == 200  # the first of the ticks, the first of the packets


def test_more_packets_in_a_tick_than_a_show_takes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("choreo_service.replay.tape._MOST_AT_ONCE", 9)
    take = write_session(tmp_path / "a", packets=hearts([START_NS] * 9), steps=None, meta={})
    assert sum(len(entry.packets) for entry in take_entries(take, PERIOD_NS)) == 9
    take = write_session(tmp_path / "b", packets=hearts([START_NS] * 10), steps=None, meta={})
    with pytest.raises(SessionError, match="take b can't be played: expected at most 9 packets for one tick"):
        list(take_entries(take, PERIOD_NS))


def test_a_take_without_ticks_may_not_be_silent_for_years(tmp_path: Path) -> None:
    year_ns = 365 * 24 * 3600 * NS
    take = write_session(tmp_path / "a", packets=hearts([START_NS, START_NS + year_ns]), steps=None, meta={})
    with pytest.raises(SessionError, match="expected a packet within a day, found 8760 hours without one"):
        list(take_entries(take, PERIOD_NS))


@pytest.mark.parametrize("how", [(), ("--realtime",)])
def test_a_wrong_last_row_is_told_before_anything_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...]
) -> None:
    take = write_session(tmp_path / "a", packets=hearts([START_NS, START_NS]), steps=None, meta={})
    path = take.path / "packets.parquet"
    table = pq.read_table(path)
    seq = table.schema.get_field_index("seq")
    pq.write_table(table.set_column(seq, table.schema.field(seq), table.column("seq").take([0, 0])), path)
    (take.path / "meta.json").write_text((take.path / "meta.json").read_text().replace('"files"', '"was"'))
    monkeypatch.setattr("choreo_service.core.Core.step", lambda *a: pytest.fail("it was played"))
    assert exit_code_of(choreo, ["replay", str(take.path), *how]) == 3
    assert "column seq, row 1: expected more than before, found 0 after 0" in capsys.readouterr().err
