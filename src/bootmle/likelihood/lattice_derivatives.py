"""The contributions' derivatives up to the third, from values or gradients on a lattice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bootmle.execution.raised import unless_interrupted
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic_views import path_of
from bootmle.likelihood.derivatives import free_scores
from bootmle.likelihood.lattice import (
    combine_scores,
    combine_values,
    score_lattice,
    value_lattice,
)
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.view import Coordinates

__all__ = ["Lattice"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Which values count, and how many are asked for in one call."""

    highest: float = 1e4
    """Change of the nll over a lattice beyond which it counts as outside the model's domain: within
    2 standard errors a regular one changes by about 2."""
    together: int = 64
    """Points that a vectorized objective evaluates in one call: their values stay in the cache."""


_RULES = _Rules()


@dataclass(frozen=True, slots=True)
class Lattice:
    """Points (k, r) around z = 0 that give the contributions' derivatives up to order 1, 2 or 3."""

    points: Floats
    order: int
    with_scores: bool
    """Whether gradients are evaluated at the points, rather than values."""

    @classmethod
    def of(cls, likelihood: Likelihood, size: int, order: int) -> Lattice:
        """Choose the points that the likelihood needs: fewer where it has scores."""
        choose = score_lattice if likelihood.scores_given else value_lattice
        return cls(choose(size, order), order, likelihood.scores_given)

    @property
    def values_per_row(self) -> int:
        """Numbers to be stored for each contribution."""
        return int(self.points.size if self.with_scores else len(self.points))

    def derivatives(
        self, likelihood: Likelihood, coordinates: Coordinates, step: float
    ) -> Floats | None:
        """Return the distinct derivatives (n, terms), a total being one contribution."""
        # None where a point lies outside the model's domain.
        path = path_of(likelihood, coordinates)
        if likelihood.automatic and path is not None:
            evaluate = partial(likelihood.automatic.terms, path, self.order)
            exact = _finite(evaluate, likelihood.args)
            if exact is None:
                return None
            return exact if likelihood.per_observation else likelihood.scale * exact
        measure = _lattice_scores if self.with_scores else _lattice_values
        combine = combine_scores if self.with_scores else combine_values
        values = measure(likelihood, coordinates, step * self.points)
        return None if values is None else combine(values, coordinates.size, self.order, step)


def _lattice_values(
    likelihood: Likelihood, coordinates: Coordinates, points: Floats
) -> Floats | None:
    """Evaluate the contributions at all points (k, n) minus those at the first."""
    params = likelihood.parameters.to_user(coordinates.to_working(points))
    width = _RULES.together if likelihood.vectorized else 1
    likelihood.expect(params)
    base: Floats | None = None
    values = []
    for start in range(0, len(params), width):
        found = _finite(likelihood.values_at, params[start : start + width])
        if found is None:
            return None
        base = found[0] if base is None else base
        if np.abs((found - base).sum(axis=1)).max() > _RULES.highest:
            return None
        values.append(found - base)
    return np.concatenate(values)


def _lattice_scores(
    likelihood: Likelihood, coordinates: Coordinates, points: Floats
) -> Floats | None:
    """Evaluate the contributions' gradients by z at all points, (k, r, n)."""
    values = []
    for working in coordinates.to_working(points):
        scores = _finite(partial(free_scores, likelihood), working)
        if scores is None:
            return None
        directions = coordinates.factor * likelihood.parameters.slopes(working)[:, None]
        values.append(directions.T @ scores.T)
    return np.array(values)


def _finite(evaluate: Callable[[Any], Floats], at: Any) -> Floats | None:
    """Return the values where they are all finite and nothing was raised."""
    try:
        values = evaluate(at)
    except BaseException as error:  # the user's code may raise anything outside its domain
        unless_interrupted(error)
        return None
    return values if np.isfinite(values).all() else None
