"""Messages between engine and watcher arrive whole and in order, with their descriptors; nobody ever waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from choreo_service.standby.channel import Channel


@contextmanager
def channels() -> Iterator[tuple[Channel, Channel]]:
    a, b = map(Channel, socket.socketpair())
    try:
        yield a, b
    finally:
        a.close()
        b.close()


def test_messages_arrive_in_order_with_their_facts() -> None:
    with channels() as (here, there):
        for i in range(5):
            assert here.send("count", i=i)
        assert [(m.what, m.facts) for m in there.receive()] == [("count", {"i": i}) for i in range(5)]
        assert there.receive() == []


def test_descriptors_belong_to_their_message() -> None:
    with channels() as (here, there):
        (r1, w1), (r2, w2) = os.pipe(), os.pipe()
        here.send("none")
        here.send("one", [w1])
        here.send("two", [w2, w1])
        none, one, two = there.receive()
        assert (none.fds, len(one.fds), len(two.fds)) == ((), 1, 2)
        os.write(one.fds[0], b"1")
        os.write(two.fds[0], b"2")
        assert (os.read(r1, 9), os.read(r2, 9)) == (b"1", b"2")
        assert not os.get_inheritable(one.fds[0])
        for fd in (r1, w1, r2, w2, *one.fds, *two.fds):
            os.close(fd)


def test_the_last_words_are_heard_before_the_end() -> None:
    with channels() as (here, there):
        here.send("ending")
        here.close()
        assert [m.what for m in there.receive()] == ["ending"]
        with pytest.raises(EOFError):
            there.receive()
        assert not there.send("hello?")


def test_an_end_that_nobody_reads_takes_nothing_more_and_blocks_nobody() -> None:
    with channels() as (here, _):
        sent = 0
        while here.send("spam", text="x" * 1000):
            sent += 1
        assert 0 < sent < 100_000
