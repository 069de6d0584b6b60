"""The deviance of a model with one linear predictor, by maximizing each contribution on its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats

__all__ = ["deviance"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """How each contribution's optimum is looked for along one parameter."""

    points: int = 601
    """A grid on a hyperbolic sine, interpolated by parabolas: leaves 1e-5 of a Poisson deviance
    (measured on means of 0.5 to 20)."""
    least: float = 1e-3
    """Steps between the innermost points, in the units of the farthest."""
    slowest: float = 2.0
    """Seconds that it may take."""
    even: float = 1e-6
    """Share of the largest curvature below which a parameter leaves a row unmoved: that of a
    thousandth of the largest shift of a predictor."""
    reach: float = 40.0
    """Shift of a predictor, where 1 is that which a contribution's own curvature calls for at the
    median: a count of 0 has its optimum at minus infinity, and is within exp(-40) of it there."""


_RULES = _Rules()


def deviance(fit: Fit) -> float | None:
    """Sum twice the fall of each contribution to its own optimum along a parameter."""
    # Of one linear predictor it is the same along each that moves all rows, as an intercept does;
    # None without one.
    if fit.seconds_per_evaluation * 2 * _RULES.points > _RULES.slowest:
        return None
    for j in np.flatnonzero(fit.free):
        unit = _unit(fit, int(j))
        if unit is not None:
            falls = _falls(fit, int(j), unit)
            weights = fit.likelihood.weights
            total = float(np.sum(falls if weights is None else falls * weights))
            return 2 * total if np.isfinite(total) else None
    return None


def _at(fit: Fit, j: int, shifts: Floats) -> Floats:
    """Evaluate contributions with parameter j shifted, (len(shifts), n)."""
    points = np.repeat(fit.estimate[None], len(shifts), axis=0)
    points[:, j] += shifts
    return fit.likelihood.values_at(points)


def _unit(fit: Fit, j: int) -> float | None:
    """Return the median step to a contribution's own optimum; None if j leaves a row unmoved."""
    step = _RULES.least * float(fit.hessian_errors[j])
    low, here, high = _at(fit, j, np.array([-step, 0.0, step]))
    curvatures = (high - 2 * here + low) / step**2
    if not curvatures.min() > _RULES.even * curvatures.max() > 0:
        return None
    # The unit of a predictor in which curvatures are about 1.
    return float(1 / np.sqrt(np.median(curvatures)))


def _falls(fit: Fit, j: int, unit: float) -> Floats:
    """Return by how much each contribution falls to its least value on a grid, (n,)."""
    half = np.arcsinh(_RULES.reach / _RULES.least)
    grid = _RULES.least * np.sinh(np.linspace(-half, half, _RULES.points))
    grid *= unit
    values = np.where(np.isfinite(found := _at(fit, j, grid)), found, np.inf)
    own, rows = _at(fit, j, np.zeros(1))[0], np.arange(values.shape[1])
    best = values.argmin(axis=0).clip(1, len(grid) - 2)
    x0, x1, x2 = (grid[best + each] for each in (-1, 0, 1))
    y0, y1, y2 = (values[best + each, rows] for each in (-1, 0, 1))
    # The least value of the parabola through three points, where it is one that opens upward.
    one, two = (y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)
    curvature = (two - one) / (x2 - x0)
    with np.errstate(all="ignore"):
        at = (x0 + x1) / 2 - one / (2 * curvature)
        least = y0 + one * (at - x0) + curvature * (at - x0) * (at - x1)
    inside = (curvature > 0) & (at > x0) & (at < x2) & np.isfinite(least)
    return np.asarray(own - np.where(inside, least, values.min(axis=0)))
