"""Signed roots of likelihood ratios for many resamples at once, and their inversion.

As `bootmle.refitting.signed_roots`, by the Newton steps of batched.py.
"""

from __future__ import annotations

import numpy as np

from batched import Batched
from bootmle.likelihood.arrays import Floats

__all__ = ["BatchedProfile", "signed_roots"]

GRID = np.concatenate([-np.geomspace(50, 0.02, 100), [0.0], np.geomspace(0.02, 50, 100)])
"""Places of the profile in standard errors by the Hessian, between which it is interpolated."""


def signed_roots(data: Batched, weights: Floats, params: Floats) -> Floats:
    """Return the signed roots of resamples at the estimate, (R, p), given their optima (R, p)."""
    lowest, reached = data.lowest(weights)
    seen = np.where(np.isnan(params), reached, params)
    roots = np.empty_like(params)
    for j, value in enumerate(data.estimate):
        rise = data.lowest(weights, (j, np.full(len(weights), value)))[0] - lowest
        roots[:, j] = np.sign(seen[:, j] - value) * np.sqrt(2 * np.maximum(rise, 0))
    return roots


class BatchedProfile:
    """The profile likelihood of the data on a grid."""

    def __init__(self, data: Batched) -> None:
        """Profile all parameters."""
        self.estimate, self.places, self.roots = data.estimate, [], []
        weights, errors = np.ones((len(GRID), data.n)), np.sqrt(np.diag(np.linalg.inv(data.scale)))
        lowest = data.lowest(weights[:1])[0]
        for j, error in enumerate(errors):
            values = self.estimate[j] + GRID * error
            rise = data.lowest(weights, (j, values))[0] - lowest
            root = -np.sign(GRID) * np.sqrt(2 * np.maximum(rise, 0))
            known = np.isfinite(root)
            self.places.append(values[known])
            self.roots.append(np.minimum.accumulate(root[known]))

    def values_at(self, roots: Floats) -> Floats:
        """Interpolate the values with these signed roots; infinite beyond the grid."""
        ends = zip(roots, self.roots, self.places, strict=True)
        return np.array(
            [np.interp(-one, -own, places, left=-np.inf, right=np.inf) for one, own, places in ends]
        )

    def roots_at(self, values: Floats) -> Floats:
        """Interpolate the roots at values of the parameters."""
        each = zip(values, self.places, self.roots, strict=True)
        return np.array([np.interp(one, places, own) for one, places, own in each])
