"""The observations' scores at the estimate, in whitened coordinates, and their sandwich."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from bootmle.fitting.optimum import Optimum
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import contribution_gradients
from bootmle.optimization.sandwich import Sandwich, Units, sandwich_errors
from bootmle.optimization.status import Status

__all__ = ["own_errors", "whitened_scores"]

_MEASURED: WeakKeyDictionary[Optimum, Floats | None] = WeakKeyDictionary()
"""Scores of fits that are still in use."""


def whitened_scores(fit: Optimum) -> Floats | None:
    """Measure the gradients (N, r) of the observations; None where there are no contributions."""
    # Once for each fit: whoever needs them later spends no evaluations.
    if fit not in _MEASURED:
        _MEASURED[fit] = _measure_scores(fit)
    return _MEASURED[fit]


def _measure_scores(fit: Optimum) -> Floats | None:
    """Measure them at the estimate."""
    likelihood = fit.likelihood
    if not likelihood.supports_weights or not fit.whitening.size:
        return None
    rows = fit.row_derivatives
    if rows is None:
        scores = contribution_gradients(likelihood, fit.whitening, fit.step_sizes.gradient_step)
    else:
        scores = likelihood.of_observations(rows.gradients.T).T
    scores.flags.writeable = False
    return scores if np.isfinite(scores).all() else None


def own_errors(fit: Optimum, units: Units) -> Floats | None:
    """Compute the fit's own standard errors (p,), as those of each replicate are."""
    # None where there is no sandwich: a total only, a bound, or a Hessian that is not definite.
    definite = fit.information.definiteness == "positive definite"
    scores = whitened_scores(fit) if definite and fit.status is not Status.AT_BOUND else None
    if scores is None:
        return None
    meat = Sandwich.of(*units, prior=None).meat(scores.T, None, None)
    parameters, whitening = fit.likelihood.parameters, fit.whitening
    errors = sandwich_errors(whitening.factor, np.eye(whitening.size)[None], meat[None])[0]
    return parameters.in_all(errors * np.abs(parameters.slopes(whitening.center)))
