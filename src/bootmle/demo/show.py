"""What `bootmle demo` runs: a fit by SciPy, its bootstrap, and a cross-check of its errors."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from bootmle import bootstrap, crosscheck, fit
from bootmle.demo.rand import load_rand, nb2_nll
from bootmle.likelihood.arrays import Floats

__all__ = ["run"]


def run(
    n_resamples: int = 1999, n_jobs: int = -1, progress: bool | None = None, rng: int = 0
) -> None:
    """Fit the RAND data, bootstrap the fit, and print a cross-check of SciPy's standard errors."""
    X, y, names = load_rand()
    model = "negative binomial regression of doctor visits"
    print(f"RAND Health Insurance Experiment, {len(y):,} rows: {model}\n")
    res = minimize(_total, np.zeros(len(names)), args=(X, y))
    print(f"scipy.optimize.minimize: {res.message} ({res.nfev:,} evaluations)\n")
    mle = fit(nb2_nll, res, args=(X, y), names=names)
    print(f"{mle}\n")
    boot = bootstrap(mle, n_resamples=n_resamples, n_jobs=n_jobs, progress=progress, rng=rng)
    print(f"{boot}\n")
    print(crosscheck(boot, covariances={"BFGS": res}))


def _total(params: Floats, X: Floats, y: Floats) -> float:
    """Return the total that SciPy minimizes."""
    return float(nb2_nll(params, X, y).sum())
