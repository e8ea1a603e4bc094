"""The patch a SuperCollider user has running: OSC from choreo sets the controls of a playing synth.

scsynth takes `/n_set node name value`; turning `/choreo/density` into that is the job of the user's sclang code. Here a
thread does it.
"""

from __future__ import annotations

from collections.abc import Mapping

from rig.osc_ear import OscEar
from rig.scsynth import Scsynth


class ScPatch(OscEar):
    """Listens on `port` and sets synth controls; keeps what it heard, as `values(address)`."""

    def __init__(self, synth: Scsynth, node: int, routes: Mapping[str, str]) -> None:
        """`routes`: OSC address -> control of the synth."""
        super().__init__()
        self._synth, self._node, self._routes = synth, node, dict(routes)

    def heard(self, address: str, value: float) -> None:
        if control := self._routes.get(address):
            self._synth.set(self._node, **{control: value})
