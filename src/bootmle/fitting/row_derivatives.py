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
    opposite: float = 0.2
    """Midpoint of two points, relative to their distance, up to which they are opposite: a Hessian
    is measured up to 3e-5 from the optimum, by steps of 3e-4 or more."""
    parallel: float = 1e-4
    """Difference of unit vectors that are the same."""
    further: float = 1.5
    """Ratio of distances from which on two of them show a third derivative: lattices have 2."""
    short: float = 5e-3
    """Distance up to which one is enough: a third derivative of 1 changes the slope by 4e-6."""
    rounds: int = 4
    """Of slopes and curvatures in turn: what a midpoint leaves is divided by 25 each time."""
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
        """Solve for them; None where the points that are near do not determine them."""
        # From opposite points the half sum shows curvatures, and the half difference slopes, along
        # directions with two distances to fourth order. Their midpoints need not be here.
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
        odd, even = (rises[ahead] - rises[behind]) / 2, (rises[ahead] + rises[behind]) / 2
        squares, crossed = _products(away, away) + _products(middle, middle), np.zeros_like(odd)
        lengths = np.linalg.norm(away, axis=1)[:, None]
        gradients = seconds = None
        for _ in range(_RULES.rounds):
            gradients = _solve(*_slopes(away, odd - crossed))
            if gradients is None:
                return None
            curved = even - middle @ gradients
            seconds = _solve(squares / lengths**2 / 2, curved / lengths**2)
            if seconds is None:
                return None
            crossed = _products(away, middle) @ seconds
        assert gradients is not None
        assert seconds is not None
        found = cls(whitening, gradients.T, seconds.T)
        return found if found._agrees(likelihood) else None

    def along(self, directions: Floats) -> Floats:
        """Return second derivatives (k, n) along directions (k, q)."""
        return np.asarray(_products(directions, directions) @ self.seconds.T)

    def _agrees(self, likelihood: Likelihood) -> bool:
        """Whether they sum to no gradient, and to the identity."""
        slope, seconds = (
            np.array([likelihood.summed_values(each) for each in columns.T])
            for columns in (self.gradients, self.seconds)
        )
        pairs = combinations_with_replacement(range(self.whitening.size), 2)
        off = seconds - [float(i == j) for i, j in pairs]
        return bool(max(np.abs(slope).max(), np.abs(off).max()) < _RULES.agreement)


def _products(one: Floats, other: Floats) -> Floats:
    """Return the factors of distinct second derivatives in the bilinear form of (k, q), (k, q)."""
    rows, columns = np.triu_indices(one.shape[1])
    crossed = one[:, rows] * other[:, columns] + one[:, columns] * other[:, rows]
    return np.where(rows == columns, 0.5, 1.0) * crossed


def _opposites(z: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the numbers of points (k, q) that are opposite to one another."""
    lengths = np.linalg.norm(z, axis=1)
    sums = np.linalg.norm(z[:, None] + z[None], axis=2)
    first, second = np.nonzero(np.triu(sums < _RULES.opposite * lengths[:, None], 1))
    return first, second


def _slopes(away: Floats, odd: Floats) -> tuple[Floats, Floats]:
    """Return directions (m, q) with two distances, and slopes (m, n) along them to fourth order."""
    # One distance is enough if it is short.
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
        elif lengths[first] < _RULES.short:
            slope = odd[first] / lengths[first]
        else:
            continue
        directions.append(units[first])
        slopes.append(slope)
    return np.array(directions), np.array(slopes)


def _solve(equations: Floats, values: Floats) -> Floats | None:
    """Solve (k, m) equations for (m, n) unknowns by least squares; None if they do not suffice."""
    if equations.ndim < 2 or equations.shape[0] < equations.shape[1]:
        return None
    found, _, _, sizes = np.linalg.lstsq(equations, values, rcond=None)
    return np.asarray(found, dtype=float) if sizes[-1] > _RULES.rank * sizes[0] else None
