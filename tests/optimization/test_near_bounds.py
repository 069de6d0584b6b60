"""At a bound or inside it, whatever the parameters' units: closed forms, a standard error the unit.

The same data in other units have the same status, and estimates in those units.
"""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import xlogy

from bootmle import Fit, Status, fit

Floats = NDArray[np.float64]
SCALES = pytest.mark.parametrize("scale", [1e-11, 1e-8, 1e-3, 1.0, 1e8])

RNG = np.random.default_rng(18)
HOURS = RNG.uniform(1, 20, 50)
COUNTS = RNG.poisson(1.1 * HOURS).astype(float)
Z = RNG.standard_normal(80)
Z = (Z - Z.mean()) / Z.std()
ROOT = np.sqrt(80.0)


def poisson(params: Any, counts: Any, hours: Any) -> Any:
    return params[0] * hours - counts * np.log(params[0])


def normal(params: Any, y: Any) -> Any:
    mean, log_sd = params
    return log_sd + 0.5 * ((y - mean) / np.exp(log_sd)) ** 2


def total(params: Any, y: Any) -> float:
    return float(normal(params, y).sum())


@SCALES
def test_a_rate_far_from_zero_in_standard_errors_is_inside_its_bounds(scale: float) -> None:
    hours = HOURS / scale
    mle = fit(poisson, {"rate": 1.4 * scale}, (COUNTS, hours), bounds=[(0, None)])
    rate, error = COUNTS.sum() / hours.sum(), np.sqrt(COUNTS.sum()) / hours.sum()
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, rate, rtol=0, atol=1e-6 * error)
    np.testing.assert_allclose(mle.information.standard_errors, error, rtol=1e-6)


@SCALES
def test_a_rate_of_no_counts_is_at_its_bound(scale: float) -> None:
    def nll(params: Any, hours: Any) -> Any:
        return params[0] * hours

    mle = fit(nll, {"rate": 1.4 * scale}, HOURS / scale, bounds=[(0, None)])
    assert mle.status is Status.AT_BOUND
    assert mle.estimate[0] == 0


@pytest.mark.parametrize("bounds", [[(0, None)], [(1e-12, None)], None])
@pytest.mark.parametrize("events", [1, 2, 5, 10])
def test_a_long_fall_to_an_optimum_is_not_endless(events: int, bounds: Any) -> None:
    def nll(params: Any, counts: Any, hours: Any) -> Any:
        return params[0] * hours - xlogy(counts, params[0])

    counts = np.where(np.arange(50) < events, 1.0, 0.0)
    rate = events / HOURS.sum()
    mle = fit(nll, {"rate": 1.4}, (counts, HOURS), bounds=bounds)
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, rate, rtol=0, atol=1e-5 * rate)


@SCALES
def test_an_optimum_on_the_bound_itself_is_no_supremum(scale: float) -> None:
    x0 = {"mean": 0.8 * scale, "log_sd": np.log(scale)}
    mle = fit(normal, x0, Z * scale, bounds=[(0, None), (None, None)])
    assert mle.status in {Status.AT_BOUND, Status.CERTIFIED}
    np.testing.assert_allclose(mle.estimate / [scale, 1], [0, np.log(scale)], rtol=0, atol=1e-6)


def test_a_probability_near_one_is_inside_its_bounds() -> None:
    trials = np.full(40, 2.5e6)
    failures = RNG.poisson(trials * 2e-7).astype(float)

    def nll(params: Any, failures: Any, trials: Any) -> Any:
        return -(trials - failures) * np.log(params[0]) - failures * np.log1p(-params[0])

    mle = fit(nll, {"p": 0.999}, (failures, trials), bounds=[(0, 1)])
    share = failures.sum() / trials.sum()
    error = np.sqrt(share * (1 - share) / trials.sum())
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, 1 - share, rtol=0, atol=1e-5 * error)
    np.testing.assert_allclose(mle.information.standard_errors, error, rtol=1e-6)


def near(standard_errors: float, scale: float, start: float, nll: Any = normal) -> Fit:
    """A mean some standard errors above its bound at a million and a half, in units of scale."""
    y = (1.5e6 + (standard_errors + ROOT * Z) / 1024) * scale
    x0 = {"mean": (1.5e6 + start) * scale, "log_sd": np.log(scale)}
    return fit(nll, x0, y, bounds=[(1.5e6 * scale, None), (None, None)])


@SCALES
@pytest.mark.parametrize("start", [0.0, 0.4])
@pytest.mark.parametrize("nll", [normal, total])
def test_a_large_number_beside_its_bound_is_held_only_where_it_belongs(
    nll: Any, start: float, scale: float
) -> None:
    for standard_errors in (250.0, 1.0, 1e-2):
        mle = near(standard_errors, scale, start, nll)
        right = (1.5e6 + standard_errors / 1024) * scale
        assert mle.status is Status.CERTIFIED
        # Numbers near 1.5e6 are 2e-10 apart, 2.4e-7 standard errors, and so are the data.
        assert abs(mle.estimate[0] - right) < 5e-6 * scale / 1024
    held = near(-0.5, scale, start, nll)
    assert held.status is Status.AT_BOUND
    assert held.estimate[0] == 1.5e6 * scale
    right = np.log(np.sqrt(80 + 0.25) / 1024 * scale)
    np.testing.assert_allclose(held.estimate[1], right, rtol=0, atol=1e-6)


@SCALES
@pytest.mark.parametrize("distance", [1e-5, 1e-4, 1e-3])
def test_an_optimum_less_than_a_step_inside_its_bound_is_certified(
    distance: float, scale: float
) -> None:
    y = (distance + ROOT * Z) * scale
    x0 = {"mean": 3.0 * scale, "log_sd": np.log(scale)}
    mle = fit(normal, x0, y, bounds=[(0, None), (None, None)])
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate[0] / scale, distance, rtol=0, atol=1e-6)


def test_a_variance_in_small_units_is_inside_its_bound() -> None:
    # GARCH(1, 1) of returns as decimals and in percent: omega is 1e-5 or 0.1.
    def garch(params: Any, returns: Any) -> Any:
        omega, alpha, beta = params
        variance = np.empty(returns.size)
        variance[0] = returns.var()
        for t in range(1, returns.size):
            variance[t] = omega + alpha * returns[t - 1] ** 2 + beta * variance[t - 1]
        return 0.5 * (np.log(variance) + returns**2 / variance)

    rng, returns, variance = np.random.default_rng(3), np.zeros(600), 1e-4
    for t in range(600):
        variance = 1e-5 + 0.1 * returns[t - 1] ** 2 + 0.8 * variance
        returns[t] = np.sqrt(variance) * rng.standard_normal()
    bounds = [(0, None), (0, 1), (0, 1)]
    percent = fit(garch, [0.1, 0.08, 0.8], 100 * returns, bounds=bounds)
    decimal = fit(garch, [1e-5, 0.08, 0.8], returns, bounds=bounds)
    assert decimal.status is percent.status is Status.CERTIFIED
    errors = percent.information.standard_errors
    scaled = decimal.estimate * [1e4, 1.0, 1.0]
    np.testing.assert_allclose(scaled / errors, percent.estimate / errors, rtol=0, atol=1e-5)


STOPS: dict[str, Any] = {
    "BFGS": None,
    "Nelder-Mead": {"maxiter": 60},
    "Powell": {"maxiter": 1},
    "SLSQP": {"maxiter": 3},
    "TNC": None,
    "COBYLA": {"maxiter": 40},
    "L-BFGS-B": {"maxiter": 2},
}


@pytest.mark.parametrize("method", STOPS)
@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_a_variance_whose_optimum_is_zero_is_found_where_the_model_ends(
    scale: float, method: str
) -> None:
    # Random effects of groups whose means vary less than by chance: the rest is one normal sample.
    def random_effects(params: Any, y: Any) -> Any:
        mean, log_sd, between = params
        if between < 0:
            return np.full(len(y), np.nan)
        within, size, residual = np.exp(2 * log_sd), y.shape[1], y - mean
        shared = between / (within + size * between) * residual.sum(axis=1) ** 2
        squares = ((residual**2).sum(axis=1) - shared) / within
        return 0.5 * (size * np.log(within) + np.log1p(size * between / within) + squares)

    y = 1 + 2 * np.random.default_rng(3).standard_normal((30, 4))
    y = scale * (y - 0.9 * (y.mean(axis=1, keepdims=True) - y.mean()))
    x0 = [0.5 * scale, np.log(scale), 0.5 * scale**2]
    bounds = [(None, None), (None, None), (0, None)]
    mle = fit(random_effects, x0, y, bounds=bounds, method=method, options=STOPS[method])
    assert mle.status is Status.AT_BOUND
    found = [mle.estimate[0] / scale, mle.estimate[1] - np.log(scale), mle.estimate[2] / scale**2]
    right = [y.mean() / scale, np.log(y.std() / scale), 0.0]
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-6)
