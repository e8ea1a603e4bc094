"""The state of an unfinished training on disk: one safetensors file, replaced as a whole, never pickle.

The facts about the run stand as JSON in the file's own header, because two files can't be replaced at once: after a
power cut between the two, neither would belong to the other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from choreo_pipelines.training.errors import TrainingError
from choreo_service.errors import ConfigError

FORMAT: Final = 1
ANEW: Final = "start anew: --replace"

Tensors = Mapping[str, torch.Tensor]


def prepare_folder(folder: Path, kind: str, resume: bool, replace: bool) -> None:
    """Make `folder` ready to train `kind` in, before anything slow begins; ConfigError says which option is missing.

    Work of before is only touched with `replace`, and then only the unfinished state: a finished result stays until
    the new one replaces it.
    """
    state, finished = state_path(folder, kind), [p for p in result_paths(folder, kind) if p.exists()]
    if resume and replace:
        raise ConfigError("--resume and --replace contradict each other", fix="give one of the two")
    if resume and not state.exists():
        found = f"{finished[0]} is finished" if finished else f"there is no {state.name} in {folder}"
        raise ConfigError(f"nothing to resume: {found}", fix=ANEW if finished else "leave out --resume")
    if state.exists() and not (resume or replace):
        raise ConfigError(f"{state} is an unfinished training", fix=f"go on with it: --resume; or {ANEW}")
    if finished and not (resume or replace):
        raise ConfigError(
            f"{finished[0]} is there already, from a finished training (nothing is left to --resume)",
            fix=f"{ANEW}; or choose another folder",
        )
    with _writing(f"in {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        partial_path(state).touch()  # a folder that can't be written to is found now, not at the first save
        partial_path(state).unlink()
    if not resume:
        discard_state(folder, kind)


def save_state(folder: Path, kind: str, step: int, identity: Mapping[str, Any], tensors: Tensors) -> None:
    """Write the state after `step` steps; TrainingError when that fails, and the state of before is still there then.

    `identity` is what a resumed run must share, name -> JSON value.
    """
    own = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    facts = {"format": FORMAT, "kind": kind, "step": step, "digest": digest(own), "identity": dict(identity)}
    path = state_path(folder, kind)
    with _writing(f"the state of step {step} in {folder}"):
        _replace(path, save(own, {"facts": json.dumps(facts, sort_keys=True)}))


def load_state(folder: Path, kind: str, identity: Mapping[str, Any]) -> tuple[int, dict[str, torch.Tensor]]:
    """Finished steps and tensors (on the CPU) of the saved state.

    TrainingError when the file is missing or damaged, ConfigError naming what differs when it belongs to another run.
    """
    path = state_path(folder, kind)
    facts, tensors = _read(path)
    if facts.get("format") != FORMAT or facts.get("kind") != kind:
        raise _damaged(path, f"it says format {facts.get('format')}, kind {facts.get('kind')}")
    if facts.get("digest") != digest(tensors):
        raise _damaged(path, "its numbers are not those that were written")
    _refuse_other(path, facts["identity"], json.loads(json.dumps(dict(identity))))
    return int(facts["step"]), tensors


def discard_state(folder: Path, kind: str) -> None:
    """Remove the state, once the run's result is safely on disk; nothing happens when there is none."""
    path = state_path(folder, kind)
    with _writing(f"in {folder}"):
        path.unlink(missing_ok=True)
        partial_path(path).unlink(missing_ok=True)


def state_path(folder: Path, kind: str) -> Path:
    return folder / f"{kind}_state.safetensors"


def partial_path(path: Path) -> Path:
    """Where a state stands while it is being written; always the same, so that a killed run leaves at most one."""
    return path.with_name(f".{path.name}.partial")


def result_paths(folder: Path, kind: str) -> tuple[Path, Path]:
    """Weights and card of a finished training, the pair described in checkpoints/README.md."""
    return folder / f"{kind}.safetensors", folder / f"{kind}.json"


def digest(tensors: Tensors) -> str:
    """sha256 over names, types, shapes and bytes; the order of the mapping doesn't matter."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def _replace(path: Path, data: bytes) -> None:
    """Write beside `path`, sync, then take its place: whenever this is cut off, `path` is the old or the new file."""
    partial = partial_path(path)
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    if os.name != "nt":  # Windows can't open folders and writes their entries through
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            facts = json.loads((file.metadata() or {}).get("facts", "{}"))
            return facts, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError as error:
        raise TrainingError(f"there is no {path.name} in {path.parent}", fix="leave out --resume") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, reason: str) -> TrainingError:
    return TrainingError(f"{path} is damaged and can't be resumed: {reason}", fix=ANEW)


def _refuse_other(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """ConfigError when the run that saved `path` is not this one."""
    for name in sorted({*before, *now}):
        was, is_now = before.get(name), now.get(name)
        if was != is_now:
            raise ConfigError(
                f"{path.name} belongs to a run with {name} {was}; now it is {is_now}",
                fix=f"go back to {name} {was}, or {ANEW}",
            )


@contextlib.contextmanager
def _writing(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"can't write {what}: {error.strerror or error}",
            fix="make room on that disk or the folder writable, then the same command again (with --resume where a "
            "state was saved before)",
        ) from error
