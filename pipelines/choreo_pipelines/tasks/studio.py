"""What both trainings begin and end with: the corpus and its split, a folder for the arrays, the result on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from choreo_models.checkpoint import save_checkpoint
from choreo_pipelines.datasets import Corpus, Entry, find_takes, map_arrays, split, write_arrays
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.training import History, TrainSettings, build_card, discard_state, write_curves
from choreo_service.session import Session


@dataclass(frozen=True, slots=True)
class Studio:
    """The takes of one training, parted by dancer, and the folder it works in."""

    takes: Sequence[Session]
    corpus: Corpus
    train: tuple[Entry, ...]
    validation: tuple[Entry, ...]
    out: Path

    @classmethod
    def open(cls, data: Sequence[Path], out: Path, *, seed: int, hz: int) -> Studio:
        """Of the takes in `data`; ConfigError where nobody can be set aside for validation."""
        takes = find_takes(data)
        corpus = Corpus.open(takes, out / "cache", hz=hz)
        sides = split(corpus.entries, seed=seed)
        train, validation = (tuple(corpus.entries[i] for i in side) for side in (sides.train, sides.validation))
        return cls(takes, corpus, train, validation, out)

    def keep(self, name: str, arrays: Mapping[str, NDArray[Any]]) -> SessionArrays:
        """`arrays` on disk and mapped from there, so that a corpus need not fit in memory."""
        path = self.out / "cache" / f"{name}.arrow"
        write_arrays(path, arrays, {})
        return map_arrays(path)

    def facts(self) -> dict[str, Any]:
        """The `data` of a card."""
        return {
            "fingerprint": self.corpus.fingerprint,
            "synthetic": self.corpus.synthetic,
            "takes": len(self.takes),
            "minutes": round(sum(len(e.t_ns) for e in self.corpus.entries) / self.corpus.hz / 60.0, 1),
            "performers": {
                "train": sorted({e.performer_id for e in self.train}),
                "validation": sorted({e.performer_id for e in self.validation}),
            },
            "settings": _made_with(self.takes),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """A finished training before it is written."""

    kind: str
    weights: Mapping[str, NDArray[np.float32]]
    history: History
    settings: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    extra: Mapping[str, Any] = field(default_factory=dict)  # card keys beside those of build_card
    notes: Sequence[str] = ()


def write_result(studio: Studio, result: Result, command: str) -> list[Path]:
    """Weights, card and curves in the studio's folder; only then the unfinished state goes."""
    card = build_card(
        kind=result.kind,
        weights=result.weights,
        settings=result.settings,
        data=studio.facts(),
        metrics=result.metrics,
        command=command,
        notes=result.notes,
    )
    files = [*save_checkpoint(studio.out, result.weights, {**card, "hz": studio.corpus.hz, **result.extra})]
    files += write_curves(result.history, studio.out, result.kind, caption={"run_id": card["run_id"]})
    discard_state(studio.out, result.kind)
    return files


def hyperparameters(training: TrainSettings, own: Mapping[str, Any]) -> dict[str, Any]:
    """What decides the weights beside the data."""
    return {**training.to_dict(), **own}


def _made_with(takes: Sequence[Session]) -> list[Any]:
    """The distinct settings of the generator among the takes."""
    found: list[Any] = []
    for take in takes:
        made = take.meta.get("generator", {})
        settings = {"seed": made.get("seed"), **made.get("settings", {})} if made else {"source": "recorded"}
        if settings not in found:
            found.append(settings)
    return found
