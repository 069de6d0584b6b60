"""Profile-likelihood intervals: where the likelihood, maximized over the others, has dropped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from bootmle.fitting.fit import Fit
from bootmle.fitting.profile_points import end_at
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["Profile", "profile_likelihood"]


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
        ends = [end_at(fit, target, column, side, _quantile(0.95)) for side in (-1, 1)]
        endpoints[:, position] = np.sort(ends)
    return Profile(endpoints[0], endpoints[1], target.n_evaluations)


def _quantile(level: float) -> float:
    """Return the two-sided normal quantile."""
    return float(ndtri((1 + level) / 2))
