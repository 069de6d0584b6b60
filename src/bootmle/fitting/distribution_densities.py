"""The contributions of values under SciPy's distributions, known or censored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import scipy

from bootmle.likelihood.arrays import Floats

__all__ = ["BY_NAME", "CensoredDensity", "Density", "read_ends"]


BY_NAME = "fit_distribution(..., floc=0), or fscale=1, or fa=2 for a shape a"
_KNOWN = {"nct": (0, 1e-14, np.inf), "ncf": (2, 0.0, 1e4)}
"""Position of a shape, and its range in which SciPy's density is usable (SciPy 1.17.1): with 1e-16
degrees of freedom the noncentral t ends the process, as Boost's exception is not caught; a
noncentral F of 100 values takes 1 ms with nc of 1e4, 40 with 1e5, and 6 s with 3e8."""


@dataclass(frozen=True, slots=True)
class Density:
    """The negative log density, or log probability, of each value."""

    how_to_fix: ClassVar[str] = BY_NAME
    distribution: Any

    def __call__(self, params: Floats, values: Floats) -> Floats:
        """Return the contributions, (n,)."""
        position, low, high = _KNOWN.get(
            getattr(self.distribution, "name", ""), (0, -np.inf, np.inf)
        )
        if not low <= params[position] <= high:
            return np.full(np.shape(values), np.nan)
        discrete = hasattr(self.distribution, "logpmf")
        log_density = self.distribution.logpmf if discrete else self.distribution.logpdf
        return -np.asarray(log_density(values, *params))


@dataclass(frozen=True, slots=True)
class CensoredDensity:
    """The negative log density of known values, and log probability of the others' ranges."""

    how_to_fix: ClassVar[str] = BY_NAME
    distribution: Any

    def __call__(self, params: Floats, lower: Floats, upper: Floats) -> Floats:
        """Return the contributions, (n,); a known value has two equal ends."""
        # Klein and Moeschberger (2003), Survival Analysis, eq. 3.5.1.
        known, left, right = lower == upper, lower == -np.inf, upper == np.inf
        values = np.empty(lower.size)
        for rows, log_chance in (
            (known, lambda low, high: self.distribution.logpdf(high, *params)),
            (left, lambda low, high: self.distribution.logcdf(high, *params)),
            (right, lambda low, high: self.distribution.logsf(low, *params)),
            (~(known | left | right), lambda low, high: self._log_between(params, low, high)),
        ):
            if rows.any():
                values[rows] = log_chance(lower[rows], upper[rows])
        return -values

    def _log_between(self, params: Floats, low: Floats, high: Floats) -> Floats:
        """Return log(F(high) − F(low)), from the tail that loses fewer digits."""
        logcdf, logsf = self.distribution.logcdf, self.distribution.logsf
        beyond = logsf(low, *params)
        below = _log_minus(logcdf(high, *params), logcdf(low, *params))
        above = _log_minus(beyond, logsf(high, *params))
        return np.where(beyond < np.log(0.5), above, below)


def _log_minus(larger: Floats, smaller: Floats) -> Floats:
    """Return the logarithm of a difference from the logarithms of its terms."""
    return np.asarray(larger + np.log(-np.expm1(smaller - larger)))


def read_ends(data: scipy.stats.CensoredData) -> tuple[Floats, Floats]:
    """Read lower and upper endpoints: known values, then left, right and interval censored."""
    parts: Any = data  # SciPy has no public way to read them
    known, left, right = parts._uncensored, parts._left, parts._right
    low, high = parts._interval.T
    lower = np.concatenate([known, np.full(left.size, -np.inf), right, low])
    upper = np.concatenate([known, left, np.full(right.size, np.inf), high])
    return lower, upper
