"""Points of a profile likelihood: maximized over the others, at values of one parameter."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.optimum import Optimum
from bootmle.optimization.outcome import descend
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["bound_distance", "root_at", "user_value"]


def root_at(fit: Optimum, target: WhitenedObjective, column: int, distance: float) -> float:
    """Return the root of twice the rise of the profile nll at a distance; NaN on failure."""
    value = user_value(fit, column, distance)
    reduced = target.holding(np.array([column]), np.array([value]))
    if reduced.whitening.size == 0:
        rise = target.value_at(fit.whitening.center + distance * fit.whitening.units)
        return float(np.sqrt(max(2 * rise, 0.0)))
    shift = (
        fit.whitening.factor @ fit.whitening.factor[column] / fit.whitening.units[column] * distance
    )
    start = reduced.whitening.to_whitened(np.delete(fit.whitening.center + shift, column))
    run = descend(reduced, start, fit.step_sizes, ceiling=np.inf)
    target.n_evaluations += reduced.n_evaluations
    if not run.done[0]:
        return np.nan
    return float(np.sqrt(max(2 * float(run.value[0]), 0.0)))


def user_value(fit: Optimum, column: int, distance: float) -> float:
    """Return the parameter's value at a distance in standard errors from the estimate."""
    parameters = fit.likelihood.parameters
    working = fit.whitening.center.copy()
    working[column] += distance * fit.whitening.units[column]
    return float(parameters.to_user(working)[parameters.free[column]])


def bound_distance(fit: Optimum, column: int, side: int) -> float:
    """Return the distance to the parameter's bound in standard errors."""
    parameters = fit.likelihood.parameters
    bound = parameters.bounds[column, (side + 1) // 2]
    if not np.isfinite(bound):
        return np.inf
    user = fit.estimate.copy()
    user[parameters.free[column]] = bound
    with np.errstate(divide="ignore"):  # a bound is infinite on a log scale that ends there
        away = parameters.to_working(user)[column] - fit.whitening.center[column]
    return abs(float(away)) / float(fit.whitening.units[column])
