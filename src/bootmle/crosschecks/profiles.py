"""Profile-likelihood intervals: where the likelihood, maximized over the others, has dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bootmle.fitting.fit import Fit
from bootmle.fitting.profile_points import bound_distance, root_at, user_value
from bootmle.likelihood.arrays import Floats
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
    goal, bound = _quantile(0.95), bound_distance(fit, column, side)
    distance, root, last, last_root = goal, 0.0, 0.0, 0.0
    for _ in range(_SEARCH.steps):
        distance = min(distance, bound)
        root = root_at(fit, target, column, side * distance)
        if np.isnan(root) or abs(root - goal) < _SEARCH.close:
            break
        if distance == bound and root < goal:
            break
        if distance >= _SEARCH.furthest:
            return user_value(fit, column, side * np.inf)
        slope = (root - last_root) / (distance - last)
        last, last_root = distance, root
        step = (goal - root) / slope if slope > 0 else distance
        nearest, furthest = distance / _SEARCH.growth, distance * _SEARCH.growth
        distance = float(np.clip(distance + step, nearest, min(furthest, _SEARCH.furthest)))
    return np.nan if np.isnan(root) else user_value(fit, column, side * distance)
