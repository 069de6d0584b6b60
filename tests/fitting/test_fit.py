"""The verb fit: every form of its arguments ends at the same certified optimum."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import (
    Bounds,
    LinearConstraint,
    NonlinearConstraint,
    OptimizeResult,
    minimize,
)
from scipy.special import huber

from bootmle import Fit, Status, bootstrap, fit
from bootmle.likelihood.scales import Log
from models import logit, nb2, normal_mixture, ordered_probit, tobit, weibull

Y = np.random.default_rng(11).normal(300.0, 0.02, 60)
START = {"mu": 299.9, "log_sigma": -3.0}
NO_ARGS = np.array([Y.mean(), np.log(Y.std())])
SE = np.array([Y.std() / np.sqrt(60), np.sqrt(1 / 120)])
NEAR = 1e-5


def nll(params: Any, y: Any) -> Any:
    mu, log_sigma = params
    return log_sigma + 0.5 * ((np.asarray(y) - mu) / np.exp(log_sigma)) ** 2


def scores(params: Any, y: Any) -> Any:
    mu, log_sigma = params
    z = (np.asarray(y) - mu) / np.exp(log_sigma)
    return np.column_stack([-z / np.exp(log_sigma), 1 - z**2])


def total(params: Any, y: Any) -> float:
    return float(nll(params, y).sum())


def assert_at(mle: Fit, expected: Any, errors: Any = SE, within: float = NEAR) -> None:
    assert mle.converged
    assert np.all(np.abs(mle.estimate - expected) <= within * errors)


FORMS: dict[str, tuple[Any, Any, Any]] = {
    "array": (nll, START, Y),
    "list": (nll, START, Y.tolist()),
    "series": (nll, START, pd.Series(Y, index=range(500, 560))),
    "tuple": (nll, START, (Y,)),
    "frame": (lambda p, d: nll(p, d["y"]), START, pd.DataFrame({"y": Y})),
    "mapping": (lambda p, d: nll(p, d["y"]), START, {"y": Y}),
    "nested": (lambda p, d: nll(p, d["a"][0]), START, ({"a": (Y,)},)),
    "closure of contributions": (lambda p: nll(p, Y), START, ()),
    "closure of a total": (lambda p: total(p, Y), START, ()),
    "total": (total, START, Y),
    "total as 0-d": (lambda p, y: np.array(total(p, y)), START, Y),
    "total as (1,)": (lambda p, y: np.array([total(p, y)]), START, Y),
    "mean": (lambda p, y: total(p, y) / len(y), START, Y),
    "(n, 1)": (lambda p, y: nll(p, y)[:, None], START, Y),
    "series of contributions": (lambda p, y: pd.Series(nll(p, y)), START, Y),
    "x0 array": (nll, [299.9, -3.0], Y),
    "x0 series": (nll, pd.Series(START), Y),
    "x0 result": (nll, OptimizeResult({"x": np.array([299.9, -3.0])}), Y),  # type: ignore[call-arg]
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_objective_start_and_data(form: str) -> None:
    fun, x0, args = FORMS[form]
    mle = fit(fun, x0, args)
    assert_at(mle, NO_ARGS)
    assert mle.status is Status.CERTIFIED
    assert mle.decrement <= 1e-6
    assert mle.nll == pytest.approx(60 * NO_ARGS[1] + 30, rel=1e-9)
    assert mle.aic == pytest.approx(2 * (60 * NO_ARGS[1] + 30 + 2), rel=1e-9)


JACS: dict[str, tuple[Any, Any]] = {
    "(n, p)": (nll, scores),
    "(p,)": (nll, lambda p, y: scores(p, y).sum(axis=0)),
    "(p,) of a total": (total, lambda p, y: scores(p, y).sum(axis=0)),
    "True, total": (lambda p, y: (total(p, y), scores(p, y).sum(axis=0)), True),
    "True, (n, p)": (lambda p, y: (nll(p, y), scores(p, y)), True),
    "mean": (lambda p, y: nll(p, y).mean(), lambda p, y: scores(p, y).mean(axis=0)),
}


@pytest.mark.parametrize("form", JACS)
def test_every_form_of_jac(form: str) -> None:
    fun, jac = JACS[form]
    mle = fit(fun, START, Y, jac=jac)
    assert_at(mle, NO_ARGS)
    assert mle.decrement <= 1e-6


@pytest.mark.parametrize(
    "method", ["BFGS", "L-BFGS-B", "Nelder-Mead", "Powell", "CG", "TNC", "SLSQP"]
)
def test_any_method_of_scipys_ends_at_the_same_optimum(method: str) -> None:
    mle = fit(nll, START, Y, method=method)
    assert_at(mle, NO_ARGS)
    assert isinstance(mle.optimize_result, OptimizeResult)


def test_a_method_of_ones_own_and_its_options_are_passed_on() -> None:
    seen: dict[str, Any] = {}

    def stays(fun: Any, x0: Any, args: Any, **options: Any) -> OptimizeResult:
        seen.update(options)
        return OptimizeResult({"x": x0, "fun": fun(x0), "success": True, "message": "stayed"})  # type: ignore[call-arg]

    mle = fit(nll, START, Y, method=stays, options={"depth": 3})
    assert seen["depth"] == 3
    assert_at(mle, NO_ARGS)


def test_the_information_is_that_of_the_closed_form() -> None:
    mle = fit(nll, START, Y)
    assert mle.information.definiteness == "positive definite"
    assert_allclose(mle.information.standard_errors, SE, rtol=1e-4)


def test_fit_goes_on_where_scipy_stops_too_early() -> None:
    mle = fit(nll, START, Y, options={"maxiter": 1})
    assert_at(mle, NO_ARGS)
    assert mle.scipy_information is not None
    assert abs(mle.scipy_information.point[0] - NO_ARGS[0]) > 0.01 * SE[0]


def test_nothing_is_claimed_where_scipy_found_the_optimum() -> None:
    assert fit(nll, NO_ARGS, Y, jac=scores).scipy_information is None


@pytest.mark.parametrize("contributions", [True, False])
def test_wages_in_currency_units_are_certified_where_bfgs_loses_precision(
    contributions: bool,
) -> None:
    # A Hessian of condition number over 1e9: SciPy's BFGS stops with "precision loss" well before.
    rng = np.random.default_rng(20150)
    n = 800
    age, school = rng.uniform(20, 60, n), rng.integers(8, 20, n).astype(float)
    X = np.column_stack([np.ones(n), age, school, rng.random((n, 3)) < 0.5]).astype(float)
    y = X @ [9000, 120, 850, -2900, 500, -1000] + rng.normal(0, 9000, n)
    b, rss, *_ = np.linalg.lstsq(X, y)
    expected = np.append(b, 0.5 * np.log(rss[0] / n))
    sigma = np.exp(expected[-1])
    errors = np.append(sigma * np.sqrt(np.diag(np.linalg.inv(X.T @ X))), np.sqrt(0.5 / n))

    def wages(params: Any, X: Any, y: Any) -> Any:
        z = (y - X @ params[:-1]) / np.exp(params[-1])
        values = params[-1] + 0.5 * z**2
        return values if contributions else values.sum()

    def wages_total(params: Any) -> float:
        return float(wages(params, X, y).sum())

    start = [20000.0, 0, 0, 0, 0, 0, 9.0]
    assert not minimize(wages_total, start).success
    mle = fit(wages, start, (X, y))
    assert_at(mle, expected, errors, within=1e-3)
    assert mle.decrement <= 1e-6


@pytest.mark.parametrize(
    ("model", "n"),
    [(logit(3), 200), (nb2(3), 300), (weibull(3), 200), (tobit(2), 200), (ordered_probit(2), 200)],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("with_jac", [False, True])
def test_fits_meet_an_independent_newton_solution(
    model: Any, n: int, with_jac: bool, solve: Any, information_at: Any
) -> None:
    args = model.data(n, rng=1)
    mle = fit(
        model.nll,
        np.zeros(model.truth.size) if model.name != "ordered probit" else model.truth,
        args,
        jac=model.scores if with_jac else None,
        names=model.names,
    )
    reference = solve(model, args, np.ones(n), model.truth)
    H = information_at(model, args, np.ones(n), reference)
    gap = mle.estimate - reference
    assert mle.status is Status.CERTIFIED
    assert np.sqrt(gap @ H @ gap) < 1e-5
    assert_allclose(mle.information.matrix, H, rtol=1e-4, atol=1e-4 * np.abs(H).max())


def test_fixed_parameters_stay_and_the_others_meet_their_own_optimum() -> None:
    mle = fit(nll, START, Y, fixed={"log_sigma": -2.0})
    assert mle.estimate[1] == -2.0
    assert mle.free.tolist() == [True, False]
    assert abs(mle.estimate[0] - Y.mean()) < NEAR * np.exp(-2.0) / np.sqrt(60)
    assert mle.aic == pytest.approx(2 * (mle.nll + 1))
    assert_allclose(mle.information.standard_errors, [np.exp(-2.0) / np.sqrt(60)], rtol=1e-4)
    assert "fixed" in str(mle)


def test_frequency_weights_equal_repeated_rows() -> None:
    counts = np.random.default_rng(1).integers(0, 4, 60)
    weighted = fit(nll, START, Y, weights=counts)
    repeated = fit(nll, START, np.repeat(Y, counts))
    assert weighted.nll == pytest.approx(repeated.nll, rel=1e-12)
    assert np.all(np.abs(weighted.estimate - repeated.estimate) < NEAR * SE)


def test_importance_weights_with_scores_against_the_closed_form() -> None:
    w = np.random.default_rng(2).uniform(0.1, 3.0, 60)
    mean = w @ Y / w.sum()
    expected = [mean, 0.5 * np.log(w @ (Y - mean) ** 2 / w.sum())]
    for jac in (None, scores, lambda p, y: scores(p, y).sum(axis=0)):
        assert_at(fit(nll, START, Y, jac=jac, weights=w), expected)


def raw(params: Any, y: Any) -> Any:
    mu, sigma = params
    with np.errstate(all="ignore"):
        return np.log(sigma) + 0.5 * ((y - mu) / sigma) ** 2


class Root:
    def forward(self, value: float) -> float:
        return float(np.sqrt(value))

    def inverse(self, value: float) -> float:
        return value**2


@pytest.mark.parametrize(
    "transform",
    [
        None,
        {"sigma": "log"},
        ["identity", ("logit", 0.0, 1.0)],
        {"sigma": Root()},
        {"sigma": Log()},
    ],
    ids=["none", "log", "logit with limits", "object", "Log"],
)
def test_the_optimum_does_not_depend_on_the_scale_it_is_fitted_on(transform: Any) -> None:
    mle = fit(raw, {"mu": 299.9, "sigma": 0.05}, Y, transform=transform)
    errors = Y.std() * np.array([1 / np.sqrt(60), 1 / np.sqrt(120)])
    assert_at(mle, [Y.mean(), Y.std()], errors)
    assert_allclose(mle.information.standard_errors, errors, rtol=1e-3)


def test_logit_of_a_probability() -> None:
    k = (np.arange(50) < 37).astype(float)

    def bernoulli(params: Any, k: Any) -> Any:
        with np.errstate(all="ignore"):
            return -np.where(k == 1, np.log(params[0]), np.log1p(-params[0]))

    mle = fit(bernoulli, {"p": 0.5}, k, transform="logit")
    assert_at(mle, [0.74], np.array([np.sqrt(0.74 * 0.26 / 50)]))


@pytest.mark.parametrize("bounds", [[(0, 1000), (-9, 9)], Bounds([0, -9], [1000, 9])])
def test_bounds_around_the_optimum_change_nothing(bounds: Any) -> None:
    mle = fit(nll, START, Y, bounds=bounds)
    assert mle.status is Status.CERTIFIED
    assert_at(mle, NO_ARGS)


@pytest.mark.parametrize("contributions", [True, False])
@pytest.mark.parametrize(("bound", "end"), [((None, 299.99), 299.99), ((300.02, None), 300.02)])
def test_an_optimum_at_a_bound_is_said_to_be_there(
    bound: Any, end: float, contributions: bool
) -> None:
    start = {"mu": 299.95 if end < 300 else 300.05, "log_sigma": -3.0}
    mle = fit(nll if contributions else total, start, Y, bounds=[bound, (None, None)])
    sigma = np.sqrt(np.mean((Y - end) ** 2))
    assert mle.status is Status.AT_BOUND
    assert_at(mle, [end, np.log(sigma)], within=1e-4)
    assert "mu" in str(mle)
    assert "bound" in str(mle)


def test_at_a_bound_the_gradient_of_the_held_parameter_does_not_count() -> None:
    mle = fit(nll, {"mu": 299.95, "log_sigma": -3.0}, Y, bounds=[(None, 299.99), (None, None)])
    assert mle.decrement < 1e-3


CONSTRAINTS: dict[str, Any] = {
    "mapping": {"type": "ineq", "fun": lambda p: 299.99 - p[0]},
    "sequence": [{"type": "ineq", "fun": lambda p: 299.99 - p[0]}],
    "linear": LinearConstraint([[1.0, 0.0]], -np.inf, 299.99),
    "nonlinear": NonlinearConstraint(lambda p: p[0], -np.inf, 299.99),
    "equality": {"type": "eq", "fun": lambda p: p[0] - 299.99},
}


@pytest.mark.parametrize("form", CONSTRAINTS)
def test_an_active_constraint_has_its_own_status(form: str) -> None:
    start = {"mu": 299.985, "log_sigma": -3.0}
    mle = fit(nll, start, Y, constraints=CONSTRAINTS[form])
    expected = [299.99, 0.5 * np.log(np.mean((Y - 299.99) ** 2))]
    # An equality leaves the optimum inside its surface, an inequality at its end.
    assert mle.status is (Status.CERTIFIED if form == "equality" else Status.AT_BOUND)
    assert_at(mle, expected, within=0.02)
    errors = [0.0, 1 / np.sqrt(2 * Y.size)]
    np.testing.assert_allclose(mle.information.standard_errors, errors, rtol=1e-6, atol=1e-12)


def test_a_constraint_that_does_not_bind_leaves_the_optimum_certified() -> None:
    mle = fit(nll, START, Y, constraints={"type": "ineq", "fun": lambda p: p[0] - 299.0})
    assert mle.status is Status.CERTIFIED
    assert_at(mle, NO_ARGS)


def test_a_mean_objective_is_said_to_have_been_multiplied() -> None:
    mle = fit(lambda p, y: nll(p, y).mean(), START, Y)
    assert "n = 60" in str(mle)
    assert_allclose(mle.information.standard_errors, SE, rtol=1e-4)


def test_a_saddle_is_left_and_said() -> None:
    model = normal_mixture()
    (y,) = model.data(200, rng=3)

    def means(params: Any, y: Any) -> Any:
        return model.nll(np.array([params[0], params[1], 0.0, 0.0]), y)

    center = [y.mean(), y.mean()]
    mle = fit(means, center, y)
    assert mle.status is Status.CERTIFIED
    assert mle.nll < means(center, y).sum() - 10
    assert mle.scipy_information is not None
    assert mle.scipy_information.definiteness == "indefinite"
    assert "saddle" in str(mle)


def test_a_sum_of_two_parameters_is_not_identified_and_its_parameters_are_named() -> None:
    k = np.random.default_rng(3).poisson(2.0, 80).astype(float)
    z = np.random.default_rng(4).normal(size=80)

    def poisson(params: Any, k: Any, z: Any) -> Any:
        eta = params[0] + params[1] + 100 * params[2] * z
        return np.exp(eta) - k * eta

    mle = fit(poisson, {"a": 0.0, "b": 0.0, "c": 0.0}, (k, z))
    assert mle.status is Status.NOT_IDENTIFIED
    assert mle.not_identified == ("a", "b")
    assert "singular" in str(mle)


@pytest.mark.parametrize("start", [3.0, 0.0, -1e6])
@pytest.mark.parametrize("position", [0, 1, 2])
def test_only_the_parameter_that_does_not_enter_is_not_identified(
    position: int, start: float
) -> None:
    def ignores(params: Any, y: Any) -> Any:
        return nll(np.delete(params, position), y)

    names = [*START]
    names.insert(position, "unused")
    mle = fit(ignores, np.insert([299.9, -3.0], position, start), Y, names=names)
    assert mle.status is Status.NOT_IDENTIFIED
    assert mle.not_identified == ("unused",)
    others = np.delete(np.arange(3), position)
    assert np.all(np.abs(mle.estimate[others] - NO_ARGS) <= NEAR * SE)
    # The others’ replicates are those of the model without it.
    boot = bootstrap(mle, n_resamples=64, rng=0)
    without = bootstrap(fit(nll, START, Y), n_resamples=64, rng=0)
    assert boot.not_identified == ("unused",)
    assert np.all(np.abs(boot.replicates[:, others] - without.replicates) <= 1e-6 * SE)
    assert_allclose(boot.standard_error[others], without.standard_error, rtol=1e-6)
    assert np.isnan(boot.standard_error[position])
    bounds = boot.confidence_interval("percentile", 0.9)
    assert (bounds.low[position], bounds.high[position]) == (-np.inf, np.inf)
    assert np.isfinite([bounds.low[others], bounds.high[others]]).all()


def test_a_separated_logit_has_no_finite_optimum() -> None:
    x = np.linspace(-1, 1, 20)
    X = np.column_stack([np.ones(20), x])
    mle = fit(logit(1).nll, [0.0, 0.0], (X, (x > 0.1).astype(float)), names=["const", "x"])
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert not mle.converged
    assert "x → +∞" in str(mle)


def in_a_line(seed: int, n: int = 80) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), 100 * rng.standard_normal(n)])
    return X, X @ [0.5, 0.01] + rng.laplace(size=n)


def signs(b: Any, X: Any, y: Any) -> Any:
    return -np.sign(y - X @ b)[:, None] * X


@pytest.mark.parametrize("jac", [None, signs], ids=["differences", "jac"])
@pytest.mark.parametrize("seed", range(8))
def test_kinks_at_the_lowest_point_are_not_certified_but_named(seed: int, jac: Any) -> None:
    X, y = in_a_line(seed)
    for args in ((X, y), (X[:-1], y[:-1])):
        mle = fit(lambda b, X, y: np.abs(y - X @ b), [0.0, 0.0], args, jac=jac)
        assert mle.status is Status.NOT_CERTIFIED
        assert "has a kink at its lowest point" in str(mle)
        assert "Estimator" in str(mle)


@pytest.mark.parametrize("seed", range(8))
def test_a_curvature_that_jumps_away_from_the_optimum_is_certified(seed: int) -> None:
    X, y = in_a_line(seed)
    mle = fit(lambda b, X, y: huber(1.345, y - X @ b), [0.0, 0.0], args=(X, y))
    assert mle.status is Status.CERTIFIED
    # The normal equations of Huber's loss: residuals, cut at 1.345, are orthogonal to X.
    cut = np.clip(y - X @ mle.estimate, -1.345, 1.345)
    assert_allclose(X.T @ cut / (np.abs(X).T @ np.abs(cut)), 0.0, atol=1e-8)


def test_the_printed_fit_has_names_estimates_errors_and_the_certificate() -> None:
    shown = str(fit(nll, START, Y))
    rows = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line}
    assert float(rows["mu"][0]) == pytest.approx(NO_ARGS[0], abs=SE[0] / 50)
    assert float(rows["log_sigma"][1]) == pytest.approx(SE[1], rel=0.01)
    assert "60 observations" in shown
    assert "certified optimum" in shown


def test_the_objective_is_never_given_an_array_it_may_not_keep() -> None:
    kept = []

    def keeps(params: Any, y: Any) -> Any:
        kept.append((params, params.copy()))
        return nll(params, y)

    fit(keeps, START, Y)
    assert all(np.array_equal(params, copy) for params, copy in kept)


def test_the_users_start_and_data_are_left_alone() -> None:
    x0, y = np.array([299.9, -3.0]), Y.copy()
    fit(nll, x0, y, fixed={"x2": -2.0})
    assert x0.tolist() == [299.9, -3.0]
    assert np.array_equal(y, Y)


def test_a_fit_is_frozen() -> None:
    mle = fit(nll, START, Y)
    with pytest.raises(AttributeError):
        mle.nll = 0.0  # type: ignore[misc]


def test_an_objective_that_never_changes_is_said_to_have_no_derivative() -> None:
    mle = fit(lambda params, y: 0.0 * y, [1.0, 2.0], Y)
    assert mle.status is Status.NOT_CERTIFIED
    assert "no derivative can be measured" in str(mle)
    with pytest.raises(ValueError, match="fit: there is no optimum to refit from"):
        bootstrap(mle)
