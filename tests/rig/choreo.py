"""The program under test, as its users start it: a process of its own with a configuration file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rig.jack_server import JackServer
from rig.oscdump import udp_port_bound
from rig.process import Process


class Choreo(Process):
    """`choreo run` with `settings` on top of the built-in ones, written to `folder`.

    Ready when its OSC port and its MIDI port exist. Where a JACK server is given, MIDI goes there.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        osc_port: int | None = None,
        server: JackServer | None = None,
        midi_client: str | None = None,
    ) -> None:
        self._osc_port, self._server, self._midi_client = osc_port, server, midi_client
        config = folder / "rig.yaml"
        config.write_text(json.dumps(settings), encoding="utf-8")  # JSON is YAML
        argv = (sys.executable, "-m", "choreo_service", "run", "-c", str(config))
        super().__init__(argv, env=server.env if server else dict(os.environ))

    @property
    def name(self) -> str:
        return "choreo"

    @property
    def midi_out(self) -> str | None:
        """The JACK port its MIDI comes from, once it exists."""
        return self._server.find_port(f"{self._midi_client}:") if self._server and self._midi_client else None

    def is_ready(self) -> bool:
        heard = self._osc_port is None or udp_port_bound(self._osc_port)
        return heard and (self._midi_client is None or self.midi_out is not None)
