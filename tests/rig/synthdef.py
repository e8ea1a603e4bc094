"""SuperCollider synth definitions as bytes, so that tests need scsynth but not its language.

Format: "Synth Definition File Format", version 2, of the SuperCollider reference. All numbers are big-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

SCALAR: Final = 0
CONTROL: Final = 1
AUDIO: Final = 2
MULTIPLY: Final = 2  # special index of BinaryOpUGen

Input = float | tuple[int, int]  # a constant, or (index of a ugen, index of its output)


@dataclass(frozen=True, slots=True)
class Ugen:
    """One unit generator; `inputs` may only name ugens that stand before it."""

    name: str
    rate: int  # SCALAR, CONTROL or AUDIO
    inputs: Sequence[Input] = ()
    outputs: int = 1
    special: int = 0


@dataclass(frozen=True, slots=True)
class SynthDef:
    """A named graph. `parameters` are its controls with defaults; ugen 0 is the Control that outputs them in order."""

    name: str
    parameters: Mapping[str, float]
    ugens: Sequence[Ugen] = field(default=())

    def to_bytes(self) -> bytes:
        """The file `/d_recv` takes: one definition."""
        graph = (Ugen("Control", CONTROL, (), outputs=len(self.parameters)), *self.ugens)
        constants = sorted({value for ugen in graph for value in ugen.inputs if isinstance(value, float)})
        out = [b"SCgf", struct.pack(">ih", 2, 1), _pstring(self.name)]
        out.append(struct.pack(f">i{len(constants)}f", len(constants), *constants))
        out.append(struct.pack(f">i{len(self.parameters)}f", len(self.parameters), *self.parameters.values()))
        out.append(struct.pack(">i", len(self.parameters)))
        out.extend(_pstring(name) + struct.pack(">i", index) for index, name in enumerate(self.parameters))
        out.append(struct.pack(">i", len(graph)))
        out.extend(_ugen(ugen, constants) for ugen in graph)
        out.append(struct.pack(">h", 0))  # no variants
        return b"".join(out)


def bright_saw(name: str = "choreo") -> SynthDef:
    """A saw through a low-pass: `gain` is loudness, `brightness` 0..1 moves the cut-off from 150 Hz to 6 kHz."""
    return SynthDef(
        name,
        {"gain": 0.2, "brightness": 0.5, "freq": 110.0},
        (
            Ugen("LinExp", CONTROL, ((0, 1), 0.0, 1.0, 150.0, 6000.0)),  # 1: cut-off in Hz
            Ugen("Saw", AUDIO, ((0, 2),)),  # 2
            Ugen("RLPF", AUDIO, ((2, 0), (1, 0), 0.5)),  # 3
            Ugen("BinaryOpUGen", AUDIO, ((3, 0), (0, 0)), special=MULTIPLY),  # 4
            Ugen("Out", AUDIO, (0.0, (4, 0), (4, 0)), outputs=0),
        ),
    )


def _ugen(ugen: Ugen, constants: Sequence[float]) -> bytes:
    head = _pstring(ugen.name) + struct.pack(">biih", ugen.rate, len(ugen.inputs), ugen.outputs, ugen.special)
    pairs = [(-1, constants.index(value)) if isinstance(value, float) else value for value in ugen.inputs]
    inputs = b"".join(struct.pack(">ii", *pair) for pair in pairs)
    return head + inputs + struct.pack(f">{ugen.outputs}b", *[ugen.rate] * ugen.outputs)


def _pstring(text: str) -> bytes:
    return struct.pack(">B", len(text)) + text.encode("ascii")
