"""Who comes first at the processor: the show at once, what is done beside it when it leaves room.

Without real-time priority the show is a program like any other. Linux gives the processor to whoever's request ends
first (EEVDF, Documentation/scheduler/sched-eevdf.rst): who asks for short slices comes sooner, and gets no more of the
processor than others. Any user may ask, from Linux 6.12 on: sched_setattr(2), the field sched_runtime. Older kernels
take no notice, and other systems aren't asked.

What is done beside the show doesn't ask for long slices. Measured with 13 other programs that wanted the processor: a
reload's process that did made 127 of 399 ticks missing, one that didn't 3.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress
from typing import Final

SHORT_NS: Final = 100_000  # the shortest there is
USUAL: Final = 0  # the system's own choice, about 1 to 4 ms

# Python has no function for it, glibc only from 2.41 on: numbers of <asm/unistd.h>.
_SCHED_SETATTR: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
_RESET_ON_FORK: Final = 0x01


class _Attributes(ctypes.Structure):
    """`struct sched_attr` of <linux/sched/types.h>, its first version."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime_ns", ctypes.c_uint64),
        ("deadline_ns", ctypes.c_uint64),
        ("period_ns", ctypes.c_uint64),
    )


def come_at_once() -> bool:
    """Let the thread that calls, and the threads and processes it starts from now on, run as soon as they have
    something to do. Real-time priority, which comes before all that, stays; False where nobody could be asked."""
    return _ask_for_slices(SHORT_NS, 0)


def realtime() -> int:
    """Our own priority among real-time processes, 0 where we are none: children may not inherit it."""
    if not hasattr(os, "sched_getscheduler"):
        return 0
    return int(os.sched_getparam(0).sched_priority) if _policy(0) in (os.SCHED_FIFO, os.SCHED_RR) else 0


def come_first(priority: int) -> None:
    """Give the thread that calls real-time priority, which its threads and children don't inherit; 0: leave it as it
    is. OSError where that isn't permitted."""
    if priority:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(priority))


def give_way(niceness: int = 0, pid: int = 0) -> None:
    """Let the process `pid`, 0 for our own, run when others leave room: without what the show may have handed on of its
    priority, and with `niceness` at least. Does what this system lets us do."""
    with suppress(OSError):  # it has ended already, or we may not
        if hasattr(os, "sched_setscheduler") and _policy(pid) in (os.SCHED_FIFO, os.SCHED_RR):
            os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
        if hasattr(os, "setpriority") and niceness:
            os.setpriority(os.PRIO_PROCESS, pid, max(niceness, os.getpriority(os.PRIO_PROCESS, pid)))
        _ask_for_slices(USUAL, pid)


def _ask_for_slices(ns: int, pid: int) -> bool:
    if not sys.platform.startswith("linux") or sys.maxsize < 1 << 32:  # 32-bit programs have other numbers
        return False
    number = _SCHED_SETATTR.get(os.uname().machine)
    if number is None or _policy(pid) != os.SCHED_OTHER:
        return False
    asked = _Attributes(
        size=ctypes.sizeof(_Attributes),
        policy=os.SCHED_OTHER,
        flags=_RESET_ON_FORK if os.sched_getscheduler(pid) & os.SCHED_RESET_ON_FORK else 0,
        nice=os.getpriority(os.PRIO_PROCESS, pid),
        runtime_ns=ns,
    )
    return bool(ctypes.CDLL(None).syscall(number, pid, ctypes.byref(asked), 0) == 0)


def _policy(pid: int) -> int:
    return os.sched_getscheduler(pid) & ~os.SCHED_RESET_ON_FORK
