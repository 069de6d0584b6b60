"""The warp-speed bootstrap: one replicate of each data set, pooled (Giacomini et al. 2013)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.crosschecks.evidence import measure_scores_under
from bootmle.crosschecks.sources import Source, fitted_sources
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import differentiate
from bootmle.inference.intervals import ReplicateArrays
from bootmle.likelihood.arrays import Floats
from bootmle.sampling import Plan

__all__ = ["matrix_errors", "warp_endpoints"]


def matrix_errors(
    fit: Fit, plan: Plan, derive: Callable[[Floats], Any] | None
) -> dict[str, Floats]:
    """Compute the standard errors that need no replicates, source to (k,)."""
    # Those of derived quantities are by the delta method, √(g C gᵀ) (Oehlert 1992).
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
    """Center the pooled deviations (M, k) of replicates at each estimate (N, k), (N, k) each."""
    # The deviations θ* − θ̂ of all data sets, one each, stand in for those of a single data set
    # (Giacomini, Politis and White 2013, equation 2.4). NaN where they are too few.
    tail = (1 - confidence_level) / 2
    if len(deviations) * tail < 1:
        missing = np.full_like(estimates, np.nan)
        return missing, missing
    names, zeros = ("",) * deviations.shape[1], np.zeros(deviations.shape[1])
    arrays = ReplicateArrays(names, zeros, deviations, deviations.mean(axis=0))
    bounds = METHODS[method].of(arrays).interval(confidence_level, withhold=True)
    return estimates + bounds.low, estimates + bounds.high
