"""The studio: import, stream, and everything else that happens off stage."""

from __future__ import annotations

from pathlib import Path
from typing import Final

REPORTS: Final = Path("reports")  # of the folder a command is typed in: where all that is found out about takes goes
