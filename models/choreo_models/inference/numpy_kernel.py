"""The nets in plain numpy: several times as fast as torch eager for one dancer, and the daemon starts without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from choreo_models.checkpoint import CheckpointError, Weights
from choreo_models.harmonics import BEATS_PER_BAR, HARMONICS
from choreo_service.packets import CONTROL_NAMES, FEATURE_COLUMNS, LATENT_DIM, MODALITIES, FloatArray

_HARMONICS: Final = np.array(HARMONICS, dtype=np.float32)
_BAR_ANGLE: Final = np.float32(2.0 * math.pi / BEATS_PER_BAR)  # per beat
_BEAT: Final = slice(FEATURE_COLUMNS.index("beat_phase"), FEATURE_COLUMNS.index("beat_idx") + 1)
_BATCH_NORM_EPS: Final = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class _Encoder:
    """Two layers, the batch normalisation folded into the second."""

    latent: slice
    first: FloatArray
    first_bias: FloatArray
    second: FloatArray
    second_bias: FloatArray


class NumpyCoherence:
    """CoherenceKernel of an `rps` checkpoint. CheckpointError names a weight that is missing or has another shape."""

    def __init__(self, rps: Weights) -> None:
        self._encoders = tuple(_encoder(rps, name) for name in MODALITIES)
        self._first = _joined([e.first for e in self._encoders])
        self._first_bias = np.concatenate([e.first_bias for e in self._encoders])
        self._second_bias = np.concatenate([e.second_bias for e in self._encoders])
        self._translate, self._translate_bias = _translators(rps)
        self._heart = MODALITIES["heart"].latent

    def encode(self, x: FloatArray) -> FloatArray:
        # The four first layers as one: a tick's cost is the number of calls. The second ones are worth a call each.
        parts = (x[:, : _BEAT.start], _harmonics(x[:, _BEAT]), x[:, _BEAT.stop :])
        hidden = np.concatenate(parts, axis=1) @ self._first
        hidden += self._first_bias
        hidden *= _sigmoid(hidden)
        z = np.empty((len(x), LATENT_DIM), dtype=np.float32)
        at = 0
        for e in self._encoders:
            np.matmul(hidden[:, at : at + len(e.second)], e.second, out=z[:, e.latent])
            at += len(e.second)
        z += self._second_bias
        return z

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        out: FloatArray = z @ self._translate
        out[:, self._heart] = memory @ self._translate[:, self._heart]
        out += self._translate_bias
        return out


class NumpyReflex:
    """ReflexKernel of a `mapper` checkpoint, with errors likewise. Gate order and biases as torch.nn.GRU has them."""

    def __init__(self, mapper: Weights) -> None:
        self.hidden = h = _rows(mapper, "gru.weight_hh_l0") // 3
        self._input = _transposed(mapper, "gru.weight_ih_l0", (3 * h, LATENT_DIM))
        self._recurrent = _transposed(mapper, "gru.weight_hh_l0", (3 * h, h))
        self._input_bias = _get(mapper, "gru.bias_ih_l0", (3 * h,))
        self._recurrent_bias = _get(mapper, "gru.bias_hh_l0", (3 * h,))
        self._head = _transposed(mapper, "head.weight", (len(CONTROL_NAMES), h))
        self._head_bias = _get(mapper, "head.bias", (len(CONTROL_NAMES),))

    def reflex(self, x: FloatArray, h: FloatArray) -> tuple[FloatArray, FloatArray]:
        width = self.hidden
        seen = x @ self._input
        seen += self._input_bias
        kept = h @ self._recurrent
        kept += self._recurrent_bias
        gates = _sigmoid(seen[:, : 2 * width] + kept[:, : 2 * width])
        reset, update = gates[:, :width], gates[:, width:]
        candidate = np.tanh(seen[:, 2 * width :] + reset * kept[:, 2 * width :])
        state = candidate + update * (h - candidate)
        return _sigmoid(state @ self._head + self._head_bias), state


def _encoder(weights: Weights, name: str) -> _Encoder:
    m = MODALITIES[name]
    width, out = m.latent.stop - m.latent.start, 2 * len(_HARMONICS) if name == "beat" else m.width
    hidden = _rows(weights, f"encoders.{name}.first.weight")
    variance = _get(weights, f"encoders.{name}.scale.running_var", (width,))
    if (variance < 0).any():
        raise CheckpointError(f"encoders.{name}.scale.running_var: expected variances, found {variance.min():g}")
    scale = 1.0 / np.sqrt((variance + _BATCH_NORM_EPS) * width)
    second = _get(weights, f"encoders.{name}.second.weight", (width, hidden)) * scale[:, None]
    bias = _get(weights, f"encoders.{name}.second.bias", (width,))
    return _Encoder(
        m.latent,
        _transposed(weights, f"encoders.{name}.first.weight", (hidden, out)),
        _get(weights, f"encoders.{name}.first.bias", (hidden,)),
        np.ascontiguousarray(second.T, dtype=np.float32),
        ((bias - _get(weights, f"encoders.{name}.scale.running_mean", (width,))) * scale).astype(np.float32),
    )


def _joined(blocks: list[FloatArray]) -> FloatArray:
    """The blocks along the diagonal of one matrix."""
    rows, columns = (sum(block.shape[axis] for block in blocks) for axis in (0, 1))
    matrix = np.zeros((rows, columns), dtype=np.float32)
    row = column = 0
    for block in blocks:
        matrix[row : row + len(block), column : column + block.shape[1]] = block
        row, column = row + len(block), column + block.shape[1]
    return matrix


def _translators(weights: Weights) -> tuple[FloatArray, FloatArray]:
    """All four as one matrix, own blocks zero."""
    matrix = np.zeros((LATENT_DIM, LATENT_DIM), dtype=np.float32)
    bias = np.zeros(LATENT_DIM, dtype=np.float32)
    for name, m in MODALITIES.items():
        width = m.latent.stop - m.latent.start
        weight = _get(weights, f"translators.{name}.linear.weight", (width, LATENT_DIM))
        if weight[:, m.latent].any():
            raise CheckpointError(f"translators.{name}: sees its own block, which leave-one-out forbids")
        matrix[:, m.latent] = weight.T
        bias[m.latent] = _get(weights, f"translators.{name}.linear.bias", (width,))
    return matrix, bias


def _get(weights: Weights, name: str, shape: tuple[int, ...] | None = None) -> NDArray[np.float32]:
    if name not in weights:
        raise CheckpointError(f"the weights hold no {name}")
    value = weights[name]
    if shape is not None and value.shape != shape:
        raise CheckpointError(f"{name}: expected shape {list(shape)}, found {list(value.shape)}")
    return value


def _rows(weights: Weights, name: str) -> int:
    """Of a matrix, whatever its shape turns out to be: the other shapes follow from it and are checked then."""
    return len(np.atleast_1d(_get(weights, name)))


def _transposed(weights: Weights, name: str, shape: tuple[int, ...]) -> FloatArray:
    return np.ascontiguousarray(_get(weights, name, shape).T)


def _harmonics(beat: FloatArray) -> FloatArray:
    angles = (beat[:, :1] + beat[:, 1:]) * _BAR_ANGLE * _HARMONICS
    return np.concatenate((np.sin(angles), np.cos(angles)), axis=1)


def _sigmoid(x: FloatArray) -> FloatArray:
    # By tanh: no overflow to warn about, whatever the input.
    half: FloatArray = np.tanh(0.5 * x)
    half += 1.0
    half *= 0.5
    return half
