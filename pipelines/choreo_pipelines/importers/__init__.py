"""Recordings of other devices and apps become takes."""

from choreo_pipelines.importers.detect import FORMATS, read_source
from choreo_pipelines.importers.recording import Options, Recording, SourceError, Track

__all__ = ["FORMATS", "Options", "Recording", "SourceError", "Track", "read_source"]
