"""Recording a show so that nothing can take it away: accepted on the tick, written by a thread, finished afterwards."""

from choreo_service.recorder.finish import finish, is_live, recover, take_of, unfinished
from choreo_service.recorder.ready import Ready
from choreo_service.recorder.recorder import Recorder

__all__ = ["Ready", "Recorder", "finish", "is_live", "recover", "take_of", "unfinished"]
