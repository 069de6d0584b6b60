"""The observations' scores at the estimate, in whitened coordinates."""

from __future__ import annotations

import numpy as np

from bootmle.arrays import Floats
from bootmle.fitting.fit import Fit

__all__ = ["whitened_scores"]

_STEP = 0.05


def whitened_scores(fit: Fit) -> Floats | None:
    """Measure the gradients (n, r) of the weighted contributions; None where there are none.

    From the user's gradients by contribution, or four-point differences.
    """
    likelihood = fit.likelihood
    if not likelihood.by_weights or not fit.metric.size:
        return None
    if likelihood.scores_given:
        free = likelihood.scores(fit.estimate)[:, likelihood.parameters.free]
        scores = (free * likelihood.parameters.slopes(fit.metric.center)) @ fit.metric.factor
    else:
        scores = _difference(fit)
    if likelihood.weights is not None:
        scores = likelihood.weights[:, None] * scores
    return np.asarray(scores) if np.isfinite(scores).all() else None


def _difference(fit: Fit) -> Floats:
    """Difference the contributions along each whitened coordinate."""
    unit = _STEP * np.eye(fit.metric.size)
    parameters = fit.likelihood.parameters

    def contributions(points: Floats) -> Floats:
        params = parameters.to_user(fit.metric.to_working(points))
        return np.array([fit.likelihood.contributions(each) for each in params])

    near = contributions(unit) - contributions(-unit)
    far = contributions(2 * unit) - contributions(-2 * unit)
    return np.asarray((8 * near - far).T / (12 * _STEP))
