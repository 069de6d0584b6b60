"""Studentized intervals: each replicate's deviation over its own standard error."""

from __future__ import annotations

import numpy as np

from bootmle.inference.intervals import (
    ConfidenceInterval,
    check_count,
    open_side,
    order_quantile,
    order_quantile_mcse,
    read_level,
)
from bootmle.likelihood.arrays import Floats

__all__ = ["studentized_interval"]


def studentized_interval(
    estimates: Floats,
    errors: Floats,
    estimate: Floats,
    error: Floats,
    *,
    confidence_level: float = 0.95,
    alternative: str = "two-sided",
) -> ConfidenceInterval:
    """Compute bootstrap-t intervals: θ̂ − t*₍₁₋α₎ s and θ̂ − t*₍α₎ s, with t* = (θ* − θ̂)/s*.

    Davison and Hinkley 1997, equation 5.7; quantiles at (B + 1)α of the order statistics.

    Parameters
    ----------
    estimates, errors : (B, p) arrays
        Replicates, and the standard error that each has by itself. One without (NaN), or without
        a finite optimum, counts as the worst at either end.
    estimate, error : (p,) arrays
        The original estimate and its standard error by the same formula; a parameter whose error
        is 0 does not vary.
    confidence_level, alternative
        As of `interval`.

    Returns
    -------
    ConfidenceInterval

    Raises
    ------
    ValueError
        For a level that so few replicates cannot show.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(999, 1))
    >>> bounds = studentized_interval(draws, np.ones((999, 1)), np.zeros(1), np.ones(1))
    >>> bool(abs(bounds.high[0] - 1.96) < 0.3)
    True
    """
    tail, side = read_level(confidence_level, alternative)
    check_count(len(estimates), tail, confidence_level)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = (estimates - estimate) / errors
    low = np.sort(np.where(np.isnan(ratios), -np.inf, ratios), axis=0)
    high = np.sort(np.where(np.isnan(ratios), np.inf, ratios), axis=0)
    varies = error > 0
    scale = np.where(varies, error, 1.0)
    ends = (
        estimate - scale * order_quantile(high, 1 - tail),
        estimate - scale * order_quantile(low, tail),
    )
    noise = (scale * order_quantile_mcse(high, 1 - tail), scale * order_quantile_mcse(low, tail))
    both = ConfidenceInterval(
        *(np.where(varies, end, estimate) for end in ends),
        *(np.where(varies, each, 0.0) for each in noise),
    )
    return open_side(both, side)
