"""How far summaries could move, had the failed replicates been at their worst."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from bootmle.inference.intervals import read_level
from bootmle.inference.order_statistics import order_quantile
from bootmle.inference.standard_errors import deviations, of_finite
from bootmle.likelihood.arrays import Floats

__all__ = ["WorstCase", "worst_case"]


@dataclass(frozen=True, slots=True, eq=False)
class WorstCase:
    """Least and greatest values over all that the failed replicates could have been.

    Attributes
    ----------
    standard_error : (2, p) array
        Had they all been at the mean, and as far as the furthest replicates on either side.
    low, high : (2, p) arrays
        Percentile ends, had they all been below every other, and above: no further can they go.
    """

    standard_error: Floats
    low: Floats
    high: Floats


def worst_case(
    kept: Floats, low: Floats, high: Floats, n_failed: int, confidence_level: float = 0.95
) -> WorstCase:
    """Bound the standard errors and the percentile ends over what failed replicates hide.

    Parameters
    ----------
    kept : (B, p) array
        Replicates that did not fail; infinite entries are left out of standard errors.
    low, high : (B, p) arrays
        Sorted replicates, undetermined ones counted as -inf in ``low`` and as +inf in ``high``.
    n_failed : int
        Number of failed replicates.
    confidence_level : float
        Of the two-sided percentile interval.

    Returns
    -------
    WorstCase

    Raises
    ------
    ValueError
        For a level that is not between 0 and 1.

    Examples
    --------
    >>> draws = np.arange(98.0)[:, None]
    >>> bounds = worst_case(draws, draws, draws, 1, 0.9)
    >>> bounds.low.ravel(), bounds.high.ravel()
    (array([3., 4.]), array([93., 94.]))
    """
    tail, _ = read_level(confidence_level, "two-sided")
    below = np.full((n_failed, low.shape[1]), -np.inf)
    ends = [
        [
            order_quantile(np.concatenate([below, ordered]), level),
            order_quantile(np.concatenate([ordered, -below]), level),
        ]
        for ordered, level in ((low, tail), (high, 1 - tail))
    ]
    extremes = (partial(_least, n_failed=n_failed), partial(_greatest, n_failed=n_failed))
    errors = np.array([of_finite(extreme, kept) for extreme in extremes])
    return WorstCase(errors, np.array(ends[0]), np.array(ends[1]))


def _least(finite: Floats, n_failed: int) -> Floats:
    """Put the failed replicates at the mean; NaN where fewer than two are known."""
    if len(finite) < 2:
        return np.full(finite.shape[1], np.nan)
    squares = (deviations(finite) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(squares / (len(finite) + n_failed - 1)))


def _greatest(finite: Floats, n_failed: int) -> Floats:
    """Put so many at one end of the replicates' range and the rest at the other, as is worst."""
    if len(finite) < 2:
        return np.full(finite.shape[1], np.nan)
    count = len(finite) + n_failed
    centred = deviations(finite)
    at_low = np.arange(n_failed + 1)[:, None]
    low, high = centred.min(axis=0), centred.max(axis=0)
    sums = at_low * low + (n_failed - at_low) * high
    squares = (centred**2).sum(axis=0) + at_low * low**2 + (n_failed - at_low) * high**2
    variances = (squares - sums**2 / count) / (count - 1)
    return np.asarray(np.sqrt(variances.max(axis=0)))
