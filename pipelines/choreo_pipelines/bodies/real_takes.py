"""The real recordings that tests and evaluation play, as takes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from choreo_pipelines.bodies.mocap import read_mocap
from choreo_pipelines.importers import SourceError, read_source
from choreo_pipelines.importers.command import write_take
from choreo_service.session import Session, open_session

WRISTS: Final = ("S21", "S25", "S32")  # folders of stress_predict: wristband and heart, some 53 minutes each
DANCE: Final = "dance1"  # of mocaptoolbox_demo: 25 s of motion capture, no heart


def real_takes(data: Path, out: Path) -> dict[str, Session]:
    """Import the three wristbands and the dancer of the recordings' folder `data` into `out`: name -> take.

    A take that is in `out` already is opened instead. SourceError when a recording is not there, and nothing is made.
    """
    sources = {name: data / "stress_predict" / name for name in WRISTS}
    sources[DANCE] = data / "mocaptoolbox_demo" / f"{DANCE}.npz"
    for name, source in sources.items():
        if not (out / name).exists() and not source.exists():
            raise SourceError(f"{data} is not the folder of the real recordings: no {source}", fix="check the name")
    return {name: _take(out / name, source) for name, source in sources.items()}


def _take(path: Path, source: Path) -> Session:
    if path.exists():
        return open_session(path)
    return write_take(read_mocap(source) if source.suffix == ".npz" else read_source(source), path)
