"""The warp-speed bootstrap: one replicate of each data set, pooled (Giacomini et al. 2013)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from bootmle.bootstrapping.interval_methods import METHODS
from bootmle.crosschecks.delta import differentiate
from bootmle.crosschecks.evidence import measure_scores_under
from bootmle.crosschecks.sources import Source, fitted_sources
from bootmle.fitting.fit import Fit
from bootmle.inference.intervals import ReplicateArrays
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import Plan

__all__ = ["matrix_errors", "warp_endpoints"]


def matrix_errors(
    fit: Fit, plan: Plan, derive: Callable[[Floats], Any] | None
) -> dict[str, Floats]:
    """Compute the standard errors that need no replicates, source to (k,).

    Those of derived quantities by the delta method, √(g C gᵀ), with g the gradient of the quantity
    at the estimate and C a source's covariance matrix (Oehlert 1992).

    Parameters
    ----------
    fit : Fit
    plan : Plan
        Ready for the data: clusters have a sandwich of their own.
    derive : callable or None
        Derived quantities, as of `Bootstrap.derive`.

    Examples
    --------
    >>> from bootmle import Cases, fit
    >>> y = np.random.default_rng(0).poisson(3.0, 300)
    >>> mle = fit(lambda params, y: np.exp(params[0]) - y * params[0], {"log_mean": 1.0}, args=y)
    >>> errors = matrix_errors(mle, Cases(), lambda params: np.exp(params))["hessian"]
    >>> bool(np.allclose(errors, [1 / np.sqrt(y.sum()), np.sqrt(y.mean() / 300)], rtol=1e-4))
    True
    """
    scores = measure_scores_under(fit, plan)
    sources = fitted_sources(fit, scores)
    errors = {source.name: source.standard_errors for source in sources}
    if derive is None:
        return errors
    with suppress(ArithmeticError, ValueError):
        slopes = differentiate([derive], fit.estimate, errors["hessian"])
        for source in sources:
            assert source.covariance is not None
            derived = Source.of(source.name, slopes @ source.covariance @ slopes.T)
            errors[source.name] = np.append(source.standard_errors, derived.standard_errors)
    return errors


def warp_endpoints(
    estimates: Floats, deviations: Floats, method: str, confidence_level: float
) -> tuple[Floats, Floats]:
    """Put the pooled distribution of replicates around each estimate.

    Giacomini, Politis and White 2013, equation 2.4: the deviations θ* − θ̂ of all data sets, one
    each, stand in for those of one data set.

    Parameters
    ----------
    estimates : (N, k) array
    deviations : (M, k) array
        Finite deviations of replicates from their own estimates.
    method : str
        A kind of interval that needs the replicates alone.
    confidence_level : float

    Returns
    -------
    low, high : (N, k) arrays

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(size=(9999, 1))
    >>> low, high = warp_endpoints(np.zeros((1, 1)), draws, "percentile", 0.95)
    >>> bool(abs(high[0, 0] - 1.96) < 0.1)
    True
    """
    tail = (1 - confidence_level) / 2
    if len(deviations) * tail < 1:
        nothing = np.full_like(estimates, np.nan)
        return nothing, nothing
    names, nothing = ("",) * deviations.shape[1], np.zeros(deviations.shape[1])
    arrays = ReplicateArrays(names, nothing, deviations, deviations.mean(axis=0))
    bounds = METHODS[method].of(arrays).interval(confidence_level, withhold=True)
    return estimates + bounds.low, estimates + bounds.high
