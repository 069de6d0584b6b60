"""Optima of contributions at infinity, with linear programming as the judge."""

from typing import Any

import numpy as np
import pytest
from scipy import optimize
from scipy.special import log_ndtr

from bootmle import Given, Status, bootstrap, fit
from bootmle.likelihood.arrays import Floats

linprog: Any = optimize.linprog


def logit(params: Floats, X: Floats, y: Floats) -> Any:
    eta = X @ params
    return np.logaddexp(0, eta) - y * eta


def probit(params: Floats, X: Floats, y: Floats) -> Any:
    return -log_ndtr((2 * y - 1) * (X @ params))


def limits(X: Floats, y: Floats) -> Floats:
    """Each parameter's limit: infinite, NaN where it has two, 0 where it is finite (p,)."""
    rows = (2 * y - 1)[:, None] * X

    def reaches(cost: Floats) -> bool:
        found = linprog(-cost, A_ub=-rows, b_ub=np.zeros(len(rows)), bounds=(-1, 1))
        return bool(found.x @ cost > 1e-7)

    up, down = (np.array([reaches(s * e) for e in np.eye(X.shape[1])]) for s in (1, -1))
    return np.where(up & down, np.nan, np.where(up, np.inf, np.where(down, -np.inf, 0.0)))


@pytest.mark.parametrize("nll", [logit, probit])
def test_every_parameter_of_a_separated_resample_has_the_limit_of_linear_programming(
    nll: Any,
) -> None:
    rng = np.random.default_rng(14)
    X = np.column_stack([np.ones(18), rng.normal(size=18), rng.random((18, 2)) < 0.4])
    y = (X @ [0.0, 1.0, -1.0, 1.0] + rng.logistic(size=18) > 0).astype(float)
    rows = rng.integers(0, 18, (14, 18))
    boot = bootstrap(fit(nll, np.zeros(4), args=(X, y)), sampling=Given(rows), n_resamples=14)
    right = np.array([limits(X[each], y[each]) for each in rows])
    separated = np.any(right != 0, axis=1)
    assert 4 <= separated.sum() <= 12
    full = [np.linalg.matrix_rank(X[each]) == 4 for each in rows]
    regular = ~separated & full
    assert (boot.status[separated] == Status.NO_FINITE_OPTIMUM).all()
    assert not np.isin(boot.status[regular], Status.NO_FINITE_OPTIMUM).any()
    found = np.where(np.isfinite(boot.replicates), 0.0, boot.replicates)
    np.testing.assert_array_equal(found[separated], right[separated])
    costs = boot.data.n_evaluations / np.median(boot.data.n_evaluations[regular])
    assert np.median(costs[separated]) < 5
    assert costs[separated].max() < 15


def test_a_direction_of_divergence_need_not_be_an_axis() -> None:
    dose, event = np.repeat([1.0, 2.0, 3.0], 10), np.repeat([0.0, 1.0, 0.0, 1.0], [15, 5, 1, 9])
    X = np.column_stack([np.ones(30), dose])
    mle = fit(logit, np.zeros(2), args=(X, event))
    rows = np.tile(np.delete(np.arange(30), 20), (2, 1))  # without the survivor of dose 3
    boot = bootstrap(mle, sampling=Given(rows), n_resamples=2)
    np.testing.assert_array_equal(boot.replicates, [[-np.inf, np.inf]] * 2)


def test_a_dummy_that_is_not_drawn_leaves_a_total_without_identification() -> None:
    rng, number = np.random.default_rng(1), np.arange(30)
    X = np.column_stack([np.ones(30), rng.normal(size=30), number % 7 == 0, number % 5 == 1])
    y = X @ [0.3, 0.5, -0.4, 0.3] + rng.normal(size=30)

    def total(params: Floats, X: Floats, y: Floats) -> float:
        squares = np.sum((y - X @ params[:4]) ** 2)
        return float(0.5 * np.exp(-2 * params[4]) * squares + params[4] * len(y))

    rows = np.flatnonzero(X[:, 2] == 0)[rng.integers(0, 25, (12, 30))][1:3]
    boot = bootstrap(fit(total, np.zeros(5), args=(X, y)), sampling=Given(rows), n_resamples=2)
    assert (boot.status == Status.NOT_IDENTIFIED).all()


def test_a_fit_far_out_is_not_certified_where_it_is_all_but_singular() -> None:
    x = [1.85, -0.98, 1.97, 0.08, -0.98, -0.9, -0.26, -0.41, 0.08, -0.41]
    x += [-1.46, -0.98, -1.46, -1.46, -0.38, -0.98, -1.46, -0.41, -0.41, -1.16]
    dummy, y = np.zeros(20), np.zeros(20)
    dummy[[2, 3, 5, 6, 8, 19]] = 1
    y[[2, 3, 6, 8, 19]] = 1
    X = np.column_stack([np.ones(20), x, dummy])
    mle = fit(logit, np.zeros(3), args=(X, y))
    np.testing.assert_array_equal(limits(X, y), [-np.inf, 0, np.inf])
    assert mle.status is Status.NO_FINITE_OPTIMUM
