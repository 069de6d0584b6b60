"""Taylor expansions of an objective along lines, from five points each, with error bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.differences import SAFETY, Frame, LineExpansion, Objective

__all__ = ["expand_along", "restrict"]


def restrict(objective: Objective, frame: Frame, direction: Floats) -> Callable[[float], Floats]:
    """Restrict the objective to a line of a frame; no point on it is evaluated twice."""

    @cache
    def along(place: float) -> Floats:
        shift = place * frame.axes @ direction
        return frame.turn(objective(shift) if place else objective.base)

    return along


def _stencil(offsets: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Return offsets (5,), the coefficients' weights (5, 5), and what orders 5 and 6 leak in."""
    nodes = np.array(offsets, dtype=float)
    weights = np.linalg.inv(np.vander(nodes, increasing=True))
    return nodes, weights, np.abs(weights @ np.stack([nodes**5, nodes**6], axis=1)).round(9)


_STENCILS = [_stencil([2, -2, 1, -1, 0]), _stencil([4, 3, 2, 1, 0]), _stencil([-4, -3, -2, -1, 0])]
_SHORTENINGS = 7
"""How often a step is shortened: by 4⁷, from a standard error to 6e-5 of one."""
_SLOWEST_DECAY = 1e-3
"""Least distance from 1 of the ratio of successive coefficients, so that their sum is finite."""


def expand_along(
    line: Callable[[float], Floats], order: int, step: float, noise: float
) -> LineExpansion:
    """Expand along a line, with a shorter step or from one side where the domain ends.

    Shorter first: the end may be a pole, and no series converges beyond its distance.
    """
    for stencils in (_STENCILS[:1], *[_STENCILS] * _SHORTENINGS):
        for nodes, weights, leaks in stencils:
            values = _sample(line, nodes * step)
            if values is not None:
                return _fit(values, weights, leaks, order, step, noise)
        step /= 4
    nowhere = np.full(5, np.inf)
    return LineExpansion(np.full((5, *line(0.0).shape), np.nan), nowhere, nowhere, step)


def _sample(line: Callable[[float], Floats], places: Floats) -> Floats | None:
    """Evaluate at all places; stop and return None at the first outside the domain."""
    values = []
    for place in places:
        values.append(line(float(place)))
        if not np.isfinite(values[-1]).all():
            return None
    return np.stack(values)


def _fit(
    values: Floats, weights: Floats, leaks: Floats, order: int, step: float, noise: float
) -> LineExpansion:
    """Return the Taylor coefficients of values on a stencil, with bounds from the next orders."""
    coefficients = np.tensordot(weights, values, 1)
    sizes = np.max(np.abs(coefficients).reshape(5, -1), axis=1)
    sizes[order] = max(sizes[order], step**order / order)
    powers = step ** np.arange(5.0)
    truncation = leaks @ _extrapolate(sizes[order:]) / powers
    rounding = SAFETY * noise * np.linalg.norm(weights, axis=1) / powers
    return LineExpansion((coefficients.T / powers).T, truncation, rounding, step)


def _extrapolate(sizes: Floats) -> Floats:
    """Extrapolate the sizes of the next two coefficients by the mean decay of the known ones."""
    first, *_, last_but_one, last = sizes
    decay = min(float((last / first) ** (1 / (len(sizes) - 1))), 1.0)
    steps = np.array([1, 2])
    tail: Floats = np.maximum(last * decay**steps, last_but_one * decay ** (steps + 1))
    # The coefficients after these add up as a geometric series.
    return tail / max(1 - decay, _SLOWEST_DECAY)
