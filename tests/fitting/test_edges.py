"""Optima at an end of the support that parameters set: closed forms, and no word of infinity."""

import re

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from bootmle import Fit, Status, fit
from bootmle.likelihood.arrays import Floats

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def ends_at_jump(mle: Fit, word: str = "jump") -> bool:
    """Say whether a fit was refused for a jump, and for nothing else."""
    said = " ".join(mle.notes)
    named = word in said and not re.search("∞|supremum|kink|saddle|SciPy", said)
    return mle.status is Status.NOT_CERTIFIED and named


@pytest.mark.parametrize("outside", [1e4, np.nan])
def test_shifted_exponential(outside: float) -> None:
    y = 3 + np.random.default_rng(2).exponential(2, 80)

    def nll(params: Floats, y: Floats) -> Floats:
        shift, log_mean = params
        inside = log_mean + (y - shift) * np.exp(-log_mean)
        return np.where(y < shift, outside, inside)

    mle = fit(nll, {"shift": 0.0, "log_mean": 0.0}, args=y)
    log_mean = np.log(y.mean() - y.min())
    assert ends_at_jump(mle)
    assert "shift" in mle.notes[-1]
    np.testing.assert_allclose(mle.estimate, [y.min(), log_mean], atol=1e-3)
    assert abs(mle.nll - 80 * (1 + log_mean)) < 1e-4


def test_uniform() -> None:
    y = np.random.default_rng(2).uniform(2, 5, 60)

    def nll(params: Floats, y: Floats) -> Floats:
        low, high = params
        return np.where((y < low) | (y > high), np.inf, np.log(high - low))

    mle = fit(nll, [0.0, 8.0], args=y)
    assert ends_at_jump(mle)
    np.testing.assert_allclose(mle.estimate, [y.min(), y.max()], rtol=1e-8)


def test_an_edge_that_two_parameters_set() -> None:
    y = 2 * (1 + np.random.default_rng(2).pareto(2.0, 100))

    def nll(params: Floats, y: Floats) -> Floats:
        shape, loc, scale = params
        x = (y - loc) / scale
        inside = np.log(scale) + (shape + 1) * np.log(x) - np.log(shape)
        return np.where(x < 1, np.inf, inside)

    def profile(loc: float) -> float:
        scale = y.min() - loc
        logs = np.log((y - loc) / scale)
        shape = 1 / logs.mean()
        return float(np.sum(np.log(scale) + (shape + 1) * logs - np.log(shape)))

    mle = fit(nll, {"shape": 1.5, "loc": y.min() - 1.5, "scale": 1.0}, args=y)
    best = minimize_scalar(profile, bounds=(-20, y.min() - 0.01), method="bounded")
    assert ends_at_jump(mle)
    assert "loc, scale" in mle.notes[-1]
    assert abs(mle.nll - best.fun) < 1e-3


def test_a_density_that_is_infinite_at_its_end() -> None:
    y = 1 + 2 * np.random.default_rng(1).weibull(0.6, 100)

    def nll(params: Floats, y: Floats) -> Floats:
        loc, log_shape, log_scale = params
        x = (y - loc) * np.exp(-log_scale)
        inside = x ** np.exp(log_shape) - log_shape + log_scale - np.expm1(log_shape) * np.log(x)
        return np.where(y <= loc, np.inf, inside)

    mle = fit(nll, [0.0, 0.0, 0.0], args=y)
    assert ends_at_jump(mle, "without bound toward an edge in x1")
