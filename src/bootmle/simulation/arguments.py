"""Read the arguments of `coverage` that `bootstrap` does not have, or has in another sense."""

from __future__ import annotations

from typing import Any

import numpy as np

from bootmle.bootstrapping.arguments import check_refit, read_values
from bootmle.display.checks import check_flag
from bootmle.display.text import brief
from bootmle.fitting.estimator import Estimator
from bootmle.fitting.fit import Fit
from bootmle.inference.derived import derive_at
from bootmle.inference.derived_scales import DerivedScales
from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.data import check_call
from bootmle.sampling import Plan

__all__ = ["check_functions", "check_scales", "read_truth", "read_warp"]


def read_warp(fit: Fit | Estimator, sampling: Plan, refit: str, warp: bool) -> bool:
    """Read whether a study is a warp-speed one; raise for refits that it cannot have."""
    warp = check_flag("warp", warp)
    check_refit(fit, sampling, refit)
    if warp and refit != "verified":
        raise ValueError(f"refit: {refit!r} needs many replicates of each data set, not warp=True")
    return warp


def check_functions(fit: Fit | Estimator, simulate: Any, derive: Any, transform: Any) -> None:
    """Raise for what cannot simulate data, or compute quantities from parameters."""
    if derive is None and transform is not None:
        raise ValueError(f"transform: {brief(transform)} is of derived quantities; pass derive=")
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


def check_scales(derive: Any, transform: Any, truth: Floats) -> None:
    """Raise for scales that the derived quantities do not have at the true values."""
    if derive is not None:
        values, labels = derive_at(derive, truth, None)
        DerivedScales.read(transform, labels, values)


def read_truth(fit: Fit | Estimator, truth: Any) -> Floats:
    """Read the true values of all parameters, (p,): the estimate where none is given."""
    values = read_values("truth", {} if truth is None else truth, fit.names, fit.estimate)
    if not np.isfinite(values).all():
        raise ValueError(f"truth: {brief(truth)}; data are simulated at finite values")
    return values
