"""Distributions that a family reaches with a shape at infinity only."""

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bootmle import Fit, Status, bootstrap, fit_distribution

N = 100
POINTS = (np.arange(N) + 0.5) / N
LEFT = 10 + stats.weibull_min.ppf(POINTS, 8)  # skewed to the left, with tails lighter than normal
RIGHT = -LEFT
LIMIT = "toward a supremum as {where}; the limit is {name}, with "


def at_infinity(family: Any, y: Any, where: str, name: str, **fixed: Any) -> Fit:
    mle = fit_distribution(family, y, **fixed)
    assert mle.status is Status.NO_FINITE_OPTIMUM
    assert LIMIT.format(where=where, name=name) in str(mle)
    assert mle.n_evaluations < 3000  # 25,000 to 35,000 without knowledge of the limit
    return mle


NORMAL = {
    "gamma": (LEFT, "a → +∞, loc → −∞, scale → 0"),
    "lognorm": (LEFT, "s → 0, loc → −∞, scale → +∞"),
    "loggamma": (RIGHT, "c → +∞, loc → −∞, scale → +∞"),
    "invgauss": (LEFT, "mu → 0, loc → −∞, scale → +∞"),
    "fatiguelife": (LEFT, "c → 0, loc → −∞, scale → +∞"),
    "chi2": (LEFT, "df → +∞, loc → −∞, scale → 0"),
    "chi": (LEFT, "df → +∞, loc → −∞"),
    "t": (10 * POINTS, "df → +∞"),
}
"""Families, data without the skewness, or the tails, of any of their members, and what diverges."""


@pytest.mark.parametrize("name", NORMAL)
def test_a_normal_is_reached_at_infinity(name: str) -> None:
    # The normal's likelihood is highest at mean and standard deviation, with errors SD / √n and
    # SD / √(2n).
    y, where = NORMAL[name]
    mle = at_infinity(getattr(stats, name), y, where, "norm")
    mean, sd = y.mean(), y.std()
    assert mle.nll == pytest.approx(-stats.norm.logpdf(y, mean, sd).sum(), abs=0.1)
    shown = re.findall(r"(?:loc|scale|SE) (-?[0-9.]+)", mle.notes[-1])
    expected = [mean, sd / np.sqrt(N), sd, sd / np.sqrt(2 * N)]
    assert [float(number) for number in shown] == pytest.approx(expected, rel=5e-3)
    assert np.isnan(mle.information.standard_errors).all()


def test_a_start_of_the_users_own_does_not_hide_it() -> None:
    start = {"a": 4.0, "loc": 10.0}
    at_infinity(stats.gamma, LEFT, "a → +∞, loc → −∞, scale → 0", "norm", start=start)


def test_the_other_side_has_a_finite_optimum() -> None:
    mle = fit_distribution(stats.gamma, RIGHT)
    assert mle.status is Status.CERTIFIED
    assert mle.nll < -stats.norm.logpdf(RIGHT, RIGHT.mean(), RIGHT.std()).sum()
    score = [
        (stats.gamma.logpdf(RIGHT, *(mle.estimate + step)).sum() - sum_at) / 1e-6
        for sum_at in [stats.gamma.logpdf(RIGHT, *mle.estimate).sum()]
        for step in 1e-6 * np.eye(3)
    ]
    assert np.abs(score * mle.information.standard_errors).max() < 0.1
    boot = bootstrap(mle, n_resamples=8, rng=0)
    assert boot.n_failed == 0


def test_extreme_values_are_reached_at_infinity() -> None:
    y = stats.gumbel_r.ppf(POINTS, 3, 2)
    where = "c → +∞, loc → −∞, scale → +∞"
    mle = at_infinity(stats.invweibull, y - 0.05 * (y - 3) ** 2 * (y > 3), where, "gumbel_r")
    assert mle.nll > 0


def test_a_shape_of_either_sign_may_be_infinite() -> None:
    # sinh(u) is exp(u)/2 for large u: Johnson's SU becomes a lognormal with s = 1 / b.
    where = "a → −∞, scale → 0"
    mle = at_infinity(stats.johnsonsu, RIGHT, where, "lognorm")
    lognormal = fit_distribution(stats.lognorm, RIGHT)
    assert mle.nll == pytest.approx(lognormal.nll, abs=1e-4)
    assert mle.estimate[1] == pytest.approx(1 / lognormal.estimate[0], rel=1e-3)


def test_a_limit_with_a_shape_is_that_distribution() -> None:
    # burr12 has the Weibull, d → ∞; F with a scale has the gamma of shape dfn / 2, dfd → ∞.
    where = "d → +∞, scale → +∞"
    burr = at_infinity(stats.burr12, LEFT - 10, where, "weibull_min", floc=0)
    weibull = fit_distribution(stats.weibull_min, LEFT - 10, floc=0)
    assert burr.nll == pytest.approx(weibull.nll, abs=1e-3)
    assert burr.estimate[0] == pytest.approx(weibull.estimate[0], rel=1e-3)
    y = stats.gamma.ppf(POINTS, 3) ** 0.9
    found = at_infinity(stats.f, y, "dfd → +∞", "gamma", floc=0)
    gamma = fit_distribution(stats.gamma, y, floc=0)
    assert found.nll == pytest.approx(gamma.nll, abs=1e-3)
    assert found.estimate[0] == pytest.approx(2 * gamma.estimate[0], rel=1e-3)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_flat_bottom_with_kinks_is_no_supremum(seed: int) -> None:
    """Log-Laplace: any scale between the middle two of 100 observations, one shape."""
    y = stats.loglaplace.rvs(3.25, size=100, random_state=seed)
    mle = fit_distribution(stats.loglaplace, y, floc=0)
    low, high = np.sort(y)[[49, 50]]
    scale = np.sqrt(low * high)
    assert mle.status is not Status.NO_FINITE_OPTIMUM
    assert low <= mle.estimate[2] <= high
    assert mle.estimate[0] == pytest.approx(1 / np.mean(np.abs(np.log(y / scale))), rel=1e-5)
