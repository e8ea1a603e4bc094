"""Training and validation sides that share neither a session nor a dancer.

Neighbouring frames at 50 Hz are nearly the same, and so are two sessions of one body: a split by frames, or by sessions
alone, measures memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from choreo_pipelines.datasets.corpus import Entry
from choreo_service.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Split:
    """Positions of the entries on each side, ascending; together all of them."""

    train: tuple[int, ...]
    validation: tuple[int, ...]


def split(corpus_entries: Sequence[Entry], *, seed: int, validation_share: float = 0.25) -> Split:
    """Divide entries so that no dancer and no take is on both sides; the seed alone decides, not the order of entries.

    Validation gets at most `validation_share` (0..1) of the entries, or the smallest group that can't be parted when
    that is more, and training keeps at least one. ConfigError when all entries hang together, as with a single dancer.
    """
    if not 0 < validation_share < 1:
        raise ValueError(f"validation_share: expected a share between 0 and 1, found {validation_share}")
    groups = _inseparable(corpus_entries)
    if len(groups) < 2:
        dancers = {entry.performer_id for entry in corpus_entries}
        raise ConfigError(
            f"can't set dancers aside for validation: expected takes of at least two who never share a take, "
            f"found {len(corpus_entries)} entries of {len(dancers)} dancers",
            fix="add takes of others, or make some: choreo-lab generate --sessions 5",
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    shuffled = [groups[i] for i in order]
    chosen = _choose(shuffled, round(validation_share * len(corpus_entries)))
    return Split(tuple(i for i in range(len(corpus_entries)) if i not in chosen), tuple(sorted(chosen)))


def _choose(groups: Sequence[Sequence[int]], wanted: int) -> set[int]:
    """Whole groups, as they come, up to `wanted` entries; the smallest one if none is small enough."""
    room = min(wanted, sum(map(len, groups)) - 1)
    chosen: set[int] = set()
    for group in groups:
        if len(chosen) + len(group) <= room:
            chosen.update(group)
    smallest = min(groups, key=len)
    return chosen or set(smallest)


def _inseparable(entries: Sequence[Entry]) -> list[list[int]]:
    """Entries joined by a common dancer or a common take, in an order that depends on the entries alone."""
    groups: list[tuple[set[str], list[int]]] = []  # (names of its takes and dancers, positions)
    for i in sorted(range(len(entries)), key=lambda i: (entries[i].performer_id, entries[i].name)):
        names = {f"take {entries[i].name}", f"dancer {entries[i].performer_id}"}
        touching = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        groups.append((names.union(*(g[0] for g in touching)), [j for g in touching for j in g[1]] + [i]))
    return [members for _, members in groups]
