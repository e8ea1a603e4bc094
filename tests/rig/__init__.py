"""Real programs as test peers: a JACK server, synthesisers, an independent OSC listener, and ears to hear them with.

Everything here runs without hardware. Each class starts its program on `start()` or `with`, waits until it answers, and
ends it by its process id. libjack is loaded only once a client is wanted, so this package imports on any machine.
"""

from rig.analysis import best_lag_correlation, rms_envelope, spectral_centroid, steady_centroid
from rig.choreo import Choreo
from rig.click_synth import ClickSynth
from rig.fluidsynth import Fluidsynth
from rig.jack_server import JackServer
from rig.midi_sink import MidiSink, MidiState
from rig.midi_source import MidiSource
from rig.oscdump import OscDump, OscLine
from rig.phone import Phone
from rig.ports import free_udp_port
from rig.process import PeerError, Process, wait_until
from rig.programs import find_soundfont, missing_peer
from rig.puredata import PureData
from rig.recorder import Recorder, Recording
from rig.sclang import ScPatch
from rig.scsynth import Scsynth
from rig.synthdef import SynthDef, Ugen, bright_saw

__all__ = [
    "Choreo",
    "ClickSynth",
    "Fluidsynth",
    "JackServer",
    "MidiSink",
    "MidiSource",
    "MidiState",
    "OscDump",
    "OscLine",
    "PeerError",
    "Phone",
    "Process",
    "PureData",
    "Recorder",
    "Recording",
    "ScPatch",
    "Scsynth",
    "SynthDef",
    "Ugen",
    "best_lag_correlation",
    "bright_saw",
    "find_soundfont",
    "free_udp_port",
    "missing_peer",
    "rms_envelope",
    "spectral_centroid",
    "steady_centroid",
    "wait_until",
]
