"""Standard errors of the replicates, and the Monte Carlo errors of these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = [
    "covariance",
    "covariance_mcse",
    "deviations",
    "largest_share",
    "mean_shift",
    "mean_shift_mcse",
    "of_finite",
    "of_finite_pairs",
    "quantile_standard_error",
    "skewness",
    "standard_error",
    "standard_error_mcse",
]

_TAIL = 0.15865525393145707
"""Normal probability below minus one standard deviation."""


def of_finite(statistic: Callable[[Floats], Floats], estimates: Floats) -> Floats:
    """Compute a statistic of each parameter's own finite replicates.

    Parameters
    ----------
    statistic : callable
        Of finite replicates (B, k), which returns (k,): one figure for each column by itself.
    estimates : (B, p) array
        Replicates; where one parameter is infinite or undetermined, others may be finite.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> of_finite(standard_error, np.array([[1.0, 1.0], [3.0, np.inf], [5.0, 3.0]])).round(4)
    array([2.    , 1.4142])
    """
    finite = np.isfinite(estimates)
    whole = finite.all(axis=0)
    if whole.all():
        return statistic(estimates)
    found = np.empty(estimates.shape[1])
    found[whole] = statistic(estimates[:, whole])
    for j in np.flatnonzero(~whole):
        found[j] = statistic(estimates[finite[:, j]][:, [j]])[0]
    return found


def of_finite_pairs(statistic: Callable[[Floats], Floats], estimates: Floats) -> Floats:
    """Compute a statistic of each pair of parameters, where the replicates of both are finite.

    Parameters
    ----------
    statistic : callable
        Of finite replicates (B, k), which returns (k, k): an entry for each pair by itself.
    estimates : (B, p) array
        Replicates; where one parameter is infinite or undetermined, others may be finite.

    Returns
    -------
    (p, p) array

    Examples
    --------
    >>> of_finite_pairs(covariance, np.array([[1.0, 1.0], [3.0, np.inf], [5.0, 3.0]]))
    array([[4., 4.],
           [4., 2.]])
    """
    finite = np.isfinite(estimates)
    whole = finite.all(axis=0)
    if whole.all():
        return statistic(estimates)
    size = estimates.shape[1]
    found = np.empty((size, size))
    found[np.ix_(whole, whole)] = statistic(estimates[:, whole])
    for j in np.flatnonzero(~whole):
        for i in range(size):
            pair = np.array([i, j])
            both = estimates[finite[:, pair].all(axis=1)][:, pair]
            found[i, j] = found[j, i] = statistic(both)[0, 1]
    return found


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


def mean_shift(moved: Floats) -> Floats:
    """Average what replicates lie above the estimate: the bootstrap's estimate of bias.

    Parameters
    ----------
    moved : (B, p) array
        Finite replicates less the estimate.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> mean_shift(np.array([[1.0], [2.0]]) - 1.0)
    array([0.5])
    """
    return np.asarray(moved.mean(axis=0)) if len(moved) else np.full(moved.shape[1], np.nan)


def mean_shift_mcse(moved: Floats) -> Floats:
    """Compute the Monte Carlo error of the bias: that of a mean of B replicates.

    Parameters
    ----------
    moved : (B, p) array
        Finite replicates, less the estimate or not.

    Returns
    -------
    (p,) array

    Examples
    --------
    >>> mean_shift_mcse(np.array([[1.0], [3.0]])).round(3)
    array([1.])
    """
    return np.asarray(standard_error(moved) / np.sqrt(max(len(moved), 1)))


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
