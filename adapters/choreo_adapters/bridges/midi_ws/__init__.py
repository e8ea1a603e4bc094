"""Controls and accents as MIDI messages over WebSockets, for a browser without MIDI ports.

`bridge` is the adapter, `clients` what waits for each page, `origins` decides which pages may connect.
"""

from choreo_adapters.bridges.midi_ws.bridge import MidiWebSocket

__all__ = ["MidiWebSocket"]
