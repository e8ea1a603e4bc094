"""What is in a take: columns, promises, figures. For a look before training, and for takes that sound wrong."""

from choreo_pipelines.inspector.columns import ColumnReport, report_columns
from choreo_pipelines.inspector.curves import overview, window
from choreo_pipelines.inspector.findings import findings
from choreo_pipelines.inspector.source import Features, Take, read_take

__all__ = ["ColumnReport", "Features", "Take", "findings", "overview", "read_take", "report_columns", "window"]
