"""Resamples of a resample: weights of weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats

__all__ = ["draw_again"]


def draw_again(
    drawn: Floats, strata: NDArray[np.intp], n_resamples: int, rng: np.random.Generator
) -> Floats:
    """Draw as many units in each stratum as a resample has, from those it drew so often (G,)."""
    # Returns how often each resample has each unit, (n_resamples, G).
    count, weights = drawn.size, np.zeros(n_resamples * drawn.size)
    rows = np.arange(n_resamples)[:, None] * count
    for stratum in np.unique(strata):
        inside = np.flatnonzero(strata == stratum)
        there = np.repeat(inside, drawn[inside].astype(np.intp))
        if there.size:
            places = there[rng.integers(there.size, size=(n_resamples, there.size))]
            weights += np.bincount((rows + places).ravel(), minlength=weights.size)
    return weights.reshape(n_resamples, count)
