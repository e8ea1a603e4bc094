"""Checkpoints: NAME.safetensors (weights, never pickle) and NAME.json (its card). Read without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

CARD_VERSION: Final = 1
KINDS: Final = ("rps", "mapper")
_MAX_BYTES: Final = 64 * 1024 * 1024  # these nets weigh half a megabyte
_NEEDED: Final = ("card_version", "kind", "run_id", "weights_sha256", "hz")

Weights = Mapping[str, NDArray[np.float32]]


class CheckpointError(Exception):
    """A checkpoint can't be used; the text says which file, what was found and what was expected."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights by name, and the card that says where they come from."""

    weights: Weights
    card: Mapping[str, Any]

    @property
    def run_id(self) -> str:
        return str(self.card["run_id"])

    @property
    def hz(self) -> float:
        """Frames per second it was trained at."""
        return float(self.card["hz"])


def fingerprint(weights: Weights) -> str:
    """SHA-256 of all names, shapes and numbers."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        value = np.ascontiguousarray(weights[name], dtype=np.float32)
        digest.update(f"{name} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def save_checkpoint(folder: Path, weights: Weights, card: Mapping[str, Any]) -> tuple[Path, Path]:
    """Write `<kind>.safetensors` and `<kind>.json` of `card["kind"]` into `folder`, each complete or not at all."""
    stem = folder / str(card["kind"])
    packed = {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in weights.items()}
    complete = {**card, "weights_sha256": fingerprint(packed)}
    folder.mkdir(parents=True, exist_ok=True)
    files = (stem.with_suffix(".safetensors"), stem.with_suffix(".json"))
    contents = (save(packed), (json.dumps(complete, indent=1, sort_keys=True) + "\n").encode())
    for path, content in zip(files, contents, strict=True):
        temporary = path.with_suffix(path.suffix + ".partial")
        temporary.write_bytes(content)
        temporary.replace(path)
    return files


def load_checkpoint(folder: Path, kind: str) -> Checkpoint:
    """The checkpoint `kind` of `folder`; CheckpointError where a file is missing, damaged or belongs to another."""
    weights_path = folder / f"{kind}.safetensors"
    card = load_card(folder, kind)
    weights = _weights(weights_path)
    if fingerprint(weights) != card["weights_sha256"]:
        raise CheckpointError(f"{weights_path} does not belong to {kind}.json: its weights have another fingerprint")
    return Checkpoint(weights, card)


def load_card(folder: Path, kind: str) -> dict[str, Any]:
    """The card of the checkpoint `kind` alone; CheckpointError where it is missing, damaged or another's."""
    path = folder / f"{kind}.json"
    try:
        card = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not a model card: {error}") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path} is not a model card: expected an object, found {type(card).__name__}")
    missing = [key for key in _NEEDED if key not in card]
    if missing:
        raise CheckpointError(f"{path} is not a model card: no {', '.join(missing)}")
    if card["card_version"] != CARD_VERSION or card["kind"] != kind:
        found = f"version {card['card_version']} of kind {card['kind']!r}"
        raise CheckpointError(f"{path}: found {found}, expected version {CARD_VERSION} of kind {kind!r}")
    hz = card["hz"]
    if not isinstance(hz, int | float) or not 1.0 <= hz <= 1000.0:
        raise CheckpointError(f"{path}: hz: expected 1..1000 frames per second, found {hz!r}")
    return card


def _weights(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        weights = load(_bytes(path))
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged: {error}") from error
    except KeyError as error:  # a number type numpy doesn't have, such as BF16
        raise CheckpointError(f"{path}: expected float32 numbers, found {error}") from error
    for name, value in weights.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise CheckpointError(f"{path}: {name}: expected finite float32 numbers")
    return weights


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise CheckpointError(f"{path} is too large for a checkpoint: {path.stat().st_size} bytes")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} can't be read: {error.strerror}") from error
