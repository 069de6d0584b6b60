"""Points of a profile likelihood: maximized over the others, at values of one parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.outcome import descend
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["bound_distance", "end_at", "held_at", "root_at", "user_value"]


@dataclass(frozen=True, slots=True)
class _Search:
    """How an endpoint is searched for."""

    steps: int = 12
    """Secant steps at most. Measured on 252 endpoints of normal, gamma, Weibull, logit, Poisson and
    NB2 models at n = 12 to 150: 1 to 4 are needed; an infinite endpoint takes more."""
    close: float = 1e-3
    """Accepted error of the signed root, which is about an error in standard errors."""
    furthest: float = 50.0
    """Distance in standard errors at which an endpoint counts as infinite, 25 times that of a
    quadratic likelihood."""
    growth: float = 4.0
    """Factor by which one step may change the distance: from 2 to the furthest in three."""


_SEARCH = _Search()


def root_at(fit: Optimum, target: WhitenedObjective, column: int, distance: float) -> float:
    """Return the root of twice the rise of the profile nll at a distance; NaN on failure."""
    value = user_value(fit, column, distance)
    reduced = target.holding(np.array([column]), np.array([value]))
    if reduced.whitening.size == 0:
        rise = target.value_at(fit.whitening.center + distance * fit.whitening.units)
        return float(np.sqrt(max(2 * rise, 0.0)))
    run = _minimize(fit, target, reduced, column, distance)
    return float(np.sqrt(max(2 * float(run.value[0]), 0.0))) if run.done[0] else np.nan


def held_at(
    fit: Optimum, target: WhitenedObjective, column: int, distance: float
) -> tuple[bool, Floats]:
    """Minimize over the others at a distance; say whether it is certified, and where, (p,)."""
    value = user_value(fit, column, distance)
    reduced = target.holding(np.array([column]), np.array([value]))
    run = _minimize(fit, target, reduced, column, distance)
    return bool(run.done[0]), reduced.to_user(run.z[0])


def _minimize(
    fit: Optimum,
    target: WhitenedObjective,
    reduced: WhitenedObjective,
    column: int,
    distance: float,
) -> BatchedNewton:
    """Descend from where a quadratic has the others."""
    shift = (
        fit.whitening.factor @ fit.whitening.factor[column] / fit.whitening.units[column] * distance
    )
    start = reduced.whitening.to_whitened(np.delete(fit.whitening.center + shift, column))
    run = descend(reduced, start, fit.step_sizes, ceiling=np.inf)
    target.n_evaluations += reduced.n_evaluations
    return run


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


def end_at(
    fit: Optimum,
    target: WhitenedObjective,
    column: int,
    side: int,
    goal: float,
    measure: Callable[[float], float] | None = None,
) -> float:
    """Find where the root, or a measure of the distance, reaches a goal; NaN on failure.

    On one side, on the user's scale. Infinite where it never does.
    """
    bound = bound_distance(fit, column, side)
    distance, root, last, last_root = goal, 0.0, 0.0, 0.0
    for _ in range(_SEARCH.steps):
        distance = min(distance, bound)
        if measure is None:
            root = root_at(fit, target, column, side * distance)
        else:
            root = measure(side * distance)
        if np.isnan(root):  # beyond the model's domain, or too far for one descent
            distance = (last + distance) / 2
            continue
        if abs(root - goal) < _SEARCH.close or (distance == bound and root < goal):
            break
        if distance >= _SEARCH.furthest:
            return user_value(fit, column, side * np.inf)
        slope = (root - last_root) / (distance - last)
        last, last_root = distance, root
        step = (goal - root) / slope if slope > 0 else distance
        nearest, furthest = distance / _SEARCH.growth, distance * _SEARCH.growth
        distance = float(np.clip(distance + step, nearest, min(furthest, _SEARCH.furthest)))
    return np.nan if np.isnan(root) else user_value(fit, column, side * distance)
