"""Optima at infinity along directions that are no coordinate axes."""

import numpy as np
from scipy.optimize import linprog

from bootmle import Given, Status, bootstrap, fit
from bootmle.likelihood.arrays import Floats


def _logit(params: Floats, X: Floats, y: Floats) -> Floats:
    eta = X @ params
    return np.asarray(np.logaddexp(0, eta) - y * eta)


def _is_separated(X: Floats, y: Floats) -> bool:
    """Whether a logit has no finite optimum, by linear programming (Konis 2007)."""
    signed = (2 * y - 1)[:, None] * X
    found = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(y)), bounds=(-1, 1))
    return bool(found.x @ signed.sum(axis=0) > 1e-7)


def test_dose_groups_as_linear_programming_has_them() -> None:
    # Of ten animals at doses 1, 2, 3 there are 0, 5, 9 with the event: the direction is (-2, 1).
    dose = np.repeat([1.0, 2.0, 3.0], 10)
    X = np.column_stack([np.ones(30), dose])
    y = np.concatenate([np.zeros(15), np.ones(5), np.zeros(1), np.ones(9)])
    rows = np.random.default_rng(5).integers(0, 30, (60, 30))
    mle = fit(_logit, [0.0, 0.1], args=(X, y))
    boot = bootstrap(
        mle, sampling=Given(rows), n_resamples=len(rows), rng=0, n_jobs=1, progress=False
    )
    separated = np.array([_is_separated(X[each], y[each]) for each in rows])
    assert 10 < separated.sum() < 50
    assert np.array_equal(boot.status == Status.NO_FINITE_OPTIMUM, separated)
    assert boot.n_failed == 0
    assert np.all(boot.replicates[separated] == [-np.inf, np.inf])
