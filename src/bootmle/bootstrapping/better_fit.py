"""A better optimum of the original data, from the replicates."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.execution.threads import computation
from bootmle.fitting.fit import Fit
from bootmle.fitting.several_starts import try_starts
from bootmle.likelihood.arrays import Floats

__all__ = ["better_fit"]

_STARTS = 5
"""Replicates that are started from: those with the lowest nll of the original data, which are
likelier than any other to lie in the best one's basin."""


def better_fit(fit: Any, replicates: Floats) -> Fit:
    """Fit the original data from the replicates that suit them best; the fit if none is better."""
    # Replicates (B, p) that are not finite are left out.
    if not isinstance(fit, Fit):
        raise ValueError(
            "better_fit: needs the Fit, which an Estimator is not and a file does not hold; use "
            "load(path, fit=mle)"
        )
    with computation():
        finite = replicates[np.isfinite(replicates).all(axis=1)]
        values = np.array([fit.likelihood.total(params) for params in finite])
        order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
        return try_starts(fit, Fit.from_start, list(finite[order[:_STARTS]]), n_jobs=1)
