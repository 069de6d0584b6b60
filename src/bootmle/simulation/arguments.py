"""Read the arguments of `coverage` that `bootstrap` does not have, or has in another sense."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.bootstrapping.arguments import check_refit
from bootmle.display.text import brief
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_call
from bootmle.sampling import Plan

__all__ = ["check_functions", "check_study_refit", "read_truth"]


def check_study_refit(fit: Fit | Estimator, sampling: Plan, refit: str, warp: bool) -> None:
    """Raise for a kind of refit that is unknown or not available."""
    check_refit(fit, sampling, refit)
    if warp and refit != "verified":
        raise ValueError(f"refit: {refit!r} needs many replicates of each data set, not warp=True")


def check_functions(fit: Fit | Estimator, simulate: Any, derive: Any) -> None:
    """Raise for what cannot simulate data, or compute quantities from parameters."""
    if derive is not None and not callable(derive):
        raise TypeError(f"derive: {brief(derive)} is not callable; pass derive(params)")
    if not callable(simulate):
        raise TypeError(
            f"simulate: {simulate!r} is not callable; pass simulate(params, rng, *args)"
        )
    if not fit.args:
        raise ValueError(
            "fit: the objective holds its data itself, so no data can be simulated for it; pass "
            "the data in args"
        )
    check_call("simulate", simulate, fit.args, ("params", "rng"))


def read_truth(fit: Fit | Estimator, truth: Any) -> Floats:
    """Read the true values of all parameters, (p,)."""
    if truth is None:
        return fit.estimate.copy()
    if hasattr(truth, "keys"):
        unknown = [str(name) for name in truth if str(name) not in fit.names]
        if unknown:
            raise ValueError(f"truth: {unknown} are not among the parameters {list(fit.names)}")
        values = dict(zip(fit.names, fit.estimate, strict=True))
        values |= {str(name): float(truth[name]) for name in truth}
        truth = list(values.values())
    try:
        array = np.asarray(truth, dtype=float)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != fit.estimate.shape or not np.isfinite(array).all():
        raise ValueError(
            f"truth: {brief(truth)}; pass {fit.estimate.size} finite values, or a mapping"
        )
    return array
