"""The observations' scores at the estimate, in whitened coordinates, and their sandwich."""

from __future__ import annotations

import numpy as np

from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.sandwich import Sandwich, Units, sandwich_errors
from bootmle.optimization.status import Status

__all__ = ["own_errors", "whitened_scores"]


def whitened_scores(fit: Fit) -> Floats | None:
    """Measure the gradients (n, r) of the weighted contributions; None where there are none.

    From the user's gradients by contribution, or four-point differences.
    """
    likelihood = fit.likelihood
    if not likelihood.supports_weights or not fit.whitening.size:
        return None
    if likelihood.scores_given:
        free = likelihood.scores(fit.estimate)[:, likelihood.parameters.free]
        scores = (free * likelihood.parameters.slopes(fit.whitening.center)) @ fit.whitening.factor
    else:
        scores = _difference(fit)
    if likelihood.weights is not None:
        scores = likelihood.weights[:, None] * scores
    return np.asarray(scores) if np.isfinite(scores).all() else None


def own_errors(fit: Fit, units: Units) -> Floats | None:
    """Compute the fit's own standard errors (p,), as those of each replicate are.

    None where there is no sandwich: a total only, a bound, or a Hessian that is not definite.
    """
    definite = fit.information.definiteness == "positive definite"
    scores = whitened_scores(fit) if definite and fit.status is not Status.AT_BOUND else None
    if scores is None:
        return None
    meat = Sandwich.of(*units, prior=None).meat(scores.T, None, None)
    parameters, whitening = fit.likelihood.parameters, fit.whitening
    errors = sandwich_errors(whitening.factor, np.eye(whitening.size)[None], meat[None])[0]
    return parameters.in_all(errors * np.abs(parameters.slopes(whitening.center)))


def _difference(fit: Fit) -> Floats:
    """Difference the contributions along each whitened coordinate."""
    step = fit.step_sizes.gradient_step
    unit = step * np.eye(fit.whitening.size)
    parameters = fit.likelihood.parameters

    def contributions(points: Floats) -> Floats:
        params = parameters.to_user(fit.whitening.to_working(points))
        return fit.likelihood.contributions_at(params)

    near = contributions(unit) - contributions(-unit)
    far = contributions(2 * unit) - contributions(-2 * unit)
    return np.asarray((8 * near - far).T / (12 * step))
