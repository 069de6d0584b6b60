"""The jackknife of a fit: its estimates with each unit of the data left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bootmle.arrays import Floats
from bootmle.fitting.cubic import maximize_models
from bootmle.fitting.estimator import Estimator, EstimatorRefit
from bootmle.fitting.fit import Fit
from bootmle.fitting.refit import LikelihoodRefit
from bootmle.resample import Resample

__all__ = ["delete_units"]

_MOVED = 0.1
"""Largest move, in standard errors, for which the expansion's optimum will do."""
_CHUNK = 256

Rows = NDArray[np.intp]


def delete_units(fit: Fit | Estimator, units: Sequence[Rows], certify_all: bool) -> Floats:
    """Estimate with each unit (rows of the data) left out, (G, p); NaN where a refit failed.

    Of contributions they are solved on the expansion, and certified where a deletion moves a
    whitened coordinate by over a tenth of a standard error, or all are asked for.
    """
    if isinstance(fit, Estimator):
        return _refitted(EstimatorRefit(fit), fit.n, units)
    refit = replace(LikelihoodRefit.prepare(fit), polished=True)
    n = fit.likelihood.n
    assert n is not None
    if certify_all or not refit.by_weights or refit.expansion is None:
        return _refitted(refit, n, units)
    z, good = _expanded(refit, units)
    parameters = refit.fit.likelihood.parameters
    estimates = parameters.to_user(refit.fit.metric.to_working(z))
    far = np.flatnonzero(~good | (np.abs(z).max(axis=1) > _MOVED))
    if far.size:
        estimates[far] = _refitted(refit, n, [units[int(k)] for k in far])
    return np.asarray(estimates)


def _refitted(refit: LikelihoodRefit | EstimatorRefit, n: int, units: Sequence[Rows]) -> Floats:
    """Refit without each unit."""
    found = []
    for start in range(0, len(units), _CHUNK):
        chunk = units[start : start + _CHUNK]
        outcomes, _ = refit([Resample(n, rows=np.delete(np.arange(n), rows)) for rows in chunk])
        found += [outcome.params for outcome in outcomes]
    estimates = np.array(found)
    return np.where(np.isfinite(estimates), estimates, np.nan)


def _expanded(refit: LikelihoodRefit, units: Sequence[Rows]) -> tuple[Floats, NDArray[np.bool_]]:
    """Solve the cubic models of the data without each unit."""
    expansion, prior = refit.expansion, refit.fit.likelihood.weights
    assert expansion is not None
    n = len(expansion.terms)
    whole = np.ones(n) if prior is None else prior
    solved, good = [], []
    for start in range(0, len(units), _CHUNK):
        chunk = units[start : start + _CHUNK]
        weights = np.tile(whole, (len(chunk), 1))
        for row, rows in zip(weights, chunk, strict=True):
            row[rows] = 0.0
        z, accepted = maximize_models(expansion.models(weights))
        solved.append(z)
        good.append(accepted)
    return np.concatenate(solved), np.concatenate(good)
