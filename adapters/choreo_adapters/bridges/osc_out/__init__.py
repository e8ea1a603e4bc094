"""Controls as OSC over UDP: SuperCollider, Max, Pure Data, TouchDesigner, Wekinator.

The socket is ours and non-blocking; python-osc only encodes (its client resolves names in the constructor and raises
when the network goes). It is connected, so the kernel tells when nobody listens, and scsynth's complaints come back.
"""

from choreo_adapters.bridges.osc_out.bridge import OscOut
from choreo_adapters.bridges.osc_out.config import OscOutConfig

__all__ = ["OscOut", "OscOutConfig"]
