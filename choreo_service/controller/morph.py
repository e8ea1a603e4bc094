"""From scene to scene: while one fades into the next both follow the body, so nothing jumps or stands still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from choreo_service.clock import NS
from choreo_service.commands import CommandError
from choreo_service.controller.paths import Chain, Scene

MOST_LAYERS: Final = 8  # scenes asked for while others still fade in; each costs as much as a whole tick's mapping


@dataclass(slots=True)
class _Layer:
    """One scene's chains [B][5] and how far it has faded in over those below it."""

    scene: str  # "": of scenes that are no more
    chains: Sequence[Sequence[Chain]]
    whole_ns: int
    gone_ns: int = 0

    @property
    def share(self) -> float:
        return 1.0 if self.gone_ns >= self.whole_ns else self.gone_ns / self.whole_ns


class Morph:
    """Plays one scene, or several while they fade into each other."""

    def __init__(self, scenes: Mapping[str, Scene], first: str, *, performers: int, period_ns: int) -> None:
        self._scenes, self._performers, self._period_ns = scenes, performers, period_ns
        self.scene = first
        self._layers = [self._layer(first, 0.0)]

    def change(self, name: str, morph_s: float | None) -> None:
        """Fade to a scene in `morph_s`, None: the scene's own time. CommandError where it doesn't exist."""
        scene = self._scenes.get(name)
        if scene is None:
            raise CommandError(f"no scene {name[:40]!r}", fix=f"one of {', '.join(self._scenes)}")
        self.require_room()
        self.scene = name
        self._layers.append(self._layer(name, scene.morph_s if morph_s is None else morph_s))

    def replace(self, scenes: Mapping[str, Scene], otherwise: str, morph_s: float) -> None:
        """These are the scenes now: fade to the new one of the name that plays, or to `otherwise` where it is gone."""
        self.require_room()
        self._scenes = scenes
        for layer in self._layers:
            layer.scene = ""
        self.change(self.scene if self.scene in scenes else otherwise, morph_s)

    def reshape(self, scenes: Mapping[str, Scene], fade_s: float) -> None:
        """The same scenes by other paths: whatever plays goes over to them, and fades on as it did."""
        self._scenes = scenes
        for layer in filter(lambda layer: layer.scene, self._layers):
            for row in layer.chains:
                for chain, path in zip(row, scenes[layer.scene].paths, strict=True):
                    chain.follow(path, round(fade_s * NS))

    def require_room(self) -> None:
        """CommandError while too many scenes fade into each other for another one to be asked for."""
        if len(self._layers) >= MOST_LAYERS:
            raise CommandError("too many scenes still fade into each other", fix="wait until one has arrived")

    @property
    def names(self) -> tuple[str, ...]:
        """The scenes there are, in the order they were given."""
        return tuple(self._scenes)

    @property
    def left_s(self) -> float:
        """Seconds until the newest scene plays alone."""
        newest = self._layers[-1]
        return max(0, newest.whole_ns - newest.gone_ns) / NS

    def advance(self, dt_ns: int) -> None:
        """Let time pass; once per tick, before `step`."""
        if len(self._layers) == 1:
            return
        for layer in self._layers:
            layer.gone_ns += dt_ns
        arrived = max(i for i, layer in enumerate(self._layers) if i == 0 or layer.share == 1.0)
        del self._layers[:arrived]

    def step(self, performer: int, positions: Sequence[float], dk: int) -> list[float]:
        """Engine positions [5] -> positions of the wires' ranges [5]."""
        lowest, *above = self._layers
        out = [chain.step(x, dk) for chain, x in zip(lowest.chains[performer], positions, strict=True)]
        for layer in above:
            share = layer.share
            for i, (chain, x) in enumerate(zip(layer.chains[performer], positions, strict=True)):
                out[i] += share * (chain.step(x, dk) - out[i])
        return out

    def _layer(self, name: str, whole_s: float) -> _Layer:
        paths = self._scenes[name].paths
        chains = [[Chain(path, self._period_ns) for path in paths] for _ in range(self._performers)]
        return _Layer(name, chains, round(whole_s * NS))
