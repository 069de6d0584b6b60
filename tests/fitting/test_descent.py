"""The way to an optimum where trial points leave the domain, or run off to infinity."""

from typing import Any

import numpy as np
import pytest

from bootmle import Status, fit

Y = np.random.default_rng(0).normal(3.0, 2.0, 60)


@pytest.mark.parametrize("start", [[1.5, 1.0], [30.0, -1.0]])
def test_an_edge_of_the_domain_is_no_optimum_and_warns_of_nothing(start: list[float]) -> None:
    def nll(params: Any, y: Any) -> Any:
        return np.where(params[0] >= 1, params[0], np.inf) + 0.5 * (y - params[1]) ** 2

    mle = fit(nll, start, Y)
    assert mle.status is Status.NOT_CERTIFIED
    assert not mle.converged


@pytest.mark.parametrize("start", [5.0, 50.0, 100.0])
def test_an_infinite_estimate_is_no_certified_optimum(start: float) -> None:
    # On a log scale 710 overflows: a flat end of the likelihood is not an optimum there.
    def nll(params: Any, y: Any) -> Any:
        return (0.5 * (y - params[1]) ** 2 + np.exp(-params[0])).sum()

    mle = fit(nll, {"a": start, "mu": 2.0}, Y, transform={"a": "log"})
    assert mle.estimate[0] == np.inf or start < 50
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert "a → +∞" in str(mle)


def beale(x: Any) -> Any:
    terms = [1.5 - x[0] + x[0] * x[1], 2.25 - x[0] + x[0] * x[1] ** 2]
    return float(np.sum(np.square([*terms, 2.625 - x[0] + x[0] * x[1] ** 3])))


def test_a_fit_never_ends_above_the_point_that_scipy_found() -> None:
    # Along x1 → −∞ with x1 (1 − x2) = 0.991 Beale's function falls to 0.4520: a valley that is left
    # by coordinates of two of its points, where it is 14.
    with np.errstate(all="ignore"):
        mle = fit(beale, [0.06, 2.4])
    assert mle.nll == beale(mle.estimate)
    assert mle.nll <= mle.optimize_result.fun < 0.4551


@pytest.mark.parametrize("size", [2, 3])
def test_stated_decrements_hold_where_terms_bend_within_a_standard_error(size: int) -> None:
    # A chain of cubes with the minimum 0 at 1; residuals r, so that the nll is |r|² / 2.
    def residuals(x: Any) -> Any:
        return np.append(x[0] - 1, 10 * (x[1:] - x[:-1] ** 3))

    mle = fit(lambda x: 0.5 * residuals(x) ** 2, np.full(size, 0.5))
    jacobian = np.diag(np.append(1.0, np.full(size - 1, 10.0)))
    jacobian[range(1, size), range(size - 1)] = -30 * mle.estimate[:-1] ** 2
    exact = np.linalg.norm(
        jacobian @ np.linalg.solve(jacobian.T @ jacobian, jacobian.T @ residuals(mle.estimate))
    )
    assert mle.converged
    assert exact < max(1e-6, 10 * mle.decrement)
    assert mle.nll <= mle.optimize_result.fun


def test_a_valley_that_bends_within_a_standard_error_is_certified() -> None:
    # Kowalik and Osborne's data: Moré, Garbow and Hillstrom (1981), problem 15.
    y = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
    u = np.array([4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])

    def nll(params: Any) -> Any:
        a, b, c, d = params
        return 0.5 * (np.array(y) - a * (u**2 + u * b) / (u**2 + u * c + d)) ** 2

    mle = fit(nll, [0.25, 0.39, 0.415, 0.39])
    assert mle.status is Status.CERTIFIED
    assert abs(2 * mle.nll - 3.075056038e-4) < 1e-8


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_a_flat_line_from_which_the_nll_falls_is_no_optimum(reduce: bool) -> None:
    # Two rates merge; their amplitudes may be exchanged, and where both are positive the rates
    # part. The data are the curve itself, so that the minimum is 0.
    t = np.arange(20) * 0.2
    y = 0.5 * np.exp(-t) + 0.5 * np.exp(-3 * t)

    def nll(p: Any) -> Any:
        values = 5e5 * (y - p[0] * np.exp(-p[1] * t) - p[2] * np.exp(-p[3] * t)) ** 2
        return values.sum() if reduce else values

    mle = fit(nll, [2.0, 1.5, -1.0, 1.6])
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(np.sort(mle.estimate), [0.5, 0.5, 1.0, 3.0], rtol=1e-4)
    assert any("flat along" in note for note in mle.notes)


def test_a_flat_line_is_searched_by_few_evaluations() -> None:
    # Along x = 1 nothing changes but the curvature across, until a well at y = 6: 1,876 before.
    def nll(p: Any) -> Any:
        x, y = p
        well = np.exp(-20 * (y - 6) ** 2 - 9 * (x - 1) ** 2)
        return 50 * (x - 1) ** 2 * (1.2 + np.cos(y)) - well

    mle = fit(nll, [0.3, 2.0])
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, [1.0, 6.0], atol=1e-5)
    assert mle.n_evaluations < 600


def test_a_line_on_which_nothing_changes_is_told_by_two_points() -> None:
    # A regression on two copies of one column, whose Hessian is the same all along the line.
    x = np.random.default_rng(1).normal(size=(60, 1)) * [1.0, 10.0]
    mle = fit(lambda b: 0.5 * (Y - b[0] - x[:, 0] * b[1] - x[:, 0] * 10 * b[2]) ** 2, [3, 0.5, 0.2])
    assert mle.status is Status.NOT_IDENTIFIED
    assert mle.n_evaluations < 500
