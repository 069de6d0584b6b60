"""Intervals that hold for several parameters at once."""

from __future__ import annotations

import numpy as np

from bootmle.inference.intervals import ConfidenceInterval, check_level, read_level
from bootmle.inference.order_statistics import order_quantile, order_quantile_mcse
from bootmle.inference.standard_errors import standard_error, standard_error_mcse
from bootmle.likelihood.arrays import Floats

__all__ = ["simultaneous_interval"]


def simultaneous_interval(
    replicates: Floats, estimate: Floats, confidence_level: float
) -> ConfidenceInterval:
    """Compute sup-t intervals: estimate ± c SE, with one c for all k parameters.

    c is the quantile of max_j |θ*_j − θ̂_j| / SE_j over finite replicates (B, k) (Montiel Olea and
    Plagborg-Møller 2019).
    """
    tail, _ = read_level(confidence_level, "less")
    check_level(len(replicates), tail, confidence_level)
    errors, mcse = standard_error(replicates), standard_error_mcse(replicates)
    scaled = np.abs(replicates - estimate) / np.where(errors > 0, errors, 1.0)
    largest = np.sort(scaled.max(axis=1))[:, None]
    critical = float(order_quantile(largest, confidence_level)[0])
    noise = float(order_quantile_mcse(largest, confidence_level)[0])
    half, error = critical * errors, np.hypot(critical * mcse, noise * errors)
    return ConfidenceInterval(estimate - half, estimate + half, error, error)
