"""Quantiles of sorted replicates, their Monte Carlo errors, and the level of a value."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from bootmle.likelihood.arrays import Floats

__all__ = ["order_level", "order_quantile", "order_quantile_mcse", "sort_replicates"]

SAME_RANK = 1e-9
"""Difference of ranks (B + 1) α that is rounding: an α near 1 has an error of 1e-16."""


def sort_replicates(replicates: Floats) -> tuple[Floats, Floats]:
    """Sort (B, p) replicates twice, undetermined ones (NaN) counted as -inf, and as +inf."""
    unknown = np.isnan(replicates)
    low = np.sort(np.where(unknown, -np.inf, replicates), axis=0)
    high = np.sort(np.where(unknown, np.inf, replicates), axis=0) if unknown.any() else low
    return low, high


def order_quantile(ordered: Floats, probability: float) -> Floats:
    """Take the quantile at rank (B + 1) α of (B, p), interpolated on the normal scale.

    Davison and Hinkley (1997), equation 5.8, as R's boot does; 1 ≤ (B + 1) α ≤ B.
    """
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
    """Take half the distance between ranks one binomial sd to each side of a quantile, (p,)."""
    count = len(ordered)
    reach = np.sqrt(count * probability * (1 - probability))
    ranks = np.clip((count + 1) * probability + np.array([-reach, reach]), 1, count)
    floor = np.floor(ranks).astype(int)
    share = (ranks - floor)[:, None]
    # Ranks beyond the outermost replicate are cut off: the distance is stretched accordingly.
    stretch = reach / max(float(ranks[1] - ranks[0]), np.finfo(float).tiny)
    with np.errstate(invalid="ignore"):
        at, after = ordered[floor - 1], ordered[np.minimum(floor, count - 1)]
        low, high = np.where(at == after, at, at + share * (after - at))
        return np.asarray((high - low) * stretch)
