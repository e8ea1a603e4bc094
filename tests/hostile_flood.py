"""A sender without manners, in a process of its own, and the kernel's count of what it threw away. Linux only.

    python hostile_flood.py PORT SOURCE RATE SECONDS GOOD

sends RATE datagrams a second from the address SOURCE, of which every GOOD-th is a sound sample and the others come from
the collection, and prints how many it sent.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

from hostile_packets import ALL
from osc_datagrams import message

STEP_S: Final = 0.001
TARGET: Final = "127.0.0.1"


async def flood(port: int, *, source: str, rate: int, seconds: float, good: int) -> int:
    """Let another process send to `port`; how many datagrams left."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, str(port), source, str(rate), str(seconds), str(good)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    output, _ = await child.communicate()
    return int(output)


def kernel_drops(port: int) -> int:
    """How many datagrams the kernel had no room for at the socket bound to `port`."""
    rows = [line.split() for line in Path("/proc/net/udp").read_text("ascii").splitlines()[1:]]
    return sum(int(row[-1]) for row in rows if int(row[1].split(":")[1], 16) == port)


def main(port: int, source: str, rate: int, seconds: float, good: int) -> int:
    """Send on an absolute grid, so that a late millisecond is made up for."""
    sample = message("/choreo/motion/accel", "fff", 0.5, 0.5, 9.75)
    bad = itertools.cycle([row.data for row in ALL if len(row.data) < 2048])
    sent, total, begin = 0, round(rate * seconds), time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        while sent < total:
            for _ in range(min(total, round((time.monotonic() - begin) * rate)) - sent):
                sock.sendto(next(bad) if sent % good else sample, (TARGET, port))
                sent += 1
            time.sleep(STEP_S)
    return sent


if __name__ == "__main__":
    print(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5])))
