"""What one engine leaves is its successor's, by name; what nobody asks for any more is closed everywhere."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from choreo_service import inherited
from choreo_service.inherited import Left


class Keeper:
    """Notes what it is to hold."""

    def __init__(self) -> None:
        self.kept: list[str] = []

    def keep(self, key: str, left: Left) -> None:
        self.kept.append(key)

    def drop(self, key: str) -> None:
        self.kept.remove(key)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    yield Keeper()
    inherited.share(None)


def closed(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return True
    return False


def test_what_is_asked_for_stays_and_the_rest_is_closed(keeper: Keeper) -> None:
    keeper.kept = ["udp here", "udp gone", "helper here", "helper gone"]
    pipes = [os.pipe() for _ in range(2)]
    here, gone = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    left = [Left((end.detach(),)) for end in (here, gone)] + [Left(pipe, 7) for pipe in pipes]
    inherited.share(keeper, dict(zip(keeper.kept, left, strict=True)))
    mine = inherited.inherited_socket("udp here", socket.socket)
    assert inherited.inherited_helper("helper here") == left[2]
    inherited.let_go_unclaimed()
    assert keeper.kept == ["udp here", "helper here"]
    assert [closed(fd) for one in left for fd in one.fds] == [False, True, False, False, True, True]
    inherited.let_go_unclaimed()
    again = inherited.inherited_socket("udp here", socket.socket)
    assert os.fstat(again.fileno()).st_ino == os.fstat(mine.fileno()).st_ino
    assert inherited.inherited_helper("helper gone") is None
    for one in (mine, again):
        one.close()
    for fd in (*left[0].fds, *left[2].fds):
        os.close(fd)


def test_without_a_standby_nothing_is_kept(keeper: Keeper) -> None:
    inherited.share(None)
    with socket.socket() as made:
        assert inherited.inherited_socket("udp here", lambda: made) is made
    inherited.keep_helper("helper", (1, 2), 7)
    inherited.let_go_unclaimed()
    assert keeper.kept == []
