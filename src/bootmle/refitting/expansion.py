"""The shared expansion: every observation's derivatives at the estimate, from one lattice.

With contributions ℓ_i, replicate b's objective is Σ w_bi ℓ_i. Derivatives of the ℓ_i up to the
third, measured once on a lattice around the estimate, give every replicate's cubic model by one
matrix product with its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.lattice_derivatives import Lattice
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.newton import CubicModels
from bootmle.optimization.whitening import Whitening

__all__ = ["SharedExpansion", "expand_shared", "n_terms"]

MEMORY_CAP = 2**25
"""Largest number of stored derivatives (256 MiB)."""

BLOCK_CAP = 2**23
"""Largest number of objective values held while a block of rows is expanded (64 MiB)."""

_BY_SCORES = 1.0
"""Distance between lattice points where there are scores, whose differences are central: about that
of the optima sought."""

_SHORTER = (1.0, 0.5, 0.25, 0.1)
"""Factors on the distance where the model's domain ends."""


@dataclass(frozen=True, slots=True)
class SharedExpansion:
    """Derivatives of every contribution at the estimate.

    Attributes
    ----------
    order : int
        3, 2 or 1: the highest derivative.
    step : float
        Distance between lattice points in standard errors.
    terms : (n, k) array
        Distinct first and second derivatives by contribution; one row where the objective gives
        its total only.
    thirds : (n, m) float32 array
        Distinct third derivatives, if any. In single precision: their truncation error is larger
        than that rounding, and products take half the time.
    n_evaluations : int
        Evaluations of the objective spent.
    """

    order: int
    step: float
    terms: Floats
    thirds: NDArray[np.float32]
    size: int
    n_evaluations: int

    def scores(self, likelihood: Likelihood) -> Floats:
        """Return the gradients of the observations' weighted contributions, (N, q)."""
        return likelihood.of_observations(self.terms[:, : self.size].T).T

    def scores_at(self, z: Floats) -> Floats:
        """Return the gradients (q, n) of the rows' contributions at a point (q,)."""
        q = self.size
        found = self.terms[:, :q]
        if self.order > 1:
            found = found + self.terms[:, q:] @ _derivative(z, q, 2)
        if self.order > 2:
            found = found + self.thirds @ _derivative(z, q, 3).astype(np.float32)
        return np.asarray(found.T, dtype=float)

    def models(self, weights: Floats) -> CubicModels:
        """Combine the derivatives with weights (b, n) into b models."""
        q, sums = self.size, weights @ self.terms
        slope = sums[:, :q]
        if self.order == 1:
            return CubicModels(slope, np.broadcast_to(np.eye(q), (len(sums), q, q)), None)
        curvature = self.curvatures(sums[:, q:])
        if self.order == 2:
            return CubicModels(slope, curvature, None)
        thirds = (weights.astype(np.float32) @ self.thirds).astype(float)
        return CubicModels(slope, curvature, thirds.take(_symmetric(q, 3), axis=1))

    def curvatures(self, distinct: Floats) -> Floats:
        """Lay out distinct second derivatives (b, k) as matrices (b, q, q)."""
        return distinct.take(_symmetric(self.size, 2), axis=1)

    def positions(self, order: int) -> NDArray[np.intp]:
        """Return where derivatives of one order, (q, q) or (q, q, q), are among distinct ones."""
        return _symmetric(self.size, order)


def n_terms(size: int, order: int) -> int:
    """Count the distinct derivatives of order 1 up to ``order`` in ``size`` variables."""
    counts = (size, _n_pairs(size), size * (size + 1) * (size + 2) // 6)
    return sum(counts[:order])


def expand_shared(
    likelihood: Likelihood, whitening: Whitening, longest: float
) -> SharedExpansion | None:
    """Measure the derivatives, at the highest order that memory and the model's domain allow."""
    # Points of values are at most ``longest`` apart, in standard errors. None where the objective
    # is not finite on any lattice.
    for order in (3, 2, 1):
        if n_terms(whitening.size, order) * likelihood.n_values > MEMORY_CAP and order > 1:
            continue
        for factor in _SHORTER:
            expansion = _expand_at(likelihood, whitening, order, factor, longest)
            if expansion is not None:
                return expansion
    return None


def _expand_at(
    likelihood: Likelihood, whitening: Whitening, order: int, factor: float, longest: float
) -> SharedExpansion | None:
    """Expand on one lattice; None where it leaves the domain."""
    lattice = Lattice.of(likelihood, whitening.size, order)
    step = factor * (_BY_SCORES if lattice.with_scores else longest)
    straight = n_terms(whitening.size, min(order, 2))
    terms, thirds = [], []
    for block in likelihood.row_blocks(max(1, BLOCK_CAP // lattice.values_per_row)):
        with block.ahead(len(lattice.points)):
            found = lattice.derivatives(block, whitening, step)
        if found is None:
            return None
        terms.append(found[:, :straight])
        thirds.append(found[:, straight:].astype(np.float32))
    return SharedExpansion(
        order,
        step,
        np.concatenate(terms),
        np.concatenate(thirds),
        whitening.size,
        len(lattice.points),
    )


def _n_pairs(size: int) -> int:
    """Count pairs with repetition."""
    return size * (size + 1) // 2


def _derivative(z: Floats, size: int, order: int) -> Floats:
    """Map the distinct derivatives of one order to what they add to the gradient at z, (m, q)."""
    position = _symmetric(size, order)
    by = z if order == 2 else np.multiply.outer(z, z) / 2
    found = np.zeros((int(position.max()) + 1, size))
    first = np.arange(size).reshape(-1, *[1] * (order - 1))
    np.add.at(found, (position, first), by)
    return found


@lru_cache(maxsize=16)
def _symmetric(size: int, order: int) -> NDArray[np.intp]:
    """Map full indices to positions among the distinct derivatives of one order."""
    position = {
        entry: k for k, entry in enumerate(combinations_with_replacement(range(size), order))
    }
    full = np.empty((size,) * order, dtype=np.intp)
    for index in np.ndindex(full.shape):
        full[index] = position[tuple(sorted(index))]
    return full
