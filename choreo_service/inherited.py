"""Sockets and helper processes that outlive this process.

Under `choreo run --standby` they are also held by the process that watches over the engine. When an engine dies its
successor gets the very same socket, with the datagrams and connections that wait in it, and the pipes of the very same
helper, whose MIDI ports stay connected. Everywhere else nothing is kept and nothing is found.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Left(NamedTuple):
    """What goes by one name: a socket, or (stdin, stdout) of a helper with its process id."""

    fds: tuple[int, ...]
    pid: int = 0


class Keeper(Protocol):
    """Whoever holds things for the next engine; it makes descriptors of its own."""

    def keep(self, key: str, left: Left) -> None: ...

    def drop(self, key: str) -> None: ...


class _Shelf:
    def __init__(self) -> None:
        self.keeper: Keeper | None = None
        self.left: dict[str, Left] = {}
        self.unclaimed: set[str] = set()


_shelf = _Shelf()


def share(keeper: Keeper | None, left: Mapping[str, Left] | None = None) -> None:
    """From now on take from what is `left`, whose descriptors become ours, and let `keeper` hold what is made."""
    _shelf.keeper, _shelf.left, _shelf.unclaimed = keeper, dict(left or {}), set(left or {})


def is_shared() -> bool:
    """Whether somebody holds what we make for a successor."""
    return _shelf.keeper is not None


def let_go_unclaimed() -> None:
    """End and close what an engine before this one has left and no adapter of ours has asked for: it belongs to a
    configuration that is no more."""
    for key in _shelf.unclaimed:
        for fd in _shelf.left.pop(key, Left(())).fds:
            os.close(fd)
        if _shelf.keeper is not None:
            _shelf.keeper.drop(key)
    _shelf.unclaimed.clear()


def inherited_socket(key: str, make: Callable[[], socket.socket]) -> socket.socket:
    """The socket that goes by `key`, non-blocking: what an engine before this one has left, else what `make` makes.

    The caller closes it as its own. A key names what is bound ("udp 127.0.0.1:9000"); what `make` raises is raised.
    """
    _shelf.unclaimed.discard(key)
    if _shelf.keeper is None:
        return make()
    if key not in _shelf.left:
        made = make()
        _shelf.left[key] = Left((os.dup(made.fileno()),))
        _shelf.keeper.keep(key, _shelf.left[key])
        return made
    found = socket.socket(fileno=os.dup(_shelf.left[key].fds[0]))
    found.setblocking(False)
    return found


def inherited_helper(key: str) -> Left | None:
    """The helper that an engine before this one has left under `key`, now the caller's; None where there is none."""
    _shelf.unclaimed.discard(key)
    return _shelf.left.pop(key, None)


def keep_helper(key: str, pipes: Sequence[int], pid: int) -> None:
    """Let the helper live on when we die: our ends of its stdin and stdout are held elsewhere too."""
    if _shelf.keeper is not None:
        _shelf.keeper.keep(key, Left(tuple(pipes), pid))


def drop_helper(key: str) -> None:
    """It is to end with us: nobody else holds its stdin any more."""
    if _shelf.keeper is not None:
        _shelf.keeper.drop(key)
