"""Closed forms: the mean of a normal, the exponential's rate, least squares.

Comparisons with an ideal bootstrap standard error allow 4 Monte Carlo errors, a false-alarm rate
of 6e-5 each; replicate by replicate the closed form is met within 1e-3 standard errors.
"""

from typing import Any

import numpy as np
from numpy.testing import assert_allclose

from bootmle import Bayesian, Cases, Estimator, bootstrap, fit
from bootmle.sampling.streams import stream_of
from models import exponential, normal


def draws(seed: int, n: int, count: int, plan: Any = Cases()) -> Any:  # noqa: B008
    """The weights of the first replicates of a seed, (count, n)."""
    streams = [stream_of(seed, k) for k in range(count)]
    return np.array([plan.draw(n, k, stream).weights for k, stream in enumerate(streams)])


def test_the_mean_of_a_normal() -> None:
    (y,) = normal().data(50, rng=8)
    boot = bootstrap(fit(normal().nll, [0.0, 0.0], y), n_resamples=1999, rng=5)
    ideal = y.std() / np.sqrt(50)
    assert abs(boot.standard_error[0] - ideal) < 4 * ideal / np.sqrt(2 * 1999)
    assert abs(boot.bias[0]) < 4 * ideal / np.sqrt(1999)
    weights = draws(5, 50, 1999)
    means = weights @ y / 50
    spreads = np.sqrt(weights @ y**2 / 50 - means**2)
    expected = np.column_stack([means, np.log(spreads)])
    assert np.abs((boot.replicates - expected) / [ideal, np.sqrt(0.01)]).max() < 1e-3


def test_the_mean_of_a_normal_by_the_bayesian_bootstrap() -> None:
    # Rubin (1981): Dirichlet weights give the mean a standard deviation of s / sqrt(n + 1).
    (y,) = normal().data(50, rng=8)
    boot = bootstrap(fit(normal().nll, [0.0, 0.0], y), sampling=Bayesian(), n_resamples=1999, rng=5)
    ideal = y.std() / np.sqrt(51)
    assert abs(boot.standard_error[0] - ideal) < 4 * ideal / np.sqrt(2 * 1999)
    means = draws(5, 50, 1999, Bayesian()) @ y / 50
    assert np.abs(boot.replicates[:, 0] - means).max() < 1e-3 * ideal


def test_the_rate_of_an_exponential() -> None:
    y = exponential().data(30, rng=2)[0] / 1000

    def rate_nll(params: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return params[0] * y - np.log(params[0])

    mle = fit(rate_nll, {"rate": 100.0}, y)
    rate = 1 / y.mean()
    assert_allclose(mle.estimate, [rate], rtol=1e-6)
    boot = bootstrap(mle, n_resamples=499, rng=5)
    expected = 30 / (draws(5, 30, 499) @ y)
    assert np.abs(boot.replicates[:, 0] - expected).max() < 1e-3 * rate / np.sqrt(30)
    assert_allclose(boot.standard_error, [expected.std(ddof=1)], rtol=1e-4)


def test_least_squares_against_weighted_least_squares() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([np.ones(40), rng.normal(size=40), 1000 * rng.normal(size=40)])
    y = X @ [5.0, -2.0, 0.003] + rng.normal(size=40) * (1 + np.abs(X[:, 1]))

    def gaussian(params: Any, X: Any, y: Any) -> Any:
        return params[3] + 0.5 * ((y - X @ params[:3]) / np.exp(params[3])) ** 2

    mle = fit(gaussian, [0.0, 0.0, 0.0, 1.0], (X, y), names=["const", "a", "b", "log_sigma"])
    boot = bootstrap(mle, n_resamples=499, rng=5)
    expected = np.empty((499, 4))
    for k, w in enumerate(draws(5, 40, 499)):
        b = np.linalg.solve(X.T @ (w[:, None] * X), X.T @ (w * y))
        expected[k] = [*b, 0.5 * np.log(w @ (y - X @ b) ** 2 / 40)]
    unit = mle.information.standard_errors
    assert np.abs((boot.replicates - expected) / unit).max() < 1e-3
    covariance = np.cov(expected.T)
    assert_allclose(
        boot.covariance / np.outer(unit, unit), covariance / np.outer(unit, unit), atol=2e-4
    )
    assert_allclose(boot.standard_error, np.sqrt(np.diag(covariance)), rtol=1e-4)
    # The bias leaves out the linear part, Σ (w − 1) times the influence, whose mean is noise.
    error = y - X @ mle.estimate[:3]
    of_scale = 0.5 * (error**2 / np.mean(error**2) - 1) / 40
    influence = np.column_stack([(X * error[:, None]) @ np.linalg.inv(X.T @ X), of_scale])
    bias = (expected - mle.estimate - (draws(5, 40, 499) - 1) @ influence).mean(axis=0)
    assert_allclose(boot.bias / unit, bias / unit, atol=1e-3)


def test_estimators_are_called_on_the_rows_drawn() -> None:
    y = np.random.default_rng(3).gamma(2.0, 100.0, 25)
    boot = bootstrap(
        Estimator(lambda y: {"mean": y.mean(), "cv": y.std() / y.mean()}, args=y),
        n_resamples=499,
        rng=5,
    )
    weights = draws(5, 25, 499)
    means = weights @ y / 25
    spreads = np.sqrt(weights @ (y - y.mean()) ** 2 / 25 - (means - y.mean()) ** 2)
    expected = np.column_stack([means, spreads / means])
    assert_allclose(boot.replicates, expected, rtol=1e-10)


def test_estimators_that_name_weights_get_weights_that_sum_to_n() -> None:
    y = np.random.default_rng(3).gamma(2.0, 100.0, 25)

    def moments(y: Any, weights: Any = None) -> Any:
        w = np.ones(25) if weights is None else weights
        assert abs(w.sum() - 25) < 1e-9
        mean = w @ y / w.sum()
        return [mean, w @ (y - mean) ** 2 / w.sum()]

    for plan in (Cases(), Bayesian()):
        boot = bootstrap(Estimator(moments, args=y), sampling=plan, n_resamples=99, rng=5)
        expected = draws(5, 25, 99, plan) @ y / 25
        assert_allclose(boot.replicates[:, 0], expected, rtol=1e-10)
