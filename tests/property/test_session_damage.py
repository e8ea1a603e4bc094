"""A take of which anything has changed gives a SessionError that names the file, and nothing else."""

from __future__ import annotations

import contextlib
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from session_samples import some_accents, some_events, some_packets, some_sent, some_steps

from choreo_service.errors import SessionError
from choreo_service.schemas import KINDS, validate
from choreo_service.session import Session, open_session, recorded_ticks, write_session


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Session:
    folder = tmp_path_factory.mktemp("takes")
    return write_session(
        folder / "take",
        packets=some_packets(200),
        steps=some_steps(60),
        sent=some_sent(100),
        events=some_events(30),
        accents=some_accents(60),
        meta={},
    )


def _read_everything(session: Session) -> None:
    for _ in session.packets():
        pass
    for _ in recorded_ticks(session):
        pass
    for kind in session.kinds:
        session.table(kind)


def _is_refused(take: Session, kind: str, data: bytes) -> None:
    damaged = take.path.with_name("damaged")
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(take.path, damaged)
    (damaged / f"{kind}.parquet").write_bytes(data)
    with pytest.raises(SessionError, match=rf"{kind}\.parquet") as caught:
        _read_everything(open_session(damaged))
    assert caught.value.fix


def test_an_intact_take_is_read(take: Session) -> None:
    _read_everything(open_session(take.path))


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit(take: Session, kind: str, where: float, bit: int) -> None:
    data = bytearray((take.path / f"{kind}.parquet").read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    _is_refused(take, kind, bytes(data))


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), length=st.floats(0, 1, exclude_max=True))
def test_a_torn_file(take: Session, kind: str, length: float) -> None:
    data = (take.path / f"{kind}.parquet").read_bytes()
    _is_refused(take, kind, data[: int(length * len(data))])


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(KINDS), data=st.binary(max_size=300))
def test_a_file_of_something_else(take: Session, kind: str, data: bytes) -> None:
    _is_refused(take, kind, b"PAR1" + data + b"PAR1")


@settings(max_examples=150, deadline=None)
@given(kind=st.sampled_from(KINDS), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_without_a_seal_is_a_session_error_or_goes_unnoticed(
    take: Session, kind: str, where: float, bit: int
) -> None:
    """Other tools write no seals: then damage may hide, but nothing worse than a SessionError may come out."""
    path = take.path / f"{kind}.parquet"
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1 << bit
    copy = path.with_name(f"copy_{kind}.parquet")
    copy.write_bytes(data)
    with contextlib.suppress(SessionError):
        validate(copy, kind)
