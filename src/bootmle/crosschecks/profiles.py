"""Profile-likelihood intervals: where the likelihood, maximized over the others, has dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.outcome import descend
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["Profile", "profile_likelihood"]


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


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Profile-likelihood intervals.

    Attributes
    ----------
    low, high : (p,) arrays
        Endpoints; infinite where the likelihood never drops that far, NaN where a refit failed.
    n_evaluations : int
        Number of evaluations of the objective.
    """

    low: Floats
    high: Floats
    n_evaluations: int

    @property
    def standard_errors(self) -> Floats:
        """Half the length of the interval over the normal quantile, (p,)."""
        with np.errstate(invalid="ignore"):
            return np.asarray((self.high - self.low) / (2 * _quantile(0.95)))


def profile_likelihood(fit: Fit) -> Profile:
    """Find where the profile likelihood drops by ½ χ²₁(0.95) on both sides of each parameter."""
    # The signed root of twice the drop is nearly linear, and is solved for by secant steps; each
    # point on it is an optimum over the other parameters, certified by a measured Hessian.
    target = WhitenedObjective(fit.likelihood, fit.whitening, fit.base)
    endpoints = np.full((2, len(fit.names)), np.nan)
    endpoints[:, ~fit.free] = fit.estimate[~fit.free]
    for column, position in enumerate(fit.likelihood.parameters.free):
        # A transform may be decreasing.
        endpoints[:, position] = np.sort([_endpoint(fit, target, column, side) for side in (-1, 1)])
    return Profile(endpoints[0], endpoints[1], target.n_evaluations)


def _quantile(level: float) -> float:
    """Return the two-sided normal quantile."""
    return float(ndtri((1 + level) / 2))


def _endpoint(fit: Fit, target: WhitenedObjective, column: int, side: int) -> float:
    """Find one endpoint, on the user's scale."""
    goal, bound = _quantile(0.95), _bound(fit, column, side)
    distance, root, last, last_root = goal, 0.0, 0.0, 0.0
    for _ in range(_SEARCH.steps):
        distance = min(distance, bound)
        root = _root(fit, target, column, side * distance)
        if np.isnan(root) or abs(root - goal) < _SEARCH.close:
            break
        if distance == bound and root < goal:
            break
        if distance >= _SEARCH.furthest:
            return _user_value(fit, column, side * np.inf)
        slope = (root - last_root) / (distance - last)
        last, last_root = distance, root
        step = (goal - root) / slope if slope > 0 else distance
        nearest, furthest = distance / _SEARCH.growth, distance * _SEARCH.growth
        distance = float(np.clip(distance + step, nearest, min(furthest, _SEARCH.furthest)))
    return np.nan if np.isnan(root) else _user_value(fit, column, side * distance)


def _root(fit: Fit, target: WhitenedObjective, column: int, distance: float) -> float:
    """Return the root of twice the rise of the profile nll at a distance; NaN on failure."""
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
