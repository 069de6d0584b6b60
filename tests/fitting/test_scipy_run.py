"""SciPy's search pauses where the optimum is found from, and its own result is had all the same."""

from __future__ import annotations

import pickle
import re
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize

from bootmle import Status, crosscheck, fit

minimize: Any = optimize.minimize

# Misra1a of NIST's nonlinear regressions, with the certified values.
X = np.array([77.6, 114.9, 141.1, 190.8, 239.9, 289, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1])
X = np.append(X, [689.1, 760.0])
Y = np.array([10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4])
Y = np.append(Y, [75.47, 81.78])
MISRA = [2.3894212918e2, 5.5015643181e-4]


class Misra:
    """Its nll, with the log of the residuals' standard deviation, that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, params: Any, x: Any, y: Any) -> Any:
        self.calls += 1
        residuals = (y - params[0] * (1 - np.exp(-params[1] * x))) * np.exp(-params[2])
        return (params[2] + residuals**2 / 2).sum()


def beale(params: Any) -> Any:
    x, y = params
    terms = np.array([1.5 - x + x * y, 2.25 - x + x * y**2, 2.625 - x + x * y**3])
    return (terms**2).sum()


def assert_same(found: Any, own: Any) -> None:
    for name in ("x", "fun", "jac", "hess_inv", "nfev", "njev", "nit", "status", "message"):
        assert_array_equal(found[name], own[name])


def test_where_scipys_line_search_fails_it_pauses_and_its_own_result_is_had_later() -> None:
    start, objective = [250.0, 5e-4, 0.0], Misra()
    mle = fit(objective, start, args=(X, Y))
    assert mle.status is Status.CERTIFIED
    assert_allclose(mle.estimate[:2], MISRA, rtol=1e-8)
    assert mle.n_evaluations == objective.calls
    own = minimize(Misra(), start, args=(X, Y))
    assert mle.n_evaluations < own.nfev
    assert_same(mle.optimize_result, own)
    assert mle.nll <= own.fun
    spent = objective.calls
    assert mle.optimize_result is mle.optimize_result
    assert objective.calls == spent


@pytest.mark.parametrize("start", [[1.0, 1.0], [0.0, 0.0], [2.0, 0.2]])
def test_a_result_of_scipys_is_the_same_to_the_last_bit(start: Any) -> None:
    mle = pickle.loads(pickle.dumps(fit(beale, start)))
    assert_allclose(mle.estimate, [3.0, 0.5], rtol=1e-6)
    own = minimize(beale, start)
    assert_same(mle.optimize_result, own)
    assert mle.nll <= own.fun


def test_the_name_of_the_method_may_be_in_small_letters() -> None:
    one, other = fit(beale, [1.0, 1.0]), fit(beale, [1.0, 1.0], method="bfgs")
    assert one.n_evaluations == other.n_evaluations
    assert_array_equal(one.estimate, other.estimate)


def test_a_regular_fit_of_two_parameters_adds_few_evaluations_to_scipys() -> None:
    # 22 are half of what BFGS takes on most functions of two parameters; it was 25.
    def nll(params: Any) -> Any:
        starts.append(np.array_equal(params, [0.5, 0.05]))
        x, y = params
        return np.exp(x + 20 * y) + np.exp(x - 20 * y) - 3 * x - y

    starts: list[bool] = []
    mle = fit(nll, [0.5, 0.05])
    assert mle.status is Status.CERTIFIED
    assert sum(starts) == 2  # one to see whether it is random, none for SciPy
    ratio = np.sqrt((60 + 1) / (60 - 1))
    assert_allclose(mle.estimate, [np.log(3 / (ratio + 1 / ratio)), np.log(ratio) / 20], rtol=1e-5)
    assert mle.n_evaluations - mle.optimize_result.nfev <= 18


def test_a_tolerance_or_options_are_kept_to_before_the_search_goes_on() -> None:
    calls: list[int] = []

    def counted(params: Any) -> Any:
        calls.append(1)
        return beale(params)

    for how in ({"tol": 1e-8}, {"options": {"gtol": 1e-8}}, {"method": "Nelder-Mead"}):
        choice: dict[str, Any] = dict(how)
        calls.clear()
        mle = fit(counted, [1.0, 1.0], **choice)
        spent, own = len(calls), minimize(beale, [1.0, 1.0], **{"method": "BFGS", **choice})
        assert mle.optimize_result.nfev == own.nfev <= spent
        assert len(calls) == spent


def test_where_no_optimum_is_certified_a_fit_is_no_worse_than_scipys_own_end() -> None:
    def nll(params: Any) -> Any:
        x, y = params
        return np.abs(x) * (1 + y**2) + (y - 1) ** 2  # a kink at the lowest point

    mle, own = fit(nll, [1.0, 0.5]), minimize(nll, [1.0, 0.5])
    assert mle.status is not Status.CERTIFIED
    assert_same(mle.optimize_result, own)
    assert mle.nll <= own.fun


def normal(params: Any, y: Any) -> Any:
    return params[1] + ((y - params[0]) * np.exp(-params[1])) ** 2 / 2


def sample() -> Any:
    return np.random.default_rng(0).normal(3.0, 20.0, 100)


def test_a_hessian_that_is_singular_to_rounding_ends_no_search() -> None:
    def nll(params: Any) -> Any:
        away = (params - [0.9, 0.2]) * 1e8  # standard errors of 1e-8, BFGS begins with 1
        return away @ (np.eye(2) + 1.0) @ away + np.logaddexp(0, params).sum()

    assert_same(fit(nll, np.zeros(2)).optimize_result, minimize(nll, np.zeros(2)))


def test_a_search_does_not_go_on_with_changed_data_or_a_changed_objective() -> None:
    y = sample()
    mle = fit(normal, [1.0, 1.0], args=y)
    assert mle.scipy_run.ended_early
    y[:50] = 0.0
    with pytest.raises(ValueError, match=r"args: args\[0\] changed since the fit, in place"):
        _ = mle.optimize_result
    y[:] = sample()
    assert mle.optimize_result.success

    closed = sample()
    mle = fit(lambda params: normal(params, closed).sum(), [1.0, 1.0])
    assert mle.scipy_run.ended_early
    closed[:50] = 0.0
    with pytest.raises(ValueError, match=r"fun: .* at the start values, but .* changed; fit again"):
        _ = mle.scipy_information
    closed[:] = sample()
    assert mle.optimize_result.success


def test_an_objective_that_raises_is_gone_on_with_once_it_no_longer_does() -> None:
    broken: list[bool] = []

    def nll(params: Any) -> Any:
        if broken:
            raise RuntimeError("down")
        return beale(params)

    mle = fit(nll, [1.0, 1.0])
    assert mle.scipy_run.ended_early
    broken.append(True)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="down"):
            _ = mle.optimize_result
    broken.clear()
    assert_same(mle.optimize_result, minimize(beale, [1.0, 1.0]))


def test_where_scipy_stopped_is_where_its_own_search_ends() -> None:
    objective = Misra()
    mle = fit(objective, [250.0, 5e-4, 0.0], args=(X, Y))
    assert mle.scipy_run.ended_early
    spent = objective.calls
    assert "SciPy stopped" not in str(crosscheck(mle)) + str(mle)
    assert objective.calls == spent  # nothing goes on to say so
    own, information = minimize(Misra(), [250.0, 5e-4, 0.0], args=(X, Y)), mle.scipy_information
    assert information is not None
    assert_array_equal(information.point, own.x)
    assert mle.scipy_information is information
    assert fit(normal, [1.0, 1.0], args=sample()).scipy_information is None


def test_how_far_above_the_optimum_scipy_stopped_is_said_on_the_users_scale() -> None:
    def nll(params: Any, y: Any) -> Any:
        return np.log(params[1]) + ((y - params[0]) / params[1]) ** 2 / 2

    y, options = sample(), {"maxiter": 3}
    mle = fit(nll, [1.0, 5.0], args=y, transform=["identity", "log"], options=options)
    x = mle.optimize_result.x
    rise = nll([x[0], np.exp(x[1])], y).sum() - mle.nll
    (said,) = re.findall(r"SciPy stopped ([\d.e-]+) above", str(crosscheck(mle)))
    assert_allclose(float(said), rise, rtol=1e-3)


@pytest.mark.parametrize("most", [3, 200])
def test_a_fits_own_result_is_cross_checked_on_the_users_scale(most: int) -> None:
    def nll(params: Any, y: Any) -> Any:
        return np.log(params[1]) + ((y - params[0]) / params[1]) ** 2 / 2

    y, how = sample(), {"transform": ["identity", "log"], "options": {"maxiter": most}}
    mle = fit(nll, [1.0, 5.0], args=y, **how)  # type: ignore[arg-type]
    own = mle.optimize_result
    check, slopes = crosscheck(mle, covariances={"own": own}), [1.0, np.exp(own.x[1])]
    wanted = np.sqrt(np.diag(own.hess_inv)) * slopes  # the delta method
    assert_allclose(check.standard_errors["own"], wanted, rtol=1e-6)
    reason = check.verdicts["own"].reason
    if most == 3:
        rise = nll([own.x[0], slopes[1]], y).sum() - mle.nll
        (said,) = re.findall(r"and ([\d.e-]+) above it in nll", reason)
        assert_allclose(float(said), rise, rtol=0.01)
    else:
        assert "from the optimum" not in reason
