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

_BEAT: Final = slice(FEATURE_COLUMNS.index("beat_phase"), FEATURE_COLUMNS.index("beat_idx") + 1)
_ANGLES: Final = slice(_BEAT.start, _BEAT.start + 2 * len(HARMONICS))
_PER_BEAT: Final = np.array(2 * HARMONICS, np.float32) * np.float32(2.0 * math.pi / BEATS_PER_BAR)  # rad
_MOTION, _HEART = MODALITIES["motion"].latent, MODALITIES["heart"].latent
_OTHERS: Final = slice(_MOTION.stop, LATENT_DIM)
# As arrays: numpy takes as long to convert a Python number as to calculate with it, and all this happens every tick.
_HALF, _ONE = np.array(0.5, np.float32), np.array(1.0, np.float32)
_BATCH_NORM_EPS: Final = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class _Encoder:
    """Two layers, the batch normalisation folded into the second."""

    first: FloatArray
    first_bias: FloatArray
    second: FloatArray
    second_bias: FloatArray


class NumpyCoherence:
    """CoherenceKernel of an `rps` checkpoint. CheckpointError names a weight that is missing or has another shape.

    A tick's cost is the number of calls, so the four encoders are one net with zeros between them. Only motion's second
    layer, which is two thirds of all, has a call of its own: with zeros it would be several times as large.
    Halves that a logistic function needs stand in the weights: x * sigmoid(x) = x/2 * (1 + tanh(x/2)), and scaling by a
    power of two changes no bit.
    """

    def __init__(self, rps: Weights) -> None:
        motion, *others = encoders = [_encoder(rps, name) for name in MODALITIES]
        self._first = _HALF * _joined([e.first for e in encoders])
        self._first_bias = _HALF * np.concatenate([e.first_bias for e in encoders])
        self._motion, self._others = motion.second, _joined([e.second for e in others])
        self._second_bias = np.concatenate([e.second_bias for e in encoders])
        self._row_biases = self._first_bias[None], self._second_bias[None]
        self._translate, translate_bias = _translators(rps)
        self._translate_bias = translate_bias[None]
        self._translate_heart = np.ascontiguousarray(self._translate[:, _HEART])

    def encode(self, x: FloatArray) -> FloatArray:
        inputs = x.dot(_SPREAD)
        angles = inputs[:, _ANGLES]
        angles *= _PER_BEAT
        sines, cosines = angles[:, : len(HARMONICS)], angles[:, len(HARMONICS) :]
        np.sin(sines, out=sines)
        np.cos(cosines, out=cosines)
        first_bias, second_bias = self._biases(len(x))
        half = inputs.dot(self._first)
        half += first_bias
        hidden = np.tanh(half)
        hidden += _ONE
        hidden *= half
        z = np.empty((len(x), LATENT_DIM), dtype=np.float32)
        width = len(self._motion)
        np.matmul(hidden[:, :width], self._motion, out=z[:, _MOTION])
        np.matmul(hidden[:, width:], self._others, out=z[:, _OTHERS])
        z += second_bias
        return z

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        out: FloatArray = z.dot(self._translate)
        out[:, _HEART] = memory.dot(self._translate_heart)
        out += self._translate_bias
        return out

    def _biases(self, rows: int) -> tuple[FloatArray, FloatArray]:
        """The encoders' biases once per row: adding what must be stretched first costs twice as much."""
        if rows != len(self._row_biases[0]):
            self._row_biases = np.tile(self._first_bias, (rows, 1)), np.tile(self._second_bias, (rows, 1))
        return self._row_biases


class NumpyReflex:
    """ReflexKernel of a `mapper` checkpoint, with errors likewise. Gate order and biases as torch.nn.GRU has them."""

    def __init__(self, mapper: Weights) -> None:
        self.hidden = h = _rows(mapper, "gru.weight_hh_l0") // 3
        halves = np.concatenate((np.full(2 * h, _HALF), np.ones(h, np.float32)))  # of the gates, for their sigmoid
        self._input = halves * _transposed(mapper, "gru.weight_ih_l0", (3 * h, LATENT_DIM))
        self._recurrent = halves * _transposed(mapper, "gru.weight_hh_l0", (3 * h, h))
        self._input_bias = (halves * _get(mapper, "gru.bias_ih_l0", (3 * h,)))[None]
        self._recurrent_bias = (halves * _get(mapper, "gru.bias_hh_l0", (3 * h,)))[None]
        self._head = _HALF * _transposed(mapper, "head.weight", (len(CONTROL_NAMES), h))
        self._head_bias = (_HALF * _get(mapper, "head.bias", (len(CONTROL_NAMES),)))[None]

    def reflex(self, x: FloatArray, h: FloatArray) -> tuple[FloatArray, FloatArray]:
        gates = 2 * self.hidden
        seen = x.dot(self._input)
        seen += self._input_bias
        kept = h.dot(self._recurrent)
        kept += self._recurrent_bias
        opened = _sigmoid_of_half(seen[:, :gates] + kept[:, :gates])
        candidate = opened[:, : self.hidden] * kept[:, gates:]
        candidate += seen[:, gates:]
        np.tanh(candidate, out=candidate)
        state = h - candidate
        state *= opened[:, self.hidden :]
        state += candidate
        controls = state.dot(self._head)
        controls += self._head_bias
        return _sigmoid_of_half(controls), state


def _encoder(weights: Weights, name: str) -> _Encoder:
    m = MODALITIES[name]
    width, out = m.latent.stop - m.latent.start, 2 * len(HARMONICS) if name == "beat" else m.width
    hidden = _rows(weights, f"encoders.{name}.first.weight")
    variance = _get(weights, f"encoders.{name}.scale.running_var", (width,))
    if (variance < 0).any():
        raise CheckpointError(f"encoders.{name}.scale.running_var: expected variances, found {variance.min():g}")
    scale = 1.0 / np.sqrt((variance + _BATCH_NORM_EPS) * width)
    second = _get(weights, f"encoders.{name}.second.weight", (width, hidden)) * scale[:, None]
    bias = _get(weights, f"encoders.{name}.second.bias", (width,))
    return _Encoder(
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


def _sigmoid_of_half(half: FloatArray) -> FloatArray:
    """1 / (1 + exp(-2 half)), in its place. By tanh: no overflow to warn about, whatever the input."""
    np.tanh(half, out=half)
    half += _ONE
    half *= _HALF
    return half


def _spread() -> FloatArray:
    """[11, 17] features to the inputs of the first layers: the beat's two columns become, twice for each harmonic, the
    beats since the bar began."""
    columns = len(FEATURE_COLUMNS)
    spread = np.zeros((columns, columns - 2 + 2 * len(HARMONICS)), dtype=np.float32)
    spread[: _BEAT.start, : _BEAT.start] = np.eye(_BEAT.start)
    spread[_BEAT, _ANGLES] = 1.0
    spread[_BEAT.stop :, _ANGLES.stop :] = np.eye(columns - _BEAT.stop)
    return spread


_SPREAD: Final = _spread()
