"""Signed roots of likelihood ratios, and Wald-score statistics, for many resamples at once.

As `bootmle.refitting.signed_roots` and `bootmle.refitting.wald_scores`, by the Newton steps of
batched.py: one optimum with a parameter held serves both statistics.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from batched import Batched
from bootmle.likelihood.arrays import Floats

__all__ = ["GridProfile", "HeldStatistics"]

PLACES = np.geomspace(0.1, 50, 60)
"""Distances in standard errors by the Hessian between which the data's statistics are
interpolated."""


class HeldStatistics:
    """Statistics of resamples with each parameter held at the estimate, and of the data."""

    def __init__(self, data: Batched, weights: Floats, params: Floats, errors: Floats) -> None:
        """Hold each parameter; resamples have their optima and standard errors, (R, p) each."""
        finite = np.isfinite(params).all(axis=1)
        seen, (lowest, _, _) = params.copy(), data.derivatives(params, weights)
        lowest[~finite], reached, _ = data.lowest(weights[~finite])
        seen[~finite] = np.where(np.isnan(params[~finite]), reached, params[~finite])
        total, score, _ = _held(data, weights, np.tile(data.estimate, (len(weights), 1)))
        away = seen - data.estimate
        self.roots = np.sign(away) * np.sqrt(2 * np.maximum(total - lowest[:, None], 0))
        self.scores = np.sign(away) * np.sqrt(np.abs(away) / errors * score)
        self.scores[away == 0] = 0.0
        self.scores[~finite] = np.nan
        self.of_roots, self.of_scores = _profiles(data)


def _profiles(data: Batched) -> tuple[GridProfile, GridProfile]:
    """Compute both statistics of the data on a grid."""
    grid = np.concatenate([-PLACES[::-1], [0.0], PLACES])[:, None]
    away = grid * np.sqrt(np.diag(np.linalg.inv(data.scale)))
    values, whole = data.estimate + away, np.ones((grid.size, data.n))
    total, score, done = _held(data, whole, values)
    root = -np.sign(grid) * np.sqrt(2 * np.maximum(total - data.lowest(whole[:1])[0], 0))
    both = np.where(done, -np.sign(grid) * np.sqrt(np.abs(away) / data.error * score), np.nan)
    both[PLACES.size] = 0.0
    return GridProfile(values, root), GridProfile(values, both)


def _held(
    data: Batched, weights: Floats, values: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Hold each parameter at values, (R, p): totals, robust score statistics, if optimal."""
    # The other parameters are at their optima: the gradient is that of the one held alone.
    count, p = values.shape
    each, rows = np.tile(np.arange(p), count), np.repeat(weights, p, axis=0)
    total, reached, done = data.lowest(rows, each, values.ravel())
    moved = rows * data.influences(reached, rows)[0][np.arange(each.size), :, each]
    score = np.abs(moved.sum(axis=1)) / np.sqrt((moved**2 / np.maximum(rows, 1)).sum(axis=1))
    return total.reshape(count, p), score.reshape(count, p), done.reshape(count, p)


class GridProfile:
    """Statistics of the data on a grid, positive below the estimate."""

    def __init__(self, places: Floats, statistics: Floats) -> None:
        """Take those of each parameter, (G, p); an end is where a quantile is reached first."""
        self.places, self.statistics = [], []
        for place, statistic in zip(places.T, statistics.T, strict=True):
            known, middle = np.isfinite(statistic), place.size // 2
            below = np.maximum.accumulate(statistic[middle::-1][known[middle::-1]])[::-1]
            above = np.minimum.accumulate(statistic[middle + 1 :][known[middle + 1 :]])
            self.places.append(place[known])
            self.statistics.append(np.concatenate([below, above]))

    def values_at(self, roots: Floats) -> Floats:
        """Interpolate the values with these statistics; infinite beyond the grid."""
        found = np.full(len(roots), np.nan)
        for j, (one, own, places) in enumerate(
            zip(roots, self.statistics, self.places, strict=True)
        ):
            if places.size:
                found[j] = np.interp(-one, -own, places, left=-np.inf, right=np.inf)
        return found

    def roots_at(self, values: Floats) -> Floats:
        """Interpolate the statistics at values of the parameters."""
        each = zip(values, self.places, self.statistics, strict=True)
        return np.array([np.interp(one, places, own) for one, places, own in each])
