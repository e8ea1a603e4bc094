"""Putting new files in the place of their predecessors, and of nothing else."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from choreo_pipelines.results import CHOOSE
from choreo_service.errors import ConfigError


@contextmanager
def replacing(folder: Path, names: Sequence[str]) -> Iterator[Path]:
    """A hidden folder to fill with files called as some of `names`; at the end they are in `folder`.

    A new folder comes whole. In one that is there they replace their predecessors in the order of `names`, those
    without a successor go, and everything else stays. After a failure before that nothing has changed. ConfigError when
    the folder can't be written.
    """
    target = folder.resolve()  # a link stays one
    there = target.is_dir()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Inside a folder that is there: what is beside it may be another disk, or not for this user to write.
        where = target if there else target.parent
        new = Path(tempfile.mkdtemp(prefix=".report.", suffix=".partial", dir=where))
    except OSError as error:
        raise ConfigError(f"can't write to {folder}: {error.strerror}", fix=CHOOSE) from error
    try:
        yield new
        if there:
            _move(new, target, names)
        else:
            new.chmod(0o755)  # mkdtemp keeps others out
            new.rename(target)
    except OSError as error:
        raise ConfigError(f"can't write {folder}: {error.strerror}", fix=CHOOSE) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _move(new: Path, folder: Path, names: Sequence[str]) -> None:
    """Everything that can be in the way is found before the first file is replaced: half a report helps nobody."""
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        if (folder / name).is_dir():
            raise ConfigError(f"{folder / name} is a folder; a file of the report goes there", fix=CHOOSE)
    for name in names:
        if (new / name).exists():
            (new / name).replace(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
