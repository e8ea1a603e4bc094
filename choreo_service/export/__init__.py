"""Takes for other programs: spreadsheets (CSV), music software (MIDI) and laboratories (XDF)."""

from choreo_service.export.csv_tables import to_csv
from choreo_service.export.midi_file import to_midi
from choreo_service.export.xdf_file import to_xdf

__all__ = ["to_csv", "to_midi", "to_xdf"]
