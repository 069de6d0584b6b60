"""Objectives whose replicates spread further than their curvature says.

A sum of squares, a pseudo-likelihood or importance weights have a curvature of any size: replicates
may lie hundreds of its units away. Divided by their dispersion they become log-likelihoods in
scale, and a unit of the whitening is the standard error that replicates show.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.likelihood.response import Rows
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening
from bootmle.refitting.expansion import SharedExpansion

__all__ = ["PILOTS", "measure_dispersion", "rescale"]

PILOTS = 4
"""Samples whose squared gradients are averaged: relative to it, their mean errs by √(2/4p)."""

_AT_LEAST = 4.0
"""Least dispersion that counts: replicates then spread twice as far as the curvature says, and one
in twenty lies four units from the estimate, beyond where its expansion holds."""


def measure_dispersion(fit: Fit, expansion: SharedExpansion | None) -> float:
    """Measure the largest variance of the scores over the curvature, from 4 on; else 1."""
    if fit.whitening.size == 0:
        return 1.0
    if fit.likelihood.per_observation and expansion is not None:
        scores = expansion.scores(fit.likelihood)
        largest = float(np.linalg.eigvalsh(scores.T @ scores)[-1])
    # A total has no scores, but a gradient at the estimate on each sample of the rows.
    elif fit.likelihood.rows in {Rows.EXCHANGEABLE, Rows.SEPARATE} and fit.likelihood.n:
        largest = float(np.mean([_squared_slope(fit, pilot) for pilot in range(PILOTS)]))
    else:
        return 1.0
    return largest if np.isfinite(largest) and largest > _AT_LEAST else 1.0


def rescale(fit: Fit, dispersion: float) -> Fit:
    """Divide the objective by its dispersion, and stretch the whitening with it."""
    likelihood, base = fit.likelihood, fit.base
    if not likelihood.per_observation:
        base = np.asarray(base) / dispersion
    whitening = Whitening(fit.whitening.center, fit.whitening.factor * np.sqrt(dispersion))
    step_sizes = StepSizes.from_noise(fit.step_sizes.noise / dispersion)
    return replace(
        fit,
        likelihood=likelihood.divided(dispersion),
        base=base,
        whitening=whitening,
        step_sizes=step_sizes,
    )


def _squared_slope(fit: Fit, pilot: int) -> float:
    """Return the squared gradient, by parameter, at the estimate on one sample of the rows."""
    n = fit.likelihood.n
    assert n is not None
    rows = np.random.default_rng([n, pilot]).integers(n, size=n)
    target = WhitenedObjective(fit.likelihood.resampled(rows), fit.whitening, np.nan)
    target.rebase()
    slope: Floats = accurate_gradient(target, np.zeros(fit.whitening.size), fit.step_sizes.noise)
    return float(slope @ slope) / slope.size
