"""The masks of a frame are remembered, and made anew as soon as anything they depend on has changed."""

from __future__ import annotations

import numpy as np
from model_samples import dancing, frame

from choreo_models.inference.masks import MaskMemory
from choreo_service.packets import ModalityState

X = dancing(1, rows=2)[0]


def test_the_same_situation_is_not_looked_at_twice_and_another_is() -> None:
    memory = MaskMemory()
    first = memory.of(frame(0, X), X)
    assert memory.of(frame(1, X + 1), X + 1) is first
    assert first.all_usable
    held = frame(2, X)
    held.state[1, 0] = ModalityState.HELD
    masks = memory.of(held, X)
    assert (masks.all_usable, masks.all_fresh) == (True, False)
    assert np.flatnonzero(masks.stale_blocks).tolist() == list(range(104, 104 + 64))


def test_a_number_that_is_not_finite_masks_its_modality_for_as_long_as_it_lasts() -> None:
    memory, bad = MaskMemory(), X.copy()
    memory.of(frame(0, X), X)
    for column, modality in ((6, 1), (10, 3)):
        bad[:] = X
        bad[1, column] = np.nan
        masks = memory.of(frame(1, bad), bad)
        assert np.argwhere(~masks.usable).tolist() == [[1, modality]]
    assert memory.of(frame(2, X), X).all_fresh
