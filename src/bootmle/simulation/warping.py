"""The warp-speed bootstrap: one replicate of each data set, pooled (Giacomini et al. 2013)."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from bootmle.arrays import Floats
from bootmle.summaries.intervals import order_quantile
from bootmle.summaries.spread import standard_error

__all__ = ["WARP_METHODS", "warped_ends"]

WARP_METHODS = ("percentile", "basic", "normal")


def warped_ends(
    estimates: Floats, deviations: Floats, method: str, confidence_level: float
) -> tuple[Floats, Floats]:
    """Put the pooled distribution of replicates around each estimate.

    Giacomini, Politis and White 2013, equation 2.4: the deviations θ* − θ̂ of all data sets, one
    each, stand in for those of one data set.

    Parameters
    ----------
    estimates : (N, k) array
    deviations : (M, k) array
        Finite deviations of replicates from their own estimates.
    method : str
        "percentile", "basic" or "normal".
    confidence_level : float

    Returns
    -------
    low, high : (N, k) arrays

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(9999, 1))
    >>> low, high = warped_ends(np.zeros((1, 1)), draws, "percentile", 0.95)
    >>> bool(abs(high[0, 0] - 1.96) < 0.1)
    True
    """
    tail = (1 - confidence_level) / 2
    if len(deviations) * tail < 1:
        nothing = np.full_like(estimates, np.nan)
        return nothing, nothing
    if method == "normal":
        reach = -float(ndtri(tail)) * standard_error(deviations)
        centre = estimates - deviations.mean(axis=0)
        return centre - reach, centre + reach
    ordered = np.sort(deviations, axis=0)
    low, high = order_quantile(ordered, tail), order_quantile(ordered, 1 - tail)
    if method == "basic":
        return estimates - high, estimates - low
    return estimates + low, estimates + high
