"""Takes on disk: a folder with meta.json and Parquet tables. docs/session-format.md describes it for people."""

from choreo_service.session.columns import PacketColumns
from choreo_service.session.rows import Event, SentRow
from choreo_service.session.steps import RecordedTick, Rows, recorded_rows, recorded_steps
from choreo_service.session.take import Session, open_session, recorded_ticks
from choreo_service.session.write import TakeDraft, write_session

__all__ = [
    "Event",
    "PacketColumns",
    "RecordedTick",
    "Rows",
    "SentRow",
    "Session",
    "TakeDraft",
    "open_session",
    "recorded_rows",
    "recorded_steps",
    "recorded_ticks",
    "write_session",
]
