"""`choreo run` with its WebSocket bridge, for a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rig.choreo import Choreo
from rig.process import PeerError, wait_until


@contextmanager
def choreo_ws(folder: Path, settings: Mapping[str, Any], *, port: int = 0) -> Iterator[str]:
    """The service with `settings`, midi_ws its only bridge; ws://host:port, to which /midi or /notes is added.

    The service takes a free port itself and its opening lines tell which: one chosen here may be gone by then.
    """
    bridges = {"bars": None, "synth": None, "midi": {"type": "midi_ws", "port": port}}
    base: dict[str, Any] = {"sensors": {"phone": None}, "output": {"exit_ease_s": 0}, "bridges": bridges}
    with Choreo(folder, {**base, **settings}) as choreo:
        wait_until(lambda: bool(_address(choreo)) or not choreo.alive, "the address of midi_ws")
        if not choreo.alive:
            raise PeerError(f"choreo ended:\n{choreo.output()}")
        yield _address(choreo)


def _address(choreo: Choreo) -> str:
    found = re.search(r"(ws://127\.0\.0\.1:\d+)/midi", choreo.output())
    return found[1] if found else ""
