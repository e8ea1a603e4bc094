"""What was played as Parquet tables of the session format, for plots and other tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from choreo_pipelines.playing.played import Played
from choreo_service.clock import NS
from choreo_service.errors import SessionError
from choreo_service.packets import MODALITIES, Frame, LatentPacket, Step, states_of
from choreo_service.schemas import validate
from choreo_service.session.tables import TableWriter


def dump(played: Played, folder: Path, session_name: str) -> list[Path]:
    """Write `<session_name>_controls.parquet` and, where models played, `<session_name>_latent.parquet` in `folder`.

    Returns what was written; a dump that is there already is replaced. SessionError when the folder can't be written.
    """
    controls = folder / f"{session_name}_controls.parquet"
    dump_controls(played, controls)
    if played.z is None:
        return [controls]
    latent = folder / f"{session_name}_latent.parquet"
    dump_latents(played, latent)
    return [latent, controls]


def dump_latents(played: Played, path: Path) -> int:
    """Write the table `latents` of every tick that had one and return the rows; ValueError when none had."""
    if played.z is None:
        raise ValueError(f"{played.name}: no latent to write; {played.mapper or 'whoever played'} made none")
    return _write(path, "latents", _latents(played))


def dump_controls(played: Played, path: Path) -> int:
    """Write the table `controls` and return the rows."""
    return _write(path, "controls", _steps(played))


def _write(path: Path, kind: str, items: Iterable[LatentPacket] | Iterable[Step]) -> int:
    """One table, read back after it is written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        table = TableWriter(path, kind)
        try:
            for item in items:
                table.add(item)
        finally:
            table.close()
    except OSError as error:
        reason = error.strerror or str(error)
        raise SessionError(f"can't write {path}: {reason}", fix="choose a folder you may write to") from error
    return validate(path, kind)


def _slots(played: Played) -> Iterator[tuple[int, int, int]]:
    """(k, dk, t_ns) of each tick; the first tick is k = 1, later ones by their distance on the grid."""
    period_ns = NS / played.hz
    last = 0
    for t_ns in played.t_ns.tolist():
        k = 1 + round((t_ns - int(played.t_ns[0])) / period_ns)
        yield k, k - last, t_ns
        last = k


def _latents(played: Played) -> Iterator[LatentPacket]:
    z, z_norm, coherence, filled = played.z, played.z_norm, played.coherence, played.filled
    if z is None or z_norm is None or coherence is None or filled is None:
        raise ValueError(f"{played.name}: z, z_norm, coherence and filled stand together or not at all")
    for i, (k, _, t_ns) in enumerate(_slots(played)):
        row = slice(i, i + 1)
        if np.isfinite(z[i]).all():  # NaN where the rules stood in
            yield LatentPacket(k, t_ns, z[row], z_norm[row], coherence[row], filled[row])


def _steps(played: Played) -> Iterator[Step]:
    """Steps as the session's table writer takes them; of the frame it reads the tick alone. Ages are not kept: 0."""
    ends = np.cumsum([m.width for m in MODALITIES.values()])[:-1]
    age_s = np.zeros((1, len(MODALITIES)), np.float32)
    for i, (k, dk, t_ns) in enumerate(_slots(played)):
        row = slice(i, i + 1)
        motion, heart, beat, context = np.split(played.features[row], ends, axis=1)
        frame = Frame(k, dk, t_ns, motion, heart, beat, context, states_of(played.present[row]), age_s)
        yield Step(frame, None, played.raw[row], played.controls[row], bool(played.held[i]), played.mapper)
