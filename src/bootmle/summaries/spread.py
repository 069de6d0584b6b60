"""Standard errors of the replicates, and the Monte Carlo errors of these."""

from __future__ import annotations

import numpy as np

from bootmle.arrays import Floats

__all__ = [
    "covariance",
    "covariance_mcse",
    "deviations",
    "largest_share",
    "mean_shift",
    "quantile_standard_error",
    "skewness",
    "standard_error",
    "standard_error_mcse",
]

_TAIL = 0.15865525393145707
"""Normal probability below minus one standard deviation."""


def standard_error(estimates: Floats) -> Floats:
    """Compute the standard deviation of the replicates, ddof 1.

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> standard_error(np.array([[1.0, 10.0], [3.0, 30.0]])).round(4)
    array([ 1.4142, 14.1421])
    """
    if len(estimates) < 2:
        return np.full(estimates.shape[1], np.nan)
    return np.asarray(np.sqrt((deviations(estimates) ** 2).sum(axis=0) / (len(estimates) - 1)))


def standard_error_mcse(estimates: Floats) -> Floats:
    """Compute the Monte Carlo error of the standard errors, from the fourth moment.

    Var(s²) = (m₄ − s⁴ (B − 3)/(B − 1))/B, and s moves by half the relative change of s².

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> draws = np.random.default_rng(0).standard_normal((5000, 1))
    >>> float(standard_error_mcse(draws)[0] / np.sqrt(0.5 / 5000)).__round__(1)
    1.0
    """
    count = len(estimates)
    if count < 4:
        return np.full(estimates.shape[1], np.nan)
    moved = deviations(estimates)
    variance = (moved**2).sum(axis=0) / (count - 1)
    spread = ((moved**4).mean(axis=0) - variance**2 * (count - 3) / (count - 1)) / count
    with np.errstate(all="ignore"):
        error = np.sqrt(np.maximum(spread, 0.0)) / (2 * np.sqrt(variance))
    return np.where(variance > 0, error, 0.0)


def quantile_standard_error(low: Floats, high: Floats) -> Floats:
    """Take half the distance between the quantiles that lie at ±1 for a normal variable.

    Defined where tails are too heavy for a standard deviation, or some replicates infinite.

    Parameters
    ----------
    low, high : (B, p) arrays
        Sorted replicates; undetermined ones at the lower end in ``low``, at the upper in ``high``.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> draws = np.sort(np.random.default_rng(0).standard_normal((9999, 1)), axis=0)
    >>> float(quantile_standard_error(draws, draws)[0].round(1))
    1.0
    """
    if len(low) == 0:
        return np.full(low.shape[1], np.nan)
    lower = np.quantile(low, _TAIL, axis=0, method="lower")
    upper = np.quantile(high, 1 - _TAIL, axis=0, method="higher")
    with np.errstate(invalid="ignore"):
        return np.asarray((upper - lower) / 2)


def covariance(estimates: Floats) -> Floats:
    """Compute the covariance matrix of the replicates, ddof 1.

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.

    Returns
    -------
    (p, p) array

    Examples
    --------
    >>> covariance(np.array([[0.0, 0.0], [1.0, 2.0]]))
    array([[0.5, 1. ],
           [1. , 2. ]])
    """
    size = estimates.shape[1]
    if len(estimates) < 2:
        return np.full((size, size), np.nan)
    return np.atleast_2d(np.cov(deviations(estimates), rowvar=False))


def covariance_mcse(estimates: Floats) -> Floats:
    """Compute the Monte Carlo error of each covariance: √((m₂₂ − c²)/B) of B replicates.

    m₂₂ is the mean of the squared products of two deviations, c their covariance (the delta method;
    on the diagonal it is the error of a variance).

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.

    Returns
    -------
    (p, p) array

    Examples
    --------
    >>> draws = np.random.default_rng(0).standard_normal((5000, 2))
    >>> (covariance_mcse(draws) * np.sqrt(5000)).round(1)
    array([[1.4, 1. ],
           [1. , 1.4]])
    """
    count, size = estimates.shape
    if count < 4:
        return np.full((size, size), np.nan)
    squared = deviations(estimates) ** 2
    spread = squared.T @ squared / count - covariance(estimates) ** 2
    return np.asarray(np.sqrt(np.maximum(spread, 0.0) / count))


def largest_share(estimates: Floats) -> Floats:
    """Compute the share of the variance that a single replicate makes.

    The largest squared deviation over their sum; where tails are so heavy that the variance grows
    with B it stays large.

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> largest_share(np.array([[0.0, 1.0], [0.0, 2.0], [3.0, 3.0]])).round(3)
    array([0.667, 0.5  ])
    """
    if len(estimates) < 2:
        return np.zeros(estimates.shape[1])
    squared = deviations(estimates) ** 2
    total = squared.sum(axis=0)
    return np.asarray(squared.max(axis=0) / np.where(total > 0, total, 1.0))


def mean_shift(estimates: Floats, estimate: Floats) -> Floats:
    """Subtract the estimate from the replicates' mean: the bootstrap's estimate of bias.

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.
    estimate : (p,) array
        The original estimate.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> mean_shift(np.array([[1.0], [2.0]]), np.array([1.0]))
    array([0.5])
    """
    if len(estimates) == 0:
        return np.full_like(estimate, np.nan)
    return np.asarray((estimates - estimate).mean(axis=0))


def skewness(estimates: Floats) -> Floats:
    """Compute the skewness of the replicates, the third central moment over the cubed deviation.

    Parameters
    ----------
    estimates : (B, p) array
        Finite replicates.

    Returns
    -------
    (p,) array
        Zero for a parameter that does not vary.

    Examples
    --------
    >>> skewness(np.array([[0.0, 1.0], [0.0, 2.0], [3.0, 3.0]])).round(3)
    array([0.707, 0.   ])
    """
    if len(estimates) < 3:
        return np.full(estimates.shape[1], np.nan)
    moved = deviations(estimates)
    spread = np.sqrt((moved**2).mean(axis=0))
    return np.asarray((moved**3).mean(axis=0) / np.where(spread > 0, spread, 1.0) ** 3)


def deviations(estimates: Floats) -> Floats:
    """Return the deviations from the mean: 0 where nothing varies, though a mean is rounded."""
    moved = estimates - estimates[:1]
    return np.asarray(moved - moved.mean(axis=0))
