"""How well M3 plays the teacher, the way it plays on stage: one state carried through the whole session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader  # noqa: TID251 - the studio, not the stage

from choreo_models.mapper import GRUMapper
from choreo_pipelines.datasets.sessions import SessionArrays
from choreo_pipelines.datasets.windows import SessionWindowDataset
from choreo_pipelines.evaluation.body import Dancers
from choreo_pipelines.evaluation.coherence import ridge_r2
from choreo_pipelines.evaluation.gate import RANGE, SATURATED, SHORT_WINDOW_MSE, WINDOW_MEAN, WINDOW_P99, Gate
from choreo_pipelines.evaluation.metric import metric
from choreo_pipelines.metrics import control_usage
from choreo_pipelines.teachers import Statistics, Teacher

WINDOW: Final = 50
SHORT_WINDOW: Final = 20
_STRIDE: Final = 25  # frames between windows that are compared
_EVERY: Final = 5  # frames the ridge is fitted on


def carried(model: GRUMapper, z: NDArray[np.float32]) -> NDArray[np.float32]:
    """A whole session [T, 104] with its state carried from the first frame: [T, 5]."""
    device = next(model.parameters()).device
    with torch.no_grad():
        controls, _ = model.sequence(torch.from_numpy(np.array(z)[None]).to(device))
    out: NDArray[np.float32] = controls[0].cpu().numpy()
    return out


def windowed(model: GRUMapper, z: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """The last frame of every `_STRIDE`th window that begins from rest: [N, 5], for frames window - 1 + i * _STRIDE."""
    windows: Any = SessionWindowDataset([{"z": z}], window=window, stride=_STRIDE)
    device = next(model.parameters()).device
    with torch.no_grad():
        parts = [model(batch["z"].to(device)).cpu().numpy() for batch in DataLoader(windows, batch_size=256)]
    return np.concatenate(parts)


def mapper_numbers(
    model: GRUMapper, train: Sequence[SessionArrays], unseen: Sequence[Mapping[str, SessionArrays]]
) -> dict[str, dict[str, Any]]:
    """The card's numbers of M3. `train`: known walks, for the baselines; `unseen`: the four walks of each session."""
    known = [walks["known"] for walks in unseen]
    played = [carried(model, s["z"]) for s in known]
    error = _mse(played, known)
    constant, ridge = baselines(train, known)
    apart, apart_p99, short = _window_numbers(model, known, played)
    found = {
        "mse": metric(error, {"ridge on the instant": ridge, "constant": constant}, Gate("<", ridge)),
        "windowed_mean_diff": metric(apart, {}, WINDOW_MEAN),
        "windowed_p99_diff": metric(apart_p99, {}, WINDOW_P99),
        "window_20_mse": metric(short, {"constant": constant}, SHORT_WINDOW_MSE),
    }
    for walk in ("unknown", "masked", "apart"):
        sessions = [walks[walk] for walks in unseen]
        value = _mse([carried(model, s["z"]) for s in sessions], sessions)
        found[f"mse_{walk}"] = metric(value, {"constant": constant})
    return {**found, **_range_numbers(np.concatenate(played))}


def teacher_apart(dancers: Dancers, teacher: Teacher) -> float:
    """The 99th percentile of |the teacher from rest on WINDOW frames - the teacher all along|, on the frames of
    `windowed`: what a window can't know of the seconds before it, however well a net plays."""
    differences = []
    for x, targets in zip(dancers.features, dancers.targets(teacher), strict=True):
        statistics = Statistics.of(x)
        for last in range(WINDOW - 1, len(x), _STRIDE):
            seen = x[last - WINDOW + 1 : last + 1]
            alone = teacher.targets(seen, statistics, period_s=1.0 / dancers.hz)[-1]
            differences.append(np.abs(alone - targets[last]))
    return float(np.quantile(np.concatenate(differences), 0.99))


def baselines(train: Sequence[SessionArrays], unseen: Sequence[SessionArrays]) -> tuple[float, float]:
    """Mean squared errors on `unseen` of the best constant and of ridge regression on the instant latent."""
    z, c, other_z, other_c = (
        np.concatenate([s[name][::_EVERY] for s in side]) for side in (train, unseen) for name in ("z", "targets")
    )
    constant = float(np.square(other_c - c.mean(axis=0)).mean())
    r2 = ridge_r2((z, c), (other_z, other_c))
    return constant, float(np.mean([(1.0 - r) * v for r, v in zip(r2, other_c.var(axis=0), strict=True)]))


def _window_numbers(
    model: GRUMapper, sessions: Sequence[SessionArrays], played: Sequence[NDArray[np.float32]]
) -> tuple[float, float, float]:
    apart = []
    short = []
    for session, carried_ in zip(sessions, played, strict=True):
        apart.append(np.abs(windowed(model, session["z"], WINDOW) - carried_[WINDOW - 1 :: _STRIDE]))
        found = windowed(model, session["z"], SHORT_WINDOW)
        short.append(np.square(found - session["targets"][SHORT_WINDOW - 1 :: _STRIDE]))
    differences = np.concatenate(apart)
    return (
        float(differences.mean()),
        float(np.quantile(differences, 0.99)),
        float(np.concatenate(short).mean()),
    )


def _range_numbers(controls: NDArray[np.float32]) -> dict[str, dict[str, Any]]:
    usage, constant = control_usage(controls), {"constant": 0.0}
    found = {f"saturated_{name}": metric(share, constant, SATURATED) for name, share in usage.saturated.items()}
    return found | {f"range_{name}": metric(used, constant, RANGE) for name, used in usage.used_range.items()}


def _mse(played: Sequence[NDArray[np.float32]], sessions: Sequence[SessionArrays]) -> float:
    return float(
        np.concatenate([np.square(p - s["targets"]).mean(axis=1) for p, s in zip(played, sessions, strict=True)]).mean()
    )
