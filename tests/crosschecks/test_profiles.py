"""Profile-likelihood intervals against closed forms and an independent profile.

An end is found to 1e-3 in the signed root of twice the drop, about 1e-3 standard errors; 3e-3 is
allowed.
"""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import brentq, minimize
from scipy.stats import chi2

from bootmle import bootstrap, crosscheck, fit
from bootmle.crosschecks.profiles import Profile
from bootmle.fitting.fit import Fit
from models import logit, normal

DROP = chi2(1).ppf(0.95)
"""Twice the drop of the log-likelihood at either end."""

Y = 1000.0 + 20.0 * np.random.default_rng(1).normal(size=12)
MEAN, SPREAD, N = Y.mean(), Y.std(), Y.size


def profile(mle: Fit) -> Profile:
    found = crosscheck(mle, profile=True).profile
    assert found is not None
    return found


def close(ours: Any, theirs: Any, unit: Any) -> None:
    assert np.all(np.abs(np.array(ours) - theirs) < 3e-3 * np.array(unit))


def root(drop: Any, low: float, high: float) -> float:
    return float(brentq(lambda at: drop(at) - DROP, low, high, xtol=1e-12))


def test_a_normal_mean_with_sigma_known() -> None:
    mle = fit(normal().nll, {"mu": 990.0, "log_sigma": 3.0}, Y, fixed={"log_sigma": np.log(25.0)})
    found = profile(mle)
    error = 25.0 / np.sqrt(N)
    close([found.low[0], found.high[0]], MEAN + np.sqrt(DROP) * error * np.array([-1, 1]), error)
    # A held parameter keeps its value.
    assert found.low[1] == found.high[1] == np.log(25.0)
    assert found.standard_errors[1] == 0.0


def sigma_ends() -> list[float]:
    """Solve n(2 log(sigma/s) + s²/sigma² − 1) = χ²."""

    def drop(log_ratio: float) -> float:
        return float(N * (2 * log_ratio + np.exp(-2 * log_ratio) - 1))

    return [np.log(SPREAD) + root(drop, -3, 0), np.log(SPREAD) + root(drop, 0, 3)]


@pytest.mark.parametrize("jac", [None, normal().scores], ids=["differences", "jac"])
def test_a_normal_mean_and_its_sigma(jac: Any) -> None:
    found = profile(fit(normal().nll, {"mu": 990.0, "log_sigma": 2.0}, Y, jac=jac))
    # Solve n log(1 + (mu − mean)²/s²) = χ².
    half = SPREAD * np.sqrt(np.exp(DROP / N) - 1)
    close([found.low[0], found.high[0]], [MEAN - half, MEAN + half], SPREAD / np.sqrt(N))
    close([found.low[1], found.high[1]], sigma_ends(), 1 / np.sqrt(2 * N))
    expected = (found.high - found.low) / (2 * np.sqrt(DROP))
    assert_allclose(found.standard_errors, expected, rtol=1e-12)
    assert 0 < found.n_evaluations < 2000


@pytest.mark.parametrize(
    "transform",
    [None, {"sigma": "log"}, {"sigma": ("logit", 0.0, 400.0)}],
    ids=["none", "log", "logit"],
)
def test_ends_do_not_depend_on_the_parameterization(transform: Any) -> None:
    def nll(params: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return np.log(params[1]) + 0.5 * ((y - params[0]) / params[1]) ** 2

    found = profile(fit(nll, {"mu": 990.0, "sigma": 15.0}, Y, transform=transform))
    low, high = np.exp(sigma_ends())
    close([found.low[1], found.high[1]], [low, high], SPREAD / np.sqrt(2 * N))


class Reciprocal:
    """A scale that turns a parameter's sense around."""

    def forward(self, value: Any) -> Any:
        return 1.0 / np.asarray(value)

    def inverse(self, value: Any) -> Any:
        return 1.0 / np.asarray(value)


@pytest.mark.parametrize("transform", [None, {"rate": Reciprocal()}], ids=["none", "reciprocal"])
def test_the_rate_of_an_exponential(transform: Any) -> None:
    def nll(params: Any, y: Any, x: Any) -> Any:
        with np.errstate(all="ignore"):
            return params[0] * y - np.log(params[0]) + 0.5 * ((x - params[1]) / 30.0) ** 2

    rng = np.random.default_rng(2)
    y, x = rng.exponential(200.0, 15), rng.normal(500.0, 30.0, 15)
    found = profile(fit(nll, {"rate": 0.004, "mu": 480.0}, (y, x), transform=transform))
    rate = 1 / y.mean()

    def drop(at: float) -> float:
        return float(30 * (at / rate - 1 - np.log(at / rate)))

    ends = [root(drop, 1e-3 * rate, rate), root(drop, rate, 10 * rate)]
    close([found.low[0], found.high[0]], ends, rate / np.sqrt(15))
    half = np.sqrt(DROP) * 30.0 / np.sqrt(15)
    close([found.low[1], found.high[1]], [x.mean() - half, x.mean() + half], 30 / np.sqrt(15))


def test_a_logit_against_an_independent_profile() -> None:
    model = logit(2)
    X, y = model.data(120, rng=3)
    X = X * [1.0, 1e-3, 50.0]

    def value(params: Any) -> float:
        return float(model.nll(params, X, y).sum())

    mle = fit(model.nll, np.zeros(3), (X, y))
    found, errors = profile(mle), mle.information.standard_errors
    unit = np.array([1.0, 1e3, 0.02])

    def drop(j: int, at: float) -> float:
        others = [k for k in range(3) if k != j]

        def held(z: Any) -> float:
            params = np.empty(3)
            params[j], params[others] = at, z * unit[others]
            return value(params)

        start = mle.estimate[others] / unit[others]
        least = minimize(held, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9})
        return 2 * (float(least.fun) - mle.nll)

    for j, error in enumerate(errors):
        for end in (found.low[j], found.high[j]):
            # The drop grows by 4 per standard error where it is 3.84.
            assert drop(j, end) == pytest.approx(DROP, abs=0.01)
            assert abs(end - mle.estimate[j]) < 3.5 * error


def test_a_bound_cuts_one_end() -> None:
    bound = float(MEAN + SPREAD / np.sqrt(N))
    bounds = [(None, bound), (None, None)]
    found = profile(fit(normal().nll, {"mu": 990.0, "log_sigma": 2.0}, Y, bounds=bounds))
    half = SPREAD * np.sqrt(np.exp(DROP / N) - 1)
    assert found.high[0] == pytest.approx(bound, rel=1e-12)
    close(found.low[0], MEAN - half, SPREAD / np.sqrt(N))
    close([found.low[1], found.high[1]], sigma_ends(), 1 / np.sqrt(2 * N))


def test_an_end_is_infinite_where_the_likelihood_never_drops_that_far() -> None:
    # The mean 1 − exp(−theta) tends to 1, which is one standard error from its estimate of 0.9.
    def nll(params: Any, y: Any, x: Any) -> Any:
        first = 0.5 * (y - 1 + np.exp(-params[0])) ** 2
        return first + 0.5 * ((x - params[1]) / 50.0) ** 2

    rng = np.random.default_rng(4)
    y, x = rng.normal(size=100), rng.normal(1000.0, 50.0, 100)
    y = y - y.mean() + 0.9
    mle = fit(nll, {"theta": 2.0, "mu": 990.0}, (y, x))
    found = profile(mle)
    assert found.high[0] == np.inf
    assert found.standard_errors[0] == np.inf
    close(found.low[0], -np.log(0.1 + np.sqrt(DROP) / 10), 1.0)
    half = np.sqrt(DROP) * 5.0
    close([found.low[1], found.high[1]], [x.mean() - half, x.mean() + half], 5.0)


def test_the_profile_is_a_source_where_it_is_asked_for() -> None:
    mle = fit(normal().nll, {"mu": 990.0, "log_sigma": 2.0}, Y)
    boot = bootstrap(mle, n_resamples=199, rng=0)
    without, check = crosscheck(boot), crosscheck(boot, profile=True)
    assert without.profile is None
    assert "profile" not in without.standard_errors
    assert check.profile is not None
    assert_array_equal(check.standard_errors["profile"], check.profile.standard_errors)
    assert check.verdicts["profile"].reason


def test_a_total_has_a_profile_too() -> None:
    mle = fit(lambda p, y: float(normal().nll(p, y).sum()), {"mu": 990.0, "log_sigma": 2.0}, Y)
    found = profile(mle)
    close([found.low[1], found.high[1]], sigma_ends(), 1 / np.sqrt(2 * N))


def test_where_the_others_are_best_at_the_end_of_the_models_domain() -> None:
    """A log-binomial regression, whose linear predictor is negative: against a grid."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 25)
    y = (rng.random(25) < np.exp(-0.8 + 0.7 * x)).astype(float)
    x = 1000.0 * x

    def nll(params: Any, x: Any, y: Any) -> Any:
        eta = params[0] + params[1] * x
        with np.errstate(all="ignore"):
            return np.where(eta < 0, -np.where(y > 0, eta, np.log1p(-np.exp(eta))), np.inf)

    mle = fit(nll, {"const": -1.0, "slope": 0.0}, (x, y))
    found = profile(mle)

    def drop(slope: float) -> float:
        edge = -np.max(slope * x)
        inside = edge - 10 ** np.linspace(-12, 1, 4000)
        lowest = min(nll((const, slope), x, y).sum() for const in inside)
        return float(2 * (lowest - mle.nll))

    for end in (found.low[1], found.high[1]):
        assert abs(np.sqrt(drop(end)) - np.sqrt(DROP)) < 5e-3
    on_the_edge = (-np.max(found.high[1] * x) - 1e-9, found.high[1])
    assert abs(2 * (nll(on_the_edge, x, y).sum() - mle.nll) - DROP) < 0.02
    assert np.isfinite([found.low, found.high]).all()


def test_the_others_keep_to_their_bounds() -> None:
    """A line whose slope is at least half a standard error below its estimate: in closed form."""
    x = np.random.default_rng(1).uniform(0, 1, N)

    def nll(params: Any, x: Any, y: Any) -> Any:
        return 0.5 * ((y - params[0] - params[1] * x) / 20.0) ** 2

    slope = np.cov(x, Y)[0, 1] / x.var(ddof=1)
    least = slope - 10.0 / x.std() / np.sqrt(N)
    free, args = {"const": 990.0, "slope": slope + 1.0}, (x, Y)
    mle = fit(nll, free, args, bounds={"slope": (least, None)})

    def drop(const: float) -> float:
        best = max(least, float(x @ (Y - const) / (x @ x)))
        return float(2 * (nll((const, best), x, Y).sum() - mle.nll))

    found, unit = profile(mle), mle.hessian_errors[0]
    ends = [root(drop, mle.estimate[0] + 9 * side * unit, mle.estimate[0]) for side in (-1, 1)]
    close([found.low[0], found.high[0]], ends, unit)
    assert found.high[0] < profile(fit(nll, free, args)).high[0] - 0.1 * unit


@pytest.mark.parametrize("free", [False, True])
def test_a_likelihood_that_ends_before_it_has_dropped_so_far(free: bool) -> None:
    limit = MEAN + 1.3 * SPREAD / np.sqrt(N)

    def nll(params: Any, y: Any) -> Any:
        known = normal().nll(params, y)
        return known if params[0] < limit else np.full(y.size, np.inf)

    fixed: dict[str, float] = {} if free else {"log_sigma": np.log(25.0)}
    found = profile(fit(nll, {"mu": 990.0, "log_sigma": 3.0}, Y, fixed=fixed))
    close(found.high[0], limit, 25.0 / np.sqrt(N))
    assert found.low[0] < MEAN - SPREAD / np.sqrt(N)
