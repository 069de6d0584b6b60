"""Points of a profile likelihood: maximized over the others, at values of one parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize

from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.batch import BatchedNewton
from bootmle.optimization.bounds import crossed_columns, into_bounds
from bootmle.optimization.outcome import descend
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["bound_distance", "end_at", "held_at", "lowest_inside", "root_at", "user_value"]


@dataclass(frozen=True, slots=True)
class _Search:
    """How a point of a profile, and an endpoint, is searched for."""

    steps: int = 30
    """Points of a profile at most. Measured on 252 endpoints of normal, gamma, Weibull, logit,
    Poisson and NB2 models at n = 12 to 150: 1 to 4 are needed; an infinite endpoint takes more,
    and halving 4 standard errors to the accepted error 12."""
    close: float = 1e-3
    """Accepted error of the signed root, which is about an error in standard errors."""
    furthest: float = 50.0
    """Distance in standard errors at which an endpoint counts as infinite, 25 times that of a
    quadratic likelihood."""
    growth: float = 4.0
    """Factor by which one step may change the distance: from 2 to the furthest in three."""
    few: int = 4
    """Parameters up to which an optimum at the end of the model's domain is found by a simplex: in
    more dimensions it may stop early."""
    restarts: int = 20
    """Simplexes at most, each from the best point of the last one."""
    lowered: float = 1e-7
    """Fall of the nll from one simplex to the next at which they end."""
    shares: tuple[float, ...] = (1.0, 0.5, 0.0, 2.0, -1.0)
    """Where a descent may start, as multiples of the shift that a quadratic has."""
    reach: tuple[float, ...] = (0.01, 0.1, 0.5, 2.0)
    """How far from there, in standard errors of each of the others, where there is no likelihood:
    at the end of a domain an optimum moves by about as much as the parameter."""


_SEARCH = _Search()
_SIMPLEX: Any = {"xatol": 1e-6, "fatol": 1e-9, "maxfev": 400}
"""Tolerances in standard errors and in the nll, far below what is accepted of an endpoint."""


def root_at(
    fit: Optimum,
    target: WhitenedObjective,
    column: int,
    distance: float,
    near: list[Floats] | None = None,
) -> float:
    """Return the root of twice the rise of the profile nll at a distance; NaN on failure.

    Infinite where the model has no likelihood. ``near`` has the others' optimum at a distance that
    is not far, and gets that at this one, where they are known.
    """
    value = user_value(fit, column, distance)
    reduced = target.holding(np.array([column]), np.array([value]))
    if reduced.whitening.size == 0:
        rise = target.value_at(fit.whitening.center + distance * fit.whitening.units)
        return float(np.sqrt(max(2 * rise, 0.0)))
    run = _minimize(fit, target, reduced, column, distance, near)
    if near is not None and np.isfinite(run.value[0]):
        near[:] = [reduced.whitening.to_working(run.z[0])]
    rise = lowest_inside(target, reduced, run)
    return float(np.sqrt(max(2 * rise, 0.0)))


def held_at(
    fit: Optimum, target: WhitenedObjective, column: int, distance: float
) -> tuple[bool, Floats]:
    """Minimize over the others at a distance; say whether it is certified, and where, (p,)."""
    value = user_value(fit, column, distance)
    reduced = target.holding(np.array([column]), np.array([value]))
    run = _minimize(fit, target, reduced, column, distance)
    found = reduced.to_user(run.z[0])
    inside = crossed_columns(reduced.likelihood.parameters, found).size == 0
    return bool(run.done[0]) and inside, found


def _minimize(
    fit: Optimum,
    target: WhitenedObjective,
    reduced: WhitenedObjective,
    column: int,
    distance: float,
    near: list[Floats] | None = None,
) -> BatchedNewton:
    """Descend from where a quadratic has the others, or elsewhere if that has no likelihood."""
    factor, center = fit.whitening.factor, fit.whitening.center
    shift = factor @ factor[column] / fit.whitening.units[column] * distance
    starts = [np.delete(center + share * shift, column) for share in _SEARCH.shares]
    starts[1:1] = near or []
    start = _with_likelihood(reduced, starts, np.delete(fit.whitening.units, column))
    run = descend(reduced, start, fit.step_sizes, ceiling=np.inf)
    target.n_evaluations += reduced.n_evaluations
    return run


def _with_likelihood(reduced: WhitenedObjective, starts: list[Floats], units: Floats) -> Floats:
    """Choose the first of some points, or of those beside them, that has a likelihood."""
    moves = [
        sign * reach * row for reach in _SEARCH.reach for sign in (-1, 1) for row in np.diag(units)
    ]
    beside = [start + move for start in starts for move in moves]
    for working in (*starts, *beside):
        z = reduced.whitening.to_whitened(working)
        if np.isfinite(reduced.value(z)):
            return z
    return reduced.whitening.to_whitened(starts[0])


def lowest_inside(
    target: WhitenedObjective, reduced: WhitenedObjective, run: BatchedNewton, member: int = 0
) -> float:
    """Return the lowest value that a descent leads to; NaN where it does not tell.

    Parameters that it takes beyond their bounds stay there. Where it is not certified, the optimum
    may be at the end of the model's domain.
    """
    value, z, parameters = float(run.value[member]), run.z[member], reduced.likelihood.parameters
    found = reduced.to_user(z)
    crossed = crossed_columns(parameters, found) if np.isfinite(value) else np.empty(0, int)
    if crossed.size == 0:
        return value if run.done[member] or np.isinf(value) else _lowest_beside(target, reduced, z)
    inside = into_bounds(parameters, found)
    target.n_evaluations += 1
    if crossed.size == parameters.free.size:
        return reduced.value_of(inside)
    inner = reduced.holding(crossed, inside[parameters.free[crossed]])
    start = np.delete(reduced.whitening.to_working(z), crossed)
    again = descend(inner, inner.whitening.to_whitened(start), run.step_sizes, ceiling=np.inf)
    target.n_evaluations += inner.n_evaluations
    return lowest_inside(target, inner, again)


def _lowest_beside(target: WhitenedObjective, reduced: WhitenedObjective, z: Floats) -> float:
    """Minimize from a point beside which the objective may be infinite; NaN in many dimensions."""
    if z.size > _SEARCH.few:
        return np.nan
    before, lowest = reduced.n_evaluations, np.inf
    for _ in range(_SEARCH.restarts):
        found = minimize(reduced.value, z, method="Nelder-Mead", options=_SIMPLEX)
        z, last, lowest = found.x, lowest, float(found.fun)
        if last - lowest < _SEARCH.lowered:
            break
    target.n_evaluations += reduced.n_evaluations - before
    return lowest


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

    On one side, on the user's scale. Infinite where it never does; where it jumps across the goal,
    as at the end of a model's domain, there.
    """
    bound, distance, low, beyond = bound_distance(fit, column, side), goal, 0.0, np.inf
    lost, last, last_root, near = False, 0.0, 0.0, list[Floats]()
    for _ in range(_SEARCH.steps):
        distance = min(distance, bound)
        if measure is None:
            root = root_at(fit, target, column, side * distance, near)
        else:
            root = measure(side * distance)
        if abs(root - goal) < _SEARCH.close or (distance == bound and root < goal):
            return user_value(fit, column, side * distance)
        if distance >= _SEARCH.furthest and root < goal:
            return user_value(fit, column, side * np.inf)
        if root < goal:
            low = distance
        else:  # or beyond the model's domain, or too far for one descent
            beyond, lost = distance, bool(np.isnan(root))
        if beyond - low < _SEARCH.close:
            return np.nan if lost else user_value(fit, column, side * low)
        if np.isfinite(root):
            slope = (root - last_root) / (distance - last)
            last, last_root = distance, root
            step = (goal - root) / slope if slope > 0 else distance
            nearest, furthest = distance / _SEARCH.growth, distance * _SEARCH.growth
            distance = float(np.clip(distance + step, nearest, min(furthest, _SEARCH.furthest)))
        if not low < distance < beyond:
            distance = (low + beyond) / 2
    return np.nan
