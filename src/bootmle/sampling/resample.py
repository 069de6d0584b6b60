"""A resample: what a plan hands to a refit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import take_rows

__all__ = [
    "Resample",
]


@dataclass(slots=True)  # frozen, it would take three times as long to make
class Resample:
    """One resample of n observations: rows drawn, a weight for each, or new data altogether.

    Attributes
    ----------
    n : int
        Number of observations.
    rows : (m,) int array or None
        Row numbers in the order drawn; None for a scheme of fractional weights.
    fractions : (n,) array or None
        The weights of such a scheme.
    simulate : callable or None
        ``simulate(params, args) -> args``, where new data are simulated at the estimate.
    relabel : callable or None
        ``relabel(args) -> args``, where groups drawn twice need labels of their own.
    multipliers : (G,) array or None
        Those of the clusters' scores, where nothing is drawn.
    """

    n: int
    rows: NDArray[np.intp] | None = None
    fractions: Floats | None = None
    simulate: Callable[[Floats, tuple[Any, ...]], Any] | None = None
    relabel: Callable[[tuple[Any, ...]], tuple[Any, ...]] | None = None
    multipliers: Floats | None = None
    counts: Floats | None = field(default=None, init=False, repr=False, compare=False)

    def of(self, args: tuple[Any, ...], index: str = "") -> tuple[Any, ...]:
        """Take the rows as drawn, with fresh labels where copies need them."""
        assert self.rows is not None
        taken = take_rows(args, self.rows, index)
        relabeled: tuple[Any, ...] = taken if self.relabel is None else self.relabel(taken)
        return relabeled

    @property
    def weights(self) -> Floats:
        """Weight of each observation, (n,): how often it was drawn."""
        if self.fractions is not None:
            return self.fractions
        if self.counts is None:  # takes as long as to draw, and is asked for several times
            assert self.rows is not None
            self.counts = np.bincount(self.rows, minlength=self.n).astype(float)
        return self.counts
