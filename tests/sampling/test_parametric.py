"""Simulated data: against an independent solver, and what goes wrong in a simulator."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.special import digamma, polygamma

from bootmle import Estimator, Parametric, Status, bootstrap, coverage, fit
from bootmle.fitting.fit import Fit
from bootmle.sampling.streams import stream_of
from models import normal, poisson, weibull

Floats = NDArray[np.float64]
SEED = 5


def stream(replicate: int, seed: int = SEED) -> np.random.Generator:
    return stream_of(seed, replicate)


def reduced(nll: Any) -> Any:
    return lambda params, *args: float(nll(params, *args).sum())


MODELS = {"poisson": (poisson(2), 80), "weibull": (weibull(1), 60), "normal": (normal(), 25)}


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
@pytest.mark.parametrize("name", MODELS)
def test_replicates_are_the_optima_of_the_simulated_data(
    name: str, reduce: bool, solve: Any, information_at: Any
) -> None:
    model, n = MODELS[name]
    args = model.data(n, rng=2)
    mle = fit(reduced(model.nll) if reduce else model.nll, model.truth, args)
    boot = bootstrap(mle, sampling=Parametric(model.simulate), n_resamples=40, rng=SEED)
    assert set(boot.status) <= {Status.CERTIFIED, Status.CERTIFIED_BY_FALLBACK}
    H = information_at(model, args, np.ones(n), mle.estimate)
    for k in range(40):
        drawn = model.simulate(mle.estimate, stream(k), *args)
        gap = boot.replicates[k] - solve(model, drawn, np.ones(n), mle.estimate)
        assert np.sqrt(gap @ H @ gap) < 2e-3


def test_a_normal_mean_and_sigma_have_their_exact_distribution() -> None:
    # B = 999: the mean's error and the mean of log s, of 25 rows, in 4 Monte Carlo errors: 1e-4.
    model = normal()
    (y,) = model.data(25, rng=2)
    boot = bootstrap(
        fit(model.nll, model.truth, y), sampling=Parametric(model.simulate), n_resamples=999, rng=1
    )
    mean, log_sigma = boot.estimate
    assert boot.standard_error[0] == pytest.approx(np.exp(log_sigma) / 5, rel=4 / np.sqrt(2 * 999))
    # n s²/sigma² is chi-squared with 24 degrees of freedom.
    error = np.sqrt(float(polygamma(1, 12)) / 4)
    assert boot.standard_error[1] == pytest.approx(error, rel=4 * 1.1 / np.sqrt(2 * 999))
    expected = (float(digamma(12)) + np.log(2 / 25)) / 2
    assert abs(boot.bias[1] - expected) < 4 * error / np.sqrt(999)
    assert abs(boot.bias[0]) < 4 * np.exp(log_sigma) / 5 / np.sqrt(999)
    assert abs(mean - y.mean()) < 1e-6


def test_a_run_does_not_depend_on_the_number_of_workers() -> None:
    model = poisson(2)
    mle = fit(model.nll, model.truth, model.data(80, rng=2))
    one, two = (
        bootstrap(mle, sampling=Parametric(model.simulate), n_resamples=130, rng=3, n_jobs=jobs)
        for jobs in (1, 2)
    )
    assert_array_equal(one.replicates, two.replicates)
    assert_array_equal(one.status, two.status)


def test_a_longer_run_begins_with_the_shorter_one() -> None:
    model = normal()
    mle = fit(model.nll, model.truth, model.data(40, rng=2))
    plan = Parametric(model.simulate)
    short, long = (bootstrap(mle, sampling=plan, n_resamples=b, rng=3) for b in (70, 150))
    assert_array_equal(short.replicates, long.replicates[:70])


def normal_fit() -> Fit:
    model = normal()
    return fit(model.nll, {"mu": 1.0, "log_sigma": 0.5}, model.data(30, rng=2))


def raising(params: Any, rng: Any, y: Any) -> Any:
    draws = normal().simulate(params, rng, y)[0]
    if draws[0] > params[0] + np.exp(params[1]):
        raise ArithmeticError("the simulator gave up")
    return draws


def shortened(params: Any, rng: Any, y: Any) -> Any:
    draws = normal().simulate(params, rng, y)[0]
    return draws[:-1] if draws[0] > params[0] + np.exp(params[1]) else draws


def missing(params: Any, rng: Any, y: Any) -> Any:
    draws = normal().simulate(params, rng, y)[0]
    return np.full_like(y, np.nan) if draws[0] > params[0] + np.exp(params[1]) else draws


def two_for_one(params: Any, rng: Any, y: Any) -> Any:
    draws = normal().simulate(params, rng, y)[0]
    return (draws, draws) if draws[0] > params[0] + np.exp(params[1]) else draws


BAD: list[tuple[Any, Status, str]] = [
    (raising, Status.RAISED, "ArithmeticError: the simulator gave up"),
    (shortened, Status.RAISED, "simulate: returned 1 argument(s) of 29 rows; return 1 of 30"),
    (two_for_one, Status.RAISED, "simulate: returned 2 argument(s) of 30 rows; return 1 of 30"),
    (missing, Status.NOT_FINITE, ""),
]


@pytest.mark.parametrize(("simulate", "status", "message"), BAD, ids=lambda one: str(one)[:12])
def test_a_simulator_that_fails_is_a_status_of_that_replicate(
    simulate: Any, status: Status, message: str
) -> None:
    mle = normal_fit()
    boot = bootstrap(mle, sampling=Parametric(simulate), n_resamples=100, rng=SEED)
    good = bootstrap(mle, sampling=Parametric(normal().simulate), n_resamples=100, rng=SEED)
    (y,) = mle.likelihood.args
    draws = np.array([normal().simulate(mle.estimate, stream(k), y)[0][0] for k in range(100)])
    failed = draws > mle.estimate[0] + np.exp(mle.estimate[1])
    assert 5 < failed.sum() < 40
    assert boot.n_failed == failed.sum()
    assert set(boot.status[failed]) == {status}
    assert np.isnan(boot.replicates[failed]).all()
    error = mle.information.standard_errors
    assert np.abs((boot.replicates - good.replicates)[~failed] / error).max() < 1e-3
    for k in np.flatnonzero(failed):
        assert message in boot.data.messages.get(int(k), "")
    assert message in str(boot)


def test_a_simulator_that_always_fails_is_an_error() -> None:
    def never(params: Any, rng: Any, y: Any) -> Any:
        raise ArithmeticError("the simulator gave up")

    with pytest.raises(RuntimeError, match=r"all 20 replicates failed.*: the simulator gave up"):
        bootstrap(normal_fit(), sampling=Parametric(never), n_resamples=20, rng=0)


def test_a_simulator_cannot_change_the_estimate_or_the_data() -> None:
    def careless(params: Any, rng: Any, y: Any) -> Any:
        drawn = normal().simulate(params, rng, y)
        params[:] = np.nan
        return drawn

    mle = normal_fit()
    boots = [
        bootstrap(mle, sampling=Parametric(simulate), n_resamples=70, rng=SEED)
        for simulate in (careless, normal().simulate)
    ]
    assert np.isfinite(mle.estimate).all()
    assert_array_equal(boots[0].replicates, boots[1].replicates)


def autoregression(params: Any, y: Any) -> Any:
    """An AR(1) about a mean, given its first value."""
    e = y - params[1]
    return 0.5 * np.append(0.0, e[1:] - params[0] * e[:-1]) ** 2


def draw_autoregression(params: Any, rng: Any, y: Any) -> Any:
    e = rng.normal(size=y.size)
    for t in range(1, y.size):
        e[t] += params[0] * e[t - 1]
    return params[1] + e


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_rows_in_order_are_simulated_in_order(reduce: bool) -> None:
    # Least squares of y on its predecessor: slope, and intercept over 1 − slope.
    y = draw_autoregression(np.array([0.5, 40.0]), np.random.default_rng(1), np.zeros(150))
    mle = fit(reduced(autoregression) if reduce else autoregression, {"rho": 0.0, "mu": 30.0}, y)
    with pytest.raises(ValueError, match=r"sampling: Cases\(\) draws single rows"):
        bootstrap(mle, n_resamples=9, rng=0)
    boot = bootstrap(mle, sampling=Parametric(draw_autoregression), n_resamples=70, rng=SEED)
    assert boot.n_failed == 0
    for k in range(70):
        drawn = draw_autoregression(mle.estimate, stream(k), y)
        slope, intercept = np.polyfit(drawn[:-1], drawn[1:], 1)
        gap = boot.replicates[k] - [slope, intercept / (1 - slope)]
        assert np.abs(gap / mle.information.standard_errors).max() < 2e-3


def test_an_estimator_is_given_the_simulated_data() -> None:
    y = 500.0 + np.random.default_rng(1).normal(size=30)

    def function(y: Any) -> Any:
        return {"mean": y.mean(), "spread": y.std()}

    def simulate(params: Any, rng: Any, y: Any) -> Any:
        return rng.normal(*params, y.size)

    estimator = Estimator(function, args=y)
    boot = bootstrap(estimator, sampling=Parametric(simulate), n_resamples=70, rng=SEED)
    drawn = [simulate(estimator.estimate, stream(k), y) for k in range(70)]
    assert_array_equal(boot.replicates, [[one.mean(), one.std()] for one in drawn])


def test_simulated_data_of_one_argument_need_no_tuple() -> None:
    mle = normal_fit()
    bare, wrapped = (
        bootstrap(mle, sampling=Parametric(simulate), n_resamples=70, rng=SEED).replicates
        for simulate in (lambda p, rng, y: normal().simulate(p, rng, y)[0], normal().simulate)
    )
    assert_array_equal(bare, wrapped)


def test_held_parameters_and_transforms_reach_the_simulator_in_the_users_units() -> None:
    def nll(params: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.log(params[1]) + 0.5 * ((y - params[0]) / params[1]) ** 2

    seen = []

    def simulate(params: Any, rng: Any, y: Any) -> Any:
        seen.append(params.copy())
        return rng.normal(params[0], params[1], y.size)

    y = np.random.default_rng(1).normal(7.0, 90.0, 40)
    start = {"mu": 0.0, "sigma": 50.0}
    for options in ({"transform": {"sigma": "log"}}, {"fixed": {"mu": 5.0}}):
        mle = fit(nll, start, y, **options)
        boot = bootstrap(mle, sampling=Parametric(simulate), n_resamples=20, rng=SEED)
        assert_array_equal(seen[0], mle.estimate)
        drawn = simulate(mle.estimate, stream(3), y)
        centre = drawn.mean() if "transform" in options else 5.0
        expected = [centre, np.sqrt(np.mean((drawn - centre) ** 2))]
        assert_allclose(boot.replicates[3], expected, atol=1e-3 * 90 / np.sqrt(80))
        seen.clear()


def test_the_expansion_is_refused() -> None:
    with pytest.raises(ValueError, match="refit: 'expansion' does not work for simulated data"):
        bootstrap(
            normal_fit(), sampling=Parametric(normal().simulate), refit="expansion", n_resamples=9
        )


@pytest.mark.parametrize("reduce", [False, True], ids=["contributions", "total"])
def test_an_objective_that_holds_its_data_is_refused(reduce: bool) -> None:
    (y,) = normal().data(30, rng=2)
    held = normal().nll

    def closure(params: Any) -> Any:
        return held(params, y).sum() if reduce else held(params, y)

    mle = fit(closure, normal().truth)
    with pytest.raises(ValueError, match="simulates args, but the objective holds its data"):
        bootstrap(mle, sampling=Parametric(normal().simulate), n_resamples=9, rng=0)


@pytest.mark.parametrize("simulate", [None, 3, "normal", np.zeros(2)])
def test_what_cannot_be_called_is_refused(simulate: Any) -> None:
    with pytest.raises(TypeError, match=r"simulate: .* is not callable; pass simulate\(params"):
        Parametric(simulate)


def test_a_plan_shows_its_function() -> None:
    assert repr(Parametric(draw_autoregression)) == "Parametric(draw_autoregression)"
    shown = str(bootstrap(normal_fit(), sampling=Parametric(missing), n_resamples=100, rng=SEED))
    assert "Parametric(missing)" in shown


def test_a_simulator_that_a_seed_does_not_determine_is_refused() -> None:
    other = np.random.default_rng(3)
    y = np.random.default_rng(0).normal(size=30)

    def of_its_own(params: Any, rng: Any, y: Any) -> Any:
        return other.normal(params[0], 1.0, y.size)

    def in_place(params: Any, rng: Any, y: Any) -> Any:
        y[:] = rng.normal(params[0], 1.0, y.size)
        return y

    cases = [(of_its_own, "two calls with generators of the same seed"), (in_place, "in place")]
    for simulate, said in cases:
        mle = fit(normal().nll, normal().truth, (y.copy(),))
        with pytest.raises(ValueError, match=f"simulate: .*{said}"):
            bootstrap(mle, sampling=Parametric(simulate), n_resamples=9, rng=0)
        mle = fit(normal().nll, normal().truth, (y.copy(),))
        with pytest.raises(ValueError, match=f"simulate: .*{said}"):
            coverage(mle, simulate, n_datasets=9, rng=0)


def test_a_simulator_that_ignores_a_parameter_has_a_warning_that_names_it() -> None:
    model = normal()
    mle = fit(model.nll, model.truth, model.data(30, rng=2), names=("mu", "log_sigma"))

    def of_unit_variance(params: Any, rng: np.random.Generator, y: Floats) -> Floats:
        return np.asarray(rng.normal(params[0], 1.0, y.size))

    with pytest.warns(UserWarning, match="same whatever log_sigma may be.*residuals") as said:
        bootstrap(mle, sampling=Parametric(of_unit_variance), n_resamples=9, rng=0)
    assert said[0].filename == __file__
    with pytest.warns(UserWarning, match="the same whatever mu, log_sigma may be") as said:
        coverage(mle, lambda params, rng, y: rng.normal(size=30), n_datasets=2, n_resamples=9)
    assert said[0].filename == __file__


def test_counts_of_few_rows_that_do_change_have_none() -> None:
    for seed in range(20):  # pytest makes an error of a warning
        y = np.random.default_rng(seed).binomial(1, 0.4, 12).astype(float)
        mle = fit(lambda p, y: np.logaddexp(0, p[0]) - y * p[0], {"logit": 0.0}, y)
        if not mle.converged:
            continue
        draw = Parametric(lambda p, rng, y: rng.binomial(1, 1 / (1 + np.exp(-p[0])), y.size))
        draw.prepared(mle)
