"""Who comes first at the processor, asked in a process of its own: what is given away can't be had back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from choreo_service import priority

MACHINES = ("x86_64", "aarch64", "riscv64")
pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in MACHINES, reason="other systems aren't asked"
)
NEW_KERNEL = pytest.mark.skipif(
    tuple(map(int, platform.release().split(".")[:2])) < (6, 12), reason="this kernel takes no notice"
)

SLICES = """
import ctypes, os, platform
from choreo_service import priority
GETATTR = {"x86_64": 315, "aarch64": 275, "riscv64": 275}[platform.machine()]

def told(pid=0):
    found = priority._Attributes()
    assert ctypes.CDLL(None).syscall(GETATTR, pid, ctypes.byref(found), ctypes.sizeof(found), 0) == 0
    return found.policy, found.nice, found.runtime_ns
"""
AT_ONCE = """
usual = told()
print(priority.come_at_once(), told() == (usual[0], usual[1], priority.SHORT_NS))
child = os.fork() or os._exit(told()[2] != priority.SHORT_NS)
print(os.waitpid(child, 0)[1])
"""
GIVES_WAY = """
priority.give_way()  # whoever started us may have handed its short slices on
usual = told()
priority.come_at_once()
priority.give_way(7)
print(told() == (os.SCHED_OTHER, max(7, usual[1]), usual[2]), usual[2] != priority.SHORT_NS)
priority.give_way()
print(told()[1] == max(7, usual[1]))
"""
NICER = """
os.setpriority(os.PRIO_PROCESS, 0, 19)
priority.come_at_once()
priority.give_way(7)
print(told()[1], told()[2] != priority.SHORT_NS)
"""
REAL_TIME = """
nice = told()[1]
for flag in (0, os.SCHED_RESET_ON_FORK):
    os.sched_setscheduler(0, os.SCHED_FIFO | flag, os.sched_param(3))
    print(priority.come_at_once(), told()[0] == os.SCHED_FIFO)
    priority.give_way(7)
    print(told()[:2] == (os.SCHED_OTHER, max(7, nice)))
"""
RECORDS = """
from choreo_service.clock import VirtualClock
from choreo_service.recorder.rounds import Rounds
os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(3))  # as the systemd unit has it
found = []
rounds = Rounds("test", VirtualClock(), 0.001, lambda: found.append(told()), lambda: bool(found))
rounds.start()
print(rounds.join(60), found[0][0] == os.SCHED_OTHER, found[0][2] == priority.SHORT_NS)
"""
ANOTHER = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
priority.give_way(9, child.pid)
print(told(child.pid)[1], told()[1])
child.communicate(b"\\n")
priority.give_way(9, child.pid)  # it has ended: nothing to do
"""


OWN = """
print(told()[2] != priority.SHORT_NS)
"""


def asked(program: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", SLICES + program], capture_output=True, text=True, check=False)
    if "PermissionError" in done.stderr:
        pytest.skip("real-time priority isn't permitted here")
    assert done.stderr == ""
    return done.stdout.split()


@NEW_KERNEL
def test_the_show_asks_for_short_slices_and_what_it_starts_has_them_too() -> None:
    assert asked(AT_ONCE) == ["True", "True", "0"]


def test_who_gives_way_has_the_niceness_and_no_short_slices() -> None:
    assert asked(GIVES_WAY) == ["True", "True", "True"]


def test_who_gives_way_already_comes_no_sooner_by_being_asked_again() -> None:
    assert asked(NICER) == ["19", "True"]


@pytest.mark.parametrize("run", [1, 2])
def test_what_a_test_asks_for_in_its_own_process_is_not_handed_on_to_the_next(run: int) -> None:
    assert asked(OWN) == ["True"]
    priority.come_at_once()


def test_real_time_priority_is_kept_by_who_comes_at_once_and_not_by_who_gives_way() -> None:
    assert asked(REAL_TIME) == ["False", "True", "True"] * 2


@NEW_KERNEL
def test_the_recorder_asks_for_itself_where_it_inherits_nothing() -> None:
    assert asked(RECORDS) == ["True", "True", "True"]


def test_another_process_can_be_made_to_give_way() -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert asked(ANOTHER) == [str(max(9, own)), str(own)]
