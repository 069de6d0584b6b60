"""Optima at infinity along curves, and beside bounds that do not stop them."""

from typing import Any

import numpy as np
import pytest
from scipy.special import expit, gammaln
from scipy.stats import norm

from bootmle import Status, fit

DOSE = np.repeat([1.0, 2.0, 3.0], 10)
EVENT = np.repeat([0.0, 1.0, 0.0, 1.0], [17, 3, 0, 10])
# 0, 3 and 10 of 10: the steepest slopes at dose 2 leave the nll of its 3 of 10 alone.
LIMIT = float(10 * np.log(10) - 3 * np.log(3) - 7 * np.log(7))


@pytest.mark.parametrize("cdf", [norm.cdf, expit], ids=["normal", "logistic"])
def test_adjoining_intervals_leave_no_scale(cdf: Any) -> None:
    # Three rows in (0, 1], two in (1, 2]: as the scale vanishes the location goes to 1, from where
    # the intervals have any probabilities that sum to 1.
    lower = np.array([0.0, 0.0, 0.0, 1.0, 1.0])

    def nll(params: Any, lower: Any) -> Any:
        scale = np.exp(params[1])
        upper = cdf((lower + 1 - params[0]) / scale)
        return -np.log(upper - cdf((lower - params[0]) / scale))

    with np.errstate(all="ignore"):
        mle = fit(nll, {"location": 0.8, "log_scale": 0.0}, lower)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert abs(mle.nll + 3 * np.log(0.6) + 2 * np.log(0.4)) < 1e-4
    assert "log_scale → −∞" in mle.notes[-1]
    assert "location" not in mle.notes[-1]
    assert abs(mle.estimate[0] - 1) < 0.05


def test_beside_a_log_slope_the_intercept_diverges_exponentially() -> None:
    def nll(params: Any, dose: Any, event: Any) -> Any:
        eta = params[1] + np.exp(params[0]) * dose
        return np.logaddexp(0, eta) - event * eta

    mle = fit(nll, {"log_slope": 0.0, "intercept": -2.0}, (DOSE, EVENT))
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert abs(mle.nll - LIMIT) < 1e-4
    assert "log_slope → +∞, intercept → −∞" in mle.notes[-1]


@pytest.mark.parametrize("bounds", [{"b": (0, None)}, {"a": (-1e4, 1e4)}])
def test_a_bound_that_stops_nothing_hides_no_separation(bounds: Any) -> None:
    def nll(params: Any, dose: Any, event: Any) -> Any:
        eta = params[0] + params[1] * (dose - 2)
        return np.logaddexp(0, eta) - event * eta

    mle = fit(nll, {"a": 0.0, "b": 0.1}, (DOSE, EVENT), bounds=bounds)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert abs(mle.nll - LIMIT) < 1e-3
    assert abs(mle.estimate[0] - np.log(3 / 7)) < 0.01


def test_noise_of_large_numbers_makes_no_optimum_far_out() -> None:
    # Of counts that vary less than a Poisson's the negative binomial's best is the Poisson itself;
    # as α vanishes, two gamma functions cancel to nothing but rounding.
    y = np.random.default_rng(1).poisson(3, 80).astype(float)
    assert y.var() < y.mean()

    def nll(params: Any, y: Any) -> Any:
        mean, r = np.exp(params[0]), np.exp(-params[1])
        odds = r * np.log(r / (r + mean)) + y * np.log(mean / (r + mean))
        return gammaln(r) + gammaln(y + 1) - gammaln(y + r) - odds

    with np.errstate(all="ignore"):
        mle = fit(nll, {"log_mean": 1.0, "log_alpha": -1.0}, y)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    poisson = np.sum(y.mean() - y * np.log(y.mean()) + gammaln(y + 1))
    assert abs(mle.nll - poisson) < 1e-3


@pytest.mark.parametrize("bounds", [(0, None), (1e-3, None), None])
@pytest.mark.parametrize("unit", [1.0, 1e3])
def test_adjoining_intervals_leave_a_raw_scale_at_its_end(bounds: Any, unit: float) -> None:
    # As of its logarithm: the location follows the scale, whose range ends with the domain.
    lower = np.array([0.0, 0.0, 0.0, 1.0, 1.0]) * unit

    def nll(params: Any, lower: Any) -> Any:
        z = (lower - params[0]) / params[1]
        return -np.log(norm.cdf(z + unit / params[1]) - norm.cdf(z))

    limits: Any = {} if bounds is None else {"scale": [b and b * unit for b in bounds]}
    with np.errstate(all="ignore"):
        mle = fit(nll, {"location": 0.8 * unit, "scale": unit}, lower, bounds=limits)
    assert mle.status is Status.AT_BOUND
    assert mle.converged
    assert mle.at_bound == ("scale",)
    assert abs(mle.nll + 3 * np.log(0.6) + 2 * np.log(0.4)) < 1e-4
    end = bounds[0] * unit if bounds else 0.0
    # The location's distance from where the intervals meet is a normal quantile of scales.
    expected = unit - norm.ppf(0.6) * mle.estimate[1]
    assert end <= mle.estimate[1] < end + 1e-5 * unit
    assert abs(mle.estimate[0] - expected) < 1e-3 * mle.estimate[1]


@pytest.mark.parametrize("bound", [0.0, 1e-6])
def test_no_point_before_the_end_of_a_range_is_certified(bound: float) -> None:
    # 8 of 10 at dose 2: at a scale of 0.03 the curvature was 1e-11 of its unit diagonal.
    event = np.repeat([0.0, 1.0, 0.0, 1.0], [12, 8, 0, 10])

    def nll(params: Any, dose: Any, event: Any) -> Any:
        eta = (dose - params[0]) / params[1]
        return np.logaddexp(0, eta) - event * eta

    with np.errstate(all="ignore"):
        start, bounds = {"mid": 1.8, "scale": 1.0}, {"scale": (bound, None)}
        mle = fit(nll, start, (DOSE, event), bounds=bounds)
    assert mle.status is Status.AT_BOUND
    assert mle.estimate[1] < 1e-5
    assert abs((2 - mle.estimate[0]) / mle.estimate[1] - np.log(4)) < 1e-2


@pytest.mark.parametrize("form", ["slope", "log slope", "scale", "positive scale"])
def test_a_step_leaves_its_midpoint_open(form: str) -> None:
    # Every event is at dose 3: the steepest slope at any midpoint from 2 to 3 has an nll of 0.
    event = (DOSE > 2.5).astype(float)
    slopes: Any = {"slope": float, "log slope": np.exp}

    def nll(params: Any, dose: Any, event: Any) -> Any:
        slope = slopes.get(form, np.reciprocal)(params[1])
        eta = slope * (dose - params[0])
        return np.logaddexp(0, eta) - event * eta

    start = {"mid": 2.3, "other": 0.5 if form != "slope" else 2.0}
    end = {"scale": 0.0, "positive scale": 1e-6}
    bounds: Any = {"other": (end[form], None)} if form in end else {}
    with np.errstate(all="ignore"):
        mle = fit(nll, start, (DOSE, event), bounds=bounds)
    assert mle.status is (Status.AT_BOUND if bounds else Status.NO_FINITE_OPTIMUM)
    assert any(note.startswith("mid is not determined") for note in mle.notes)
    assert np.isnan(mle.information.standard_errors[0])


@pytest.mark.parametrize("log", [True, False])
def test_a_perfect_fit_has_no_maximum(log: bool) -> None:
    # Residuals are 0, and the density is infinite as the scale vanishes.
    x = np.arange(6.0)

    def nll(params: Any, x: Any, y: Any) -> Any:
        log_scale = params[2] if log else np.log(params[2])
        return log_scale + 0.5 * ((y - params[0] - params[1] * x) * np.exp(-log_scale)) ** 2

    start = {"a": 0.0, "b": 1.0, "scale": float(not log)}
    with np.errstate(all="ignore"):
        bounds: Any = {} if log else {"scale": (0, None)}
        mle = fit(nll, start, (x, 1 + 2 * x), bounds=bounds)
    assert not mle.converged
    assert any("rises without bound" in note for note in mle.notes)


@pytest.mark.parametrize("form", ["slope", "log slope", "scale"])
def test_units_and_starts_change_no_verdict(form: str) -> None:
    # 0, 3 and 10 of 10: at dose 2 the linear predictor stays at the logit of 0.3.
    forms: Any = {"slope": lambda p, d: p[0] + p[1] * d, "scale": lambda p, d: (d - p[0]) / p[1]}
    eta_of = forms.get(form, lambda p, d: np.exp(p[1]) * (d - p[0]))

    def nll(params: Any, dose: Any, event: Any) -> Any:
        eta = eta_of(params, dose)
        return np.logaddexp(0, eta) - event * eta

    for unit, scale in ((1.0, 1.0), (1e3, 0.4), (1e-3, 2.5)):
        second = {"slope": 1 / scale, "log slope": -np.log(scale * unit), "scale": scale * unit}
        second["slope"] /= unit
        start = {"first": -2.0 if form == "slope" else 1.8 * unit, "second": second[form]}
        bounds: Any = {"second": (0, None)} if form == "scale" else {}
        with np.errstate(all="ignore"):
            mle = fit(nll, start, (DOSE * unit, EVENT), bounds=bounds)
        assert mle.status is (Status.AT_BOUND if bounds else Status.NO_FINITE_OPTIMUM)
        assert abs(mle.nll - LIMIT) < 1e-4
        assert abs(eta_of(mle.estimate, 2 * unit) - np.log(3 / 7)) < 1e-2
        blamed = ("SciPy reports", "kink", "comparable scales", "fixed=", "nearly flat")
        assert not any(reason in note for note in mle.notes for reason in blamed)
