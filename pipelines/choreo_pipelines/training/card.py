"""The card beside a checkpoint: what was trained on what, how well, and the command that does it again.

The same run gives the same bytes: no date, no host, no user, no absolute path.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from choreo_models.checkpoint import CARD_VERSION, fingerprint
from choreo_pipelines.generator import VERSION

PROGRAM: Final = "choreo-lab"
METRIC_KEYS: Final = frozenset({"value", "baseline", "gate", "passed"})
# A run that was interrupted and resumed is the same run, and so is one that replaced another.
_NOT_THE_RUN: Final = frozenset({"--resume", "--replace"})
_GIT_S: Final = 10.0


def build_card(
    *,
    kind: str,
    weights: Mapping[str, NDArray[Any]],
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    metrics: Mapping[str, Mapping[str, Any]],
    command: str,
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """The card as JSON types; numbers that are not finite become None.

    `data` holds the corpus: fingerprint, takes, performers of either side, synthetic, settings. Each metric is
    {"value", "baseline": {name: value}, "gate", "passed"}. `command` is that of `command_line`.
    ValueError when a metric has other keys, data has no fingerprint, or a path is absolute.
    """
    if not data.get("fingerprint"):
        raise ValueError("data: expected a fingerprint")
    _refuse_other_keys(metrics)
    sha256 = fingerprint(weights)
    card: dict[str, Any] = _json(
        {
            "card_version": CARD_VERSION,
            "kind": kind,
            "run_id": run_id(kind, settings, str(data["fingerprint"]), sha256),
            "weights_sha256": sha256,
            "data": data,
            "git_revision": git_revision(),
            "generator_version": VERSION if data.get("synthetic") else None,
            "versions": {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__},
            "torch_threads": torch.get_num_threads(),
            "hyperparameters": settings,
            "metrics": metrics,
            "command": command,
            "notes": list(notes),
        }
    )
    _refuse_absolute_paths(card)
    return card


def run_id(kind: str, settings: Mapping[str, Any], data: str, weights: str) -> str:
    """`kind` and eight hexadecimal digits that depend on hyperparameters, the fingerprints of data and weights, and on
    nothing else."""
    facts = json.dumps(_json({"settings": settings, "data": data, "weights": weights}), sort_keys=True)
    return f"{kind}-{hashlib.sha256(facts.encode()).hexdigest()[:8]}"


def command_line(arguments: Sequence[str]) -> str:
    """The shell command that trains this again: what followed `choreo-lab`, with paths relative to the working
    directory and without --resume and --replace."""
    words = [_relative(word) for word in arguments if word not in _NOT_THE_RUN]
    return shlex.join((PROGRAM, *words))


def git_revision(source: Path = Path(__file__)) -> str:
    """The short revision of the repository that holds `source`, with "+changes" when its Python files differ from it;
    "unknown" where git, the repository or the file's place in it is missing.

    Checkpoints are in the repository too: a dirty one says nothing about the code that made it.
    """
    if _git(source.parent, "ls-files", "--error-unmatch", source.name) is None:
        return "unknown"  # installed beside somebody else's repository, as .venv folders are
    revision = _git(source.parent, "rev-parse", "--short", "HEAD")
    if not revision:
        return "unknown"
    changes = _git(source.parent, "status", "--porcelain", "--", ":(top)*.py")
    return revision if changes == "" else f"{revision}+changes"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints, None when it fails."""
    program = shutil.which("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            [program, *arguments], cwd=folder, capture_output=True, text=True, timeout=_GIT_S, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _refuse_other_keys(metrics: Mapping[str, Mapping[str, Any]]) -> None:
    for name, entry in metrics.items():
        if set(entry) != METRIC_KEYS:
            raise ValueError(f"metric {name}: expected the keys {sorted(METRIC_KEYS)}, found {sorted(entry)}")


def _refuse_absolute_paths(card: Mapping[str, Any]) -> None:
    for text in _texts(card):
        if any(_is_absolute(word) for word in text.replace("=", " ").split()):
            raise ValueError(f"expected no absolute path in a card, found {text!r}")


def _relative(word: str) -> str:
    """An absolute path, alone or behind --option=, seen from the working directory."""
    option, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if not Path(value).is_absolute():
        return word
    try:
        seen = Path(os.path.relpath(value)).as_posix()
    except ValueError:  # on another drive
        seen = Path(value).name
    return f"{option}{equals}{seen}"


def _is_absolute(word: str) -> bool:
    bare = word.strip("'\"(),;:")
    return len(bare) > 1 and (PurePosixPath(bare).is_absolute() or PureWindowsPath(bare).is_absolute())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _json(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return _json(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    raise ValueError(f"expected what JSON can carry, found {value!r}")
