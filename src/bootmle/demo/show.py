"""Fit the demo's model with SciPy, bootstrap it, and set their standard errors side by side."""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult, minimize

from bootmle import bootstrap, fit
from bootmle.arrays import Floats
from bootmle.demo.rand import load_rand, nb2_nll
from bootmle.tables import align, rounded_like

__all__ = ["run"]


def run(
    n_resamples: int = 1999, n_jobs: int = -1, progress: bool | None = None, rng: int = 0
) -> None:
    """Fit the RAND data, bootstrap the fit, and print what that says of SciPy's standard errors.

    Parameters
    ----------
    n_resamples : int
        The number of bootstrap samples.
    n_jobs : int
        The number of processes; -1 for one a core.
    progress : bool or None
        Whether to show a progress bar; None shows one on a terminal.
    rng : int
        The seed.

    Examples
    --------
    >>> run(n_resamples=499, n_jobs=2)  # doctest: +SKIP
    """
    X, y, names = load_rand()
    print(f"RAND Health Insurance Experiment: {len(y):,} rows, NB2 regression of doctor visits\n")
    res = minimize(_total, np.zeros(len(names)), args=(X, y))
    print(f"scipy.optimize.minimize: {res.message} ({res.nfev} evaluations)\n")
    mle = fit(nb2_nll, res, args=(X, y), names=names)
    print(f"{mle}\n")
    boot = bootstrap(mle, n_resamples=n_resamples, n_jobs=n_jobs, progress=progress, rng=rng)
    print(f"{boot}\n")
    claimed = np.sqrt(np.diag(np.asarray(res.hess_inv)))
    print(side_by_side(names, boot.estimate, boot.standard_error, claimed))
    print(f"\n{in_words(res, boot.estimate, boot.standard_error, claimed)}")


def _total(params: Floats, X: Floats, y: Floats) -> float:
    """Return the sum that SciPy minimizes."""
    return float(nb2_nll(params, X, y).sum())


def side_by_side(
    names: tuple[str, ...], estimate: Floats, bootstrapped: Floats, claimed: Floats
) -> str:
    """Return a table of both standard errors and their ratio, a row for each parameter."""
    rows = []
    for name, value, ours, theirs in zip(names, estimate, bootstrapped, claimed, strict=True):
        shown = [rounded_like(number, ours, 3) for number in (value, ours, theirs)]
        rows.append([name, *shown, f"{theirs / ours:.2f}"])
    return align(["", "estimate", "bootstrap SE", "hess_inv SE", "ratio"], rows)


def in_words(res: OptimizeResult, estimate: Floats, bootstrapped: Floats, claimed: Floats) -> str:
    """Return two sentences on where SciPy stopped and what its standard errors are worth."""
    away = np.nanmax(np.abs(res.x - estimate) / bootstrapped)
    ratios = claimed / bootstrapped
    return (
        f"SciPy's estimates are at most {away:.1g} standard errors from the certified optimum.\n"
        f"Its hess_inv errors are {np.nanmin(ratios):.2f} to {np.nanmax(ratios):.2f} times the "
        "bootstrap's: hess_inv is what BFGS has\npieced together in "
        f"{res.nit} steps to choose the next one, not a measured inverse Hessian."
    )
