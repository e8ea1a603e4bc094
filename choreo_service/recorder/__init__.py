"""Recording a show so that nothing can take it away: accepted on the tick, written by a thread, finished afterwards."""

from choreo_service.recorder.finish import finish, is_live, recover, unfinished
from choreo_service.recorder.ready import Ready
from choreo_service.recorder.recorder import Recorder
from choreo_service.recorder.remains import recording_of, take_of

__all__ = ["Ready", "Recorder", "finish", "is_live", "recording_of", "recover", "take_of", "unfinished"]
