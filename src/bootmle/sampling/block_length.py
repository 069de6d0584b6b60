"""The automatic block length of Politis and White (2004), as corrected by Patton et al. (2009)."""

from __future__ import annotations

import numpy as np

from bootmle.arrays import Floats

__all__ = ["automatic_length"]


def automatic_length(series: Floats, kind: str) -> float:
    """Estimate the block length that is best for the variance of a mean, the longest of k series.

    Parameters
    ----------
    series : (n, k) array
        Scores of the observations, in their order.
    kind : str
        "stationary", "circular" or "moving"; the last two have the same.

    Returns
    -------
    float
        Between 1 and min(3 √n, n/3), whole for all but stationary blocks.

    Notes
    -----
    Patton, Politis and White (2009), Econometric Reviews 28, 372-375: (2 G²/D)^(1/3) n^(1/3), with
    flat-top weighted autocovariances up to twice the lag beyond which correlations are negligible.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=(500, 2))
    >>> automatic_length(noise, "circular") < 6
    True
    """
    n = len(series)
    longest = float(np.ceil(min(3 * np.sqrt(n), n / 3)))
    best = max(_length_of(column - column.mean(), kind) for column in series.T)
    best = float(np.clip(best, 1.0, max(longest, 1.0)))
    return best if kind == "stationary" else float(np.ceil(best))


def _length_of(centred: Floats, kind: str) -> float:
    """Estimate the length for one series, before it is bounded."""
    n = centred.size
    reach = max(5, int(np.ceil(np.sqrt(np.log10(n)))))
    most = min(int(np.ceil(np.sqrt(n))) + reach, n - 1)
    covariances = np.array([centred[: n - lag] @ centred[lag:] for lag in range(most + 1)]) / n
    if not covariances[0] > 0:
        return 1.0
    width = _bandwidth(covariances, n, reach)
    lags = np.arange(-width, width + 1)
    weighted = np.clip(2 * (1 - np.abs(lags) / width), 0.0, 1.0) * covariances[np.abs(lags)]
    slope, level = float((np.abs(lags) * weighted).sum()), float(weighted.sum())
    constant = 2.0 if kind == "stationary" else 4 / 3
    if level == 0:
        return 1.0
    return float((2 * slope**2 / (constant * level**2)) ** (1 / 3) * n ** (1 / 3))


def _bandwidth(covariances: Floats, n: int, reach: int) -> int:
    """Return twice the first lag from which ``reach`` correlations in a row are negligible."""
    correlations = np.abs(covariances[1:] / covariances[0])
    small = correlations < 2 * np.sqrt(np.log10(n) / n)
    most = covariances.size - 1
    for lag in range(most):
        if small[lag : lag + reach].all() and lag + reach <= most:
            return int(min(2 * (lag + 1), most))
    large = np.flatnonzero(~small)
    return int(min(2 * (large[-1] + 1), most)) if large.size else 1
