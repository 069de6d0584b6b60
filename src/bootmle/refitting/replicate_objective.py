"""The objective of one replicate, in whitened coordinates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bootmle.execution.raised import unless_interrupted
from bootmle.execution.timelimit import UNLIMITED, Stopwatch
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.sandwich import Sandwich
from bootmle.optimization.whitening import WhitenedObjective
from bootmle.sampling.resample import Resample

__all__ = ["objective_of"]


def objective_of(
    fit: Fit, resample: Resample, sandwich: Sandwich | None, timeout: float | None
) -> WhitenedObjective:
    """Reweight, resample or simulate a fit's data for a refit of at most so many seconds."""
    stopwatch = UNLIMITED if timeout is None else Stopwatch(timeout)
    if resample.simulate is not None:
        return _simulated(fit, resample.simulate, stopwatch)
    if fit.likelihood.supports_weights:
        return _reweighted(fit, resample.weights, sandwich, stopwatch)
    return _resampled(fit, resample, stopwatch)


def _reweighted(
    fit: Fit, weights: Floats, sandwich: Sandwich | None, stopwatch: Stopwatch
) -> WhitenedObjective:
    """Weight the contributions, by how often observations are drawn (N,)."""
    likelihood = fit.likelihood.reweighted(weights)
    base = likelihood.rows_of(np.asarray(fit.base))
    sandwich = None if sandwich is None else sandwich.of_resample(weights)
    return WhitenedObjective(likelihood, fit.whitening, base, sandwich, stopwatch)


def _resampled(fit: Fit, resample: Resample, stopwatch: Stopwatch) -> WhitenedObjective:
    """Take rows of the data."""
    assert resample.rows is not None
    likelihood = fit.likelihood.resampled(resample.rows)
    if resample.relabel is not None:
        likelihood = likelihood.with_args(resample.relabel(likelihood.args))
    target = _seen_whitened(fit, likelihood, stopwatch)
    target.rebase()
    return target


def _simulated(
    fit: Fit, simulate: Callable[[Floats, tuple[Any, ...]], Any], stopwatch: Stopwatch
) -> WhitenedObjective:
    """Simulate new data at the estimate; an exception is kept on the target."""
    likelihood = fit.likelihood.written_out()
    target = _seen_whitened(fit, likelihood, stopwatch)
    try:
        data = simulate(fit.estimate, likelihood.args)
        target.likelihood = likelihood.simulated(data)
    except BaseException as error:  # the user's code may raise anything
        target.error = unless_interrupted(error)
        return target
    target.rebase()
    return target


def _seen_whitened(fit: Fit, likelihood: Likelihood, stopwatch: Stopwatch) -> WhitenedObjective:
    """See other data in the fit's whitened coordinates."""
    return WhitenedObjective(likelihood, fit.whitening, np.nan, stopwatch=stopwatch)
