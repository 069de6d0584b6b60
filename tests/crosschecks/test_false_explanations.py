"""Verdicts that must not be given: each test is a case in which an explanation would be false."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from bootmle import Flag, bootstrap, crosscheck, fit
from bootmle.crosschecks.formulas import Formula
from bootmle.crosschecks.matching import Given, best_of
from models import normal, poisson


def test_a_total_of_minus_two_log_l_is_named() -> None:
    model = normal()
    (y,) = model.data(200, rng=1)
    mle = fit(lambda p, y: float(2 * model.nll(p, y).sum()), model.truth, y)
    boot = bootstrap(mle, n_resamples=499, rng=0)
    assert any("−2 log L" in alarm.message for alarm in boot.alarms)
    check = crosscheck(boot)
    assert Flag.OBJECTIVE_SCALE in check.flags
    assert check.verdicts["hessian"].flag is Flag.OBJECTIVE_SCALE


def test_contributions_of_a_mean_are_multiplied_by_n() -> None:
    model = normal()
    (y,) = model.data(200, rng=1)
    mle = fit(lambda p, y: model.nll(p, y) / len(y), model.truth, y)
    assert "mean" in str(mle)
    assert crosscheck(bootstrap(mle, n_resamples=499, rng=0)).verdicts["hessian"].agrees


def test_an_infinite_profile_end_is_named() -> None:
    def nll(params: Any, y: Any, x: Any) -> Any:
        first = 0.5 * (y - 1 + np.exp(-params[0])) ** 2
        return first + 0.5 * ((x - params[1]) / 50.0) ** 2

    rng = np.random.default_rng(4)
    y, x = rng.normal(size=100), rng.normal(1000.0, 50.0, 100)
    check = crosscheck(fit(nll, [2.0, 990.0], (y - y.mean() + 0.9, x)), profile=True)
    verdict = check.verdicts["profile"]
    assert verdict.flag is not Flag.MISSPECIFIED
    assert "bootstrap" not in verdict.reason


def test_without_a_bootstrap_none_is_quoted() -> None:
    rng = np.random.default_rng(0)
    said = []
    for _ in range(40):
        X, y = poisson(1).data(200, rng=rng)
        check = crosscheck(fit(poisson(1).nll, poisson(1).truth, (X, y)))
        said += [verdict.reason for verdict in check.verdicts.values() if not verdict.agrees]
    assert said
    assert not any("agrees with the bootstrap" in reason for reason in said)


def test_a_matrix_of_no_known_origin_is_not_blamed_on_rounding() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(400), 100 * rng.normal(size=400)])
    y = rng.poisson(np.exp(1 + 0.003 * X[:, 1])).astype(float)
    boot = bootstrap(
        fit(poisson(1).nll, {"const": 1.0, "slope": 0.0}, (X, y)), n_resamples=499, rng=0
    )
    verdict = crosscheck(boot, {"odd": np.diag([1.0, 1e-4])}).verdicts["odd"]
    assert "rounding" not in verdict.reason
    assert verdict.flag is Flag.UNEXPLAINED


def test_equal_errors_agree_where_s_is_zero() -> None:
    y = 5.0 + 3.0 * np.tile([-1.0, 1.0], 20)
    y = np.random.default_rng(0).permutation(y)
    mle = fit(normal().nll, {"mu": 4.0, "log_sigma": 0.0}, y, fixed={"log_sigma": np.log(3.0)})
    check = crosscheck(mle)
    assert "×1.00" not in str(check)
    assert check.verdicts["hessian"].agrees
    assert check.verdicts["opg"].agrees


def test_a_singular_opg_is_said_to_be_singular() -> None:
    y = 5.0 + 3.0 * np.tile([-1.0, 1.0], 20)
    check = crosscheck(fit(normal().nll, {"mu": 4.0, "log_sigma": 0.0}, y))
    assert np.isnan(check.standard_errors["opg"]).all()
    assert "singular" in check.verdicts["opg"].reason


def test_the_table_fits_the_width() -> None:
    rng = np.random.default_rng(0)
    X = np.column_stack([np.ones(300), 1e4 * rng.normal(size=300)])
    y = rng.poisson(np.exp(1 + 3e-5 * X[:, 1]) * rng.gamma(1.0, 1.0, 300)).astype(float)
    mle = fit(poisson(1).nll, {"const": 1.0, "slope": 0.0}, (X, y))
    boot = bootstrap(mle, n_resamples=199, rng=0)
    given = {"BFGS": np.diag([1e-3, 1e-10]), "statsmodels": np.diag([1e-2, 1e-9])}
    shown = str(crosscheck(boot, given, simulate=poisson(1).simulate, profile=True))
    assert max(map(len, shown.splitlines())) <= 100


def test_what_equals_a_source_that_agrees_agrees() -> None:
    with np.load(Path(__file__).parents[1] / "data" / "logit8.npz") as data:
        X, y = data["X"], data["y"].astype(float)

    def nll(b: Any, X: Any, y: Any) -> Any:
        return np.logaddexp(0.0, X @ b) - y * (X @ b)

    def gradient(b: Any) -> Any:
        return X.T @ (1 / (1 + np.exp(-X @ b)) - y)

    def total(b: Any) -> float:
        return float(nll(b, X, y).sum())

    result = minimize(total, np.zeros(8), jac=gradient)
    boot = bootstrap(fit(nll, np.zeros(8), (X, y)), n_resamples=499, rng=0)
    verdicts = crosscheck(boot, {"BFGS": result}).verdicts
    assert "the inverse Hessian here" in verdicts["BFGS"].reason
    assert verdicts["BFGS"].agrees is verdicts["hessian"].agrees


def test_a_point_mass_at_a_bound_is_not_called_a_heavy_tail() -> None:
    model, (y,) = normal(), normal().data(60, rng=1)
    bounds = [(None, float(y.mean() - 0.1)), (None, None)]
    mle = fit(model.nll, [0.0, 0.5], y, bounds=bounds)
    flags = crosscheck(bootstrap(mle, n_resamples=499, rng=0)).flags
    assert Flag.AT_BOUND in flags
    assert Flag.HEAVY_TAILED not in flags


def test_a_reference_of_nan_is_not_said_to_agree() -> None:
    def nll(params: Any, y: Any) -> Any:
        return normal().nll([params[0] + params[1], params[2]], y)

    check = crosscheck(fit(nll, {"a": 0.5, "b": 0.5, "log_sigma": 0.5}, normal().data(60, rng=1)))
    assert np.isnan(check.standard_errors["sandwich"]).all()
    assert not check.verdicts["sandwich"].agrees
    assert check.verdicts["sandwich"].flag is Flag.NOT_IDENTIFIED


def test_nothing_symmetric_agrees_where_many_replicates_are_infinite() -> None:
    # 1 of 12 successes at x = 0: drawn in no resample with probability (1 − 1/24)^24, 36%.
    x = np.repeat([0.0, 1.0], 12)
    y = np.r_[np.r_[1.0, np.zeros(11)], np.repeat([1.0, 0.0], [4, 8])]

    def nll(params: Any, x: Any, y: Any) -> Any:
        line = params[0] + params[1] * x
        return np.logaddexp(0.0, line) - y * line

    boot = bootstrap(fit(nll, {"base": -1.0, "x": 1.0}, (x, y)), n_resamples=199, rng=0)
    assert boot.data.divergent.mean() > 0.2
    verdicts = crosscheck(boot).verdicts
    assert not any(verdicts[source].agrees for source in ("bootstrap", "hessian", "sandwich"))
    assert "no symmetric standard error" in verdicts["hessian"].reason


@pytest.mark.parametrize("variances", [(0.0, 0.0), (0.0, 2.0), (-1.0, 2.0), (-1.0, -2.0)])
def test_no_matrix_equals_one_of_variances_that_are_not_positive(
    variances: tuple[float, float],
) -> None:
    """Hessians differenced with far too short steps are rounding, as [[0, 284], [284, 0]]."""
    given = np.array([[1.0, -0.3], [-0.3, 4.0]]) / np.pi
    covariance = np.diag(variances) + (1 - np.eye(2)) / 284
    formulas = [Formula(name="differences with h = 1e-8", covariance=covariance)]
    assert best_of(Given.of(np.sqrt(np.diag(given)), given), formulas) == []
