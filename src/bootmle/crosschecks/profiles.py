"""Profile-likelihood intervals: how far each parameter can go before the likelihood has dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.outcome import descend
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["Profile", "profile_likelihood"]

_STEPS = 12
_CLOSE = 1e-3
_FURTHEST = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Profile-likelihood intervals.

    Attributes
    ----------
    low, high : (p,) arrays
        Ends; infinite where the likelihood never drops that far, NaN where a refit failed.
    n_evaluations : int
        Evaluations of the objective.
    """

    low: Floats
    high: Floats
    n_evaluations: int

    @property
    def standard_errors(self) -> Floats:
        """Half the interval's length over the normal quantile, (p,)."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.high - self.low) / (2 * _quantile(0.95)))


def profile_likelihood(fit: Fit) -> Profile:
    """Find where the profile likelihood drops by ½ χ²₁(0.95), on both sides of each parameter.

    The signed root of twice the drop is nearly linear, and is solved for by secants; every point
    on it is an optimum over the other parameters, certified by measured Hessians.
    """
    target = WhitenedObjective(fit.likelihood, fit.whitening, fit.base)
    ends = np.full((2, len(fit.names)), np.nan)
    ends[:, ~fit.free] = fit.estimate[~fit.free]
    for column, position in enumerate(fit.likelihood.parameters.free):
        # A transform may turn the parameter's sense around.
        ends[:, position] = np.sort([_end(fit, target, column, side) for side in (-1, 1)])
    return Profile(ends[0], ends[1], target.n_evaluations)


def _quantile(level: float) -> float:
    """Return the two-sided normal quantile."""
    return float(ndtri((1 + level) / 2))


def _end(fit: Fit, target: WhitenedObjective, column: int, side: int) -> float:
    """Find one end, on the user's scale."""
    goal, bound = _quantile(0.95), _bound(fit, column, side)
    distance, root, last, last_root = goal, 0.0, 0.0, 0.0
    for _ in range(_STEPS):
        distance = min(distance, bound)
        root = _root(fit, target, column, side * distance)
        if np.isnan(root) or abs(root - goal) < _CLOSE:
            break
        if distance == bound and root < goal:
            break
        if distance >= _FURTHEST:
            return _user_value(fit, column, side * np.inf)
        slope = (root - last_root) / (distance - last)
        last, last_root = distance, root
        step = (goal - root) / slope if slope > 0 else distance
        distance = float(np.clip(distance + step, distance / 4, min(4 * distance, _FURTHEST)))
    return np.nan if np.isnan(root) else _user_value(fit, column, side * distance)


def _root(fit: Fit, target: WhitenedObjective, column: int, distance: float) -> float:
    """Return the root of twice the rise of the profile nll at one distance; NaN where it fails."""
    value = _user_value(fit, column, distance)
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


def _user_value(fit: Fit, column: int, distance: float) -> float:
    """Return the parameter's value at a distance in standard errors from the estimate."""
    parameters = fit.likelihood.parameters
    working = fit.whitening.center.copy()
    working[column] += distance * fit.whitening.units[column]
    return float(parameters.to_user(working)[parameters.free[column]])


def _bound(fit: Fit, column: int, side: int) -> float:
    """Return the distance to the parameter's bound in standard errors."""
    parameters = fit.likelihood.parameters
    bound = parameters.bounds[column, (side + 1) // 2]
    if not np.isfinite(bound):
        return np.inf
    user = fit.estimate.copy()
    user[parameters.free[column]] = bound
    away = parameters.to_working(user)[column] - fit.whitening.center[column]
    return abs(float(away)) / float(fit.whitening.units[column])
