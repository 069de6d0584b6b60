"""Worst case over the failed replicates: how far summaries could move."""

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
    """Least and greatest values over everything that the failed replicates could have been.

    Attributes
    ----------
    standard_error : (2, p) array
        With all failed replicates at the mean, and with each at the furthest replicate on either
        side, whichever spreads them most.
    low, high : (2, p) arrays
        Percentile endpoints with all failed replicates below every other, and above.
    """

    standard_error: Floats
    low: Floats
    high: Floats


def worst_case(
    kept: Floats, low: Floats, high: Floats, n_failed: int, confidence_level: float = 0.95
) -> WorstCase:
    """Bound standard errors and percentile endpoints over all values the failed ones could have."""
    # Of replicates that did not fail (B, p), and the same sorted with undetermined ones at -inf in
    # ``low`` and at +inf in ``high``.
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
    """Put the failed replicates at the mean; NaN if fewer than two others are known."""
    if len(finite) < 2:
        return np.full(finite.shape[1], np.nan)
    squares = (deviations(finite) ** 2).sum(axis=0)
    return np.asarray(np.sqrt(squares / (len(finite) + n_failed - 1)))


def _greatest(finite: Floats, n_failed: int) -> Floats:
    """Put the failed replicates at the two ends of the range, divided as is worst."""
    if len(finite) < 2:
        return np.full(finite.shape[1], np.nan)
    count = len(finite) + n_failed
    shifts = deviations(finite)
    at_low = np.arange(n_failed + 1)[:, None]
    low, high = shifts.min(axis=0), shifts.max(axis=0)
    sums = at_low * low + (n_failed - at_low) * high
    squares = (shifts**2).sum(axis=0) + at_low * low**2 + (n_failed - at_low) * high**2
    variances = (squares - sums**2 / count) / (count - 1)
    return np.asarray(np.sqrt(variances.max(axis=0)))
