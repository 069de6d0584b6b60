"""The contributions' first two derivatives at an optimum, from what its Hessian was measured by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.whitening import Whitening

__all__ = ["RowDerivatives"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which points serve, in standard errors, and when their derivatives are believed."""

    near: float = 0.15
    """Distance up to which a point serves: fourth derivatives change a curvature by 0.15²/12."""
    opposite: float = 0.02
    """Midpoint of two points, relative to their distance, up to which they are opposite: a Hessian
    is measured up to 3e-5 from the optimum, by steps of 2e-3 or more."""
    parallel: float = 1e-4
    """Difference of unit vectors that are the same."""
    further: float = 1.5
    """Ratio of distances from which on two of them show a third derivative: lattices have 2."""
    rank: float = 1e-3
    """Smallest singular value of the equations, relative to the largest."""
    agreement: float = 1e-3
    """Difference of the summed derivatives from 0 and the identity, which they are here."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True, eq=False)
class RowDerivatives:
    """Gradients (n, q) and distinct second derivatives (n, q (q + 1) / 2) of the contributions."""

    whitening: Whitening
    gradients: Floats
    seconds: Floats

    @classmethod
    def from_kept(
        cls, likelihood: Likelihood, whitening: Whitening, base: Floats
    ) -> RowDerivatives | None:
        """Solve for them; None where the points that are near do not determine them.

        From opposite points the half sum shows curvatures, and the half difference slopes, along
        directions with two distances to fourth order.
        """
        kept = likelihood.calls.kept
        if kept is None or not kept.found or not whitening.size:
            return None
        params, values = kept.arrays()
        with np.errstate(all="ignore"):
            z = whitening.to_whitened(likelihood.parameters.to_working(params))
        near = np.linalg.norm(z, axis=1) < _RULES.near
        z, rises = z[near], values[near] - base
        ahead, behind = _opposites(z)
        away, middle = (z[ahead] - z[behind]) / 2, (z[ahead] + z[behind]) / 2
        gradients = _solve(*_slopes(away, (rises[ahead] - rises[behind]) / 2))
        if gradients is None:
            return None
        lengths = np.linalg.norm(away, axis=1)[:, None]
        curved = (rises[ahead] + rises[behind]) / 2 - middle @ gradients
        seconds = _solve(_squares(away / lengths), curved / lengths**2)
        if seconds is None:
            return None
        found = cls(whitening, gradients.T, seconds.T)
        return found if found._agrees(likelihood) else None

    def along(self, directions: Floats) -> Floats:
        """Return second derivatives (k, n) along directions (k, q)."""
        return np.asarray(2 * _squares(directions) @ self.seconds.T)

    def _agrees(self, likelihood: Likelihood) -> bool:
        """Whether they sum to no gradient, and to the identity."""
        slope, seconds = (
            np.array([likelihood.summed_values(each) for each in columns.T])
            for columns in (self.gradients, self.seconds)
        )
        pairs = combinations_with_replacement(range(self.whitening.size), 2)
        off = seconds - [float(i == j) for i, j in pairs]
        return bool(max(np.abs(slope).max(), np.abs(off).max()) < _RULES.agreement)


def _squares(points: Floats) -> Floats:
    """Return what distinct second derivatives add to values at points (k, q), by symmetry."""
    rows, columns = np.triu_indices(points.shape[1])
    return np.where(rows == columns, 0.5, 1.0) * points[:, rows] * points[:, columns]


def _opposites(z: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the numbers of points (k, q) that are opposite to one another."""
    lengths = np.linalg.norm(z, axis=1)
    sums = np.linalg.norm(z[:, None] + z[None], axis=2)
    first, second = np.nonzero(np.triu(sums < _RULES.opposite * lengths[:, None], 1))
    return first, second


def _slopes(away: Floats, odd: Floats) -> tuple[Floats, Floats]:
    """Return directions (m, q) with two distances, and slopes (m, n) along them to fourth order."""
    lengths = np.linalg.norm(away, axis=1)
    units = away / lengths[:, None]
    directions, slopes = [], []
    left = np.argsort(lengths)
    while left.size:
        first, rest = left[0], left[1:]
        signs = np.sign(units[rest] @ units[first])
        same = np.linalg.norm(signs[:, None] * units[rest] - units[first], axis=1) < _RULES.parallel
        further = np.flatnonzero(same & (lengths[rest] > _RULES.further * lengths[first]))
        left = rest[~same]
        if further.size:
            sign, second = signs[further[0]], rest[further[0]]
            r, s = lengths[first], lengths[second]
            slope = (odd[first] * s**3 - sign * odd[second] * r**3) / (r * s * (s**2 - r**2))
            directions.append(units[first])
            slopes.append(slope)
    return np.array(directions), np.array(slopes)


def _solve(equations: Floats, values: Floats) -> Floats | None:
    """Solve (k, m) equations for (m, n) unknowns by least squares; None if they do not suffice."""
    if equations.ndim < 2 or equations.shape[0] < equations.shape[1]:
        return None
    found, _, _, sizes = np.linalg.lstsq(equations, values, rcond=None)
    return np.asarray(found, dtype=float) if sizes[-1] > _RULES.rank * sizes[0] else None
