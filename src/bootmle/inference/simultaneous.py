"""Intervals that hold for several parameters at once."""

from __future__ import annotations

import numpy as np

from bootmle.inference.intervals import (
    ConfidenceInterval,
    check_count,
    order_quantile,
    order_quantile_mcse,
    read_level,
)
from bootmle.inference.standard_errors import standard_error, standard_error_mcse
from bootmle.likelihood.arrays import Floats

__all__ = ["simultaneous_interval"]


def simultaneous_interval(
    estimates: Floats, estimate: Floats, confidence_level: float
) -> ConfidenceInterval:
    """Compute sup-t intervals: estimate ± c SE, with one c for all parameters.

    c is the quantile of max_j |θ*_j − θ̂_j| / SE_j over the replicates (Montiel Olea and
    Plagborg-Møller 2019).

    Parameters
    ----------
    estimates : (B, k) array
        Finite replicates.
    estimate : (k,) array
    confidence_level : float
        Probability that all k intervals hold together.

    Returns
    -------
    ConfidenceInterval

    Raises
    ------
    ValueError
        For a level that is none, or that so few replicates cannot show.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(4999, 1))
    >>> bounds = simultaneous_interval(draws, np.zeros(1), 0.95)
    >>> bool(abs(bounds.high[0] - 1.96) < 0.1)
    True
    """
    tail, _ = read_level(confidence_level, "less")
    check_count(len(estimates), tail, confidence_level)
    errors, mcse = standard_error(estimates), standard_error_mcse(estimates)
    scaled = np.abs(estimates - estimate) / np.where(errors > 0, errors, 1.0)
    largest = np.sort(scaled.max(axis=1))[:, None]
    critical = float(order_quantile(largest, confidence_level)[0])
    noise = float(order_quantile_mcse(largest, confidence_level)[0])
    half, error = critical * errors, np.hypot(critical * mcse, noise * errors)
    return ConfidenceInterval(estimate - half, estimate + half, error, error)
