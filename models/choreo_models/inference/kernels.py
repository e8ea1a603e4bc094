"""What a backend must be able to do: the matrix parts of a tick. Everything with a memory stands above them."""

from __future__ import annotations

from typing import Protocol

from choreo_service.packets import FloatArray


class CoherenceKernel(Protocol):
    """M1's nets. Stateless and deterministic; float32 in, float32 out; any number of rows. What they are given is
    written over at the next step: who keeps it, copies it."""

    def encode(self, x: FloatArray) -> FloatArray:
        """Standardised features [N, 11], the beat as (phase, beat in bar) -> latents [N, 104]"""
        ...

    def translate(self, z: FloatArray, memory: FloatArray) -> FloatArray:
        """Latents and what the heart's translator reads instead, [N, 104] -> every block from the other three"""
        ...


class ReflexKernel(Protocol):
    """M3's net, likewise."""

    @property
    def hidden(self) -> int:
        """Width of the state."""
        ...

    def reflex(self, x: FloatArray, h: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Normalised latents [N, 104] and the state before [N, hidden] -> control positions [N, 5], state after"""
        ...
