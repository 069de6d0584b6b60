"""Quantiles of sorted replicates, their Monte Carlo errors, and the level of a value."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from bootmle.likelihood.arrays import Floats

__all__ = ["order_level", "order_quantile", "order_quantile_mcse", "sort_replicates"]

SAME_RANK = 1e-9
"""Difference of ranks (B + 1) α that is rounding: an α near 1 has an error of 1e-16."""
_REACH = 2.0
"""Binomial sds, on the normal scale, to both sides of a quantile over which its slope is taken.
Measured on 4,000 samples each of normal, t(5), exponential and lognormal replicates, B = 199 to
1,999, at 2.5, 5, 50 and 97.5%: the true quantile lies within 2 errors in 93.2 to 95.5%; in 89 to
94.9% by ranks one sd away, 10 of 1,000 at 2.5%; with 3, errors are too large where modes meet."""


def sort_replicates(replicates: Floats) -> tuple[Floats, Floats]:
    """Sort (B, p) replicates twice, undetermined ones (NaN) counted as -inf, and as +inf."""
    unknown = np.isnan(replicates)
    low = np.sort(np.where(unknown, -np.inf, replicates), axis=0)
    high = np.sort(np.where(unknown, np.inf, replicates), axis=0) if unknown.any() else low
    return low, high


def order_quantile(ordered: Floats, probability: float) -> Floats:
    """Take the quantile at rank (B + 1) α of (B, p), interpolated on the normal scale."""
    # Davison and Hinkley (1997), equation 5.8, as R's boot does; 1 ≤ (B + 1) α ≤ B.
    count = len(ordered)
    rank = (count + 1) * probability
    below = int(np.clip(np.floor(rank + SAME_RANK), 1, count))
    if abs(rank - below) < SAME_RANK or below == count:
        return np.asarray(ordered[below - 1])
    lower, upper = ndtri(below / (count + 1)), ndtri((below + 1) / (count + 1))
    share = (ndtri(probability) - lower) / (upper - lower)
    first, second = ordered[below - 1], ordered[below]
    with np.errstate(invalid="ignore"):
        between = (1 - share) * first + share * second
    known = (np.isfinite(first) & (first == second)) | np.isnan(between)
    return np.asarray(np.where(known, first, between))


def order_level(ordered: Floats, values: Floats, *, lowest: bool = False) -> Floats:
    """Find the level α at which `order_quantile` of each column (B, p) is a value, (p,).

    0 below all replicates, 1 above all; the highest such level, or the ``lowest``, at ties.
    """
    count, columns = len(ordered), range(ordered.shape[1])
    beyond = np.less if lowest else np.less_equal
    below = np.sum(beyond(ordered, values), axis=0)
    rank = np.clip(below, 1, max(count - 1, 1))
    first, second = ordered[rank - 1, columns], ordered[np.minimum(rank, count - 1), columns]
    lower, upper = ndtri(rank / (count + 1)), ndtri((rank + 1) / (count + 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (values - first) / (second - first)
        # Between an infinite replicate and a finite one every quantile is infinite.
        share = np.where(first == -np.inf, 1.0, np.where(second == np.inf, 0.0, share))
        level = ndtr(lower + share * (upper - lower))
    level = np.where(below == 0, 0.0, np.where(below == count, 1.0, level))
    return np.where(np.isnan(values), np.nan, level)


def order_quantile_mcse(ordered: Floats, probability: float) -> Floats:
    """Compute the Monte Carlo error √(α (1 − α)/B) / f of a quantile, (p,), f the density there.

    f = φ(z)/Q'(z), with Q the quantiles on the normal scale, where they are nearly straight.
    """
    count, z = len(ordered), float(ndtri(probability))
    spread = np.sqrt(2 * np.pi * probability * (1 - probability) / count) * np.exp(z * z / 2)
    ends = ndtr(z + _REACH * spread * np.array([-1, 1]))
    levels = np.clip([ends[0], probability, ends[1]], 1 / (count + 1), count / (count + 1))
    quantiles = np.array([order_quantile(ordered, float(level)) for level in levels])
    with np.errstate(invalid="ignore", divide="ignore"):
        rises, widths = np.diff(quantiles, axis=0), np.diff(ndtri(levels))[:, None]
        # Beside infinite replicates the other side alone tells.
        known = np.isfinite(rises)
        slope = np.where(known, rises, 0.0).sum(axis=0) / (known * widths).sum(axis=0)
    slope = np.where(known.any(axis=0), slope, np.where(np.isinf(quantiles[1]), np.nan, np.inf))
    return np.asarray(slope * spread)
