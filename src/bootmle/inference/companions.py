"""What another parameter's replicates add to a correction by a parameter's own.

An expansion ends with third derivatives. What it leaves out of an intercept, say, is a fourth one
times the move of a scale and the squares of many others: nearly a line in the scale. Measured on a
Weibull, n = 1,500, p = 12, with 40 verified of 1,999: the correction's error is 0.20 of the Monte
Carlo error, and 0.52 without companions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.inference.cubic import Cubic
from bootmle.likelihood.arrays import Floats

__all__ = ["Companions"]

_ACCOUNTS = 0.5
"""Least share of the residual variance that a companion accounts for. By chance one does in at most
1 of 80,000 pairs of parameters: t = 5.3 with the 28 degrees of freedom of 32 points."""
_FEWEST = 32
"""Points below which none is sought."""
_APART = 0.01
"""Least share of a companion's variance that the parameter's own replicates do not explain."""


@dataclass(frozen=True, slots=True, eq=False)
class Companions:
    """For each column of a sample the one other column that accounts for most of its residual."""

    # As in `Cubic`, sums run over elements in order. A companion is taken less its regression on
    # the own column, so that its mean is 0 at every value of that.

    polynomials: Cubic
    count: int
    places: NDArray[np.intp]  # (p,), −1 where there is none
    own: Floats  # (k, p): coefficients of the companion on the column's own polynomials
    scales: Floats  # (p,): root of the companion's sum of squares; infinite where there is none
    slopes: Floats  # (p,)
    leverages: Floats  # (m, p): of the sample's points

    @classmethod
    def of(cls, polynomials: Cubic, basis: Floats, x: Floats, residuals: Floats) -> Companions:
        """Choose for residuals (m, p) of the columns of x, (m, p), on their bases (k, m, p)."""
        count, size = x.shape
        places, own = np.full(size, -1), np.zeros((len(basis), size))
        scales, slopes = np.full(size, np.inf), np.zeros(size)
        leverages = np.zeros_like(x)
        spread = ((x - x.mean(axis=0)) ** 2).sum(axis=0)
        for j in range(size if count >= _FEWEST else 0):
            on = (basis[:, :, [j]] * x).sum(axis=1)
            rest = x - (basis[:, :, [j]] * on[:, None, :]).sum(axis=0)
            squares = (rest**2).sum(axis=0)
            apart = (squares > _APART * spread) & (np.arange(size) != j)
            unit = rest / np.where(apart, np.sqrt(squares), np.inf)
            along = (unit * residuals[:, [j]]).sum(axis=0)
            best = int(np.argmax(np.abs(along)))
            if along[best] ** 2 > _ACCOUNTS * (residuals[:, j] ** 2).sum():
                places[j], own[:, j] = best, on[:, best]
                scales[j], slopes[j] = np.sqrt(squares[best]), along[best]
                leverages[:, j] = unit[:, best] ** 2
        return cls(polynomials, count, places, own, scales, slopes, leverages)

    def added(self, x: Floats) -> Floats:
        """Return what the companions add at replicates (B, p); nothing where one is infinite."""
        with np.errstate(invalid="ignore"):
            mean = (self.polynomials.basis(x, self.count) * self.own[:, None, :]).sum(axis=0)
            moved = self.slopes * (x[:, self.places] - mean) / self.scales
        return np.where(np.isfinite(moved), moved, 0.0)
