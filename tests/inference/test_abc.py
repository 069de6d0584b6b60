"""ABC intervals against published ones, and against Efron and Tibshirani's own algorithm."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bootmle import Bayesian, Cases, Clustered, Estimator, Fit, Stratified, bootstrap, fit
from bootmle.likelihood.arrays import Floats

SPATIAL = np.array(
    [
        *(48.0, 36, 20, 29, 42, 42, 20, 42, 22, 41, 45, 14, 6),
        *(0, 33, 28, 34, 4, 32, 24, 47, 41, 24, 26, 30, 41),
    ]
)
"""The spatial test A of Efron and Tibshirani (1993, table 14.1)."""


def normal_nll(params: Floats, y: Floats) -> Floats:
    mean, variance = params
    return np.asarray(np.log(variance) / 2 + (y - mean) ** 2 / (2 * variance))


def exponential_nll(params: Floats, y: Floats) -> Floats:
    return np.asarray(params[0] + y * np.exp(-params[0]))


@pytest.fixture(scope="module")
def spatial() -> Fit:
    start = {"mean": 30.0, "variance": 170.0}
    return fit(normal_nll, start, args=SPATIAL, transform={"variance": "log"})


def abcnon(n: int, statistic: Callable[[Floats], float], level: float) -> list[float]:
    """The S function of Efron and Tibshirani (1993, appendix), with shares of n units."""
    step, shares = 0.1 / n, np.full(n, 1 / n)
    at = statistic(shares)
    ahead = np.array([statistic(shares + step * (row - shares)) for row in np.eye(n)])
    behind = np.array([statistic(shares - step * (row - shares)) for row in np.eye(n)])
    first, second = (ahead - behind) / (2 * step), (ahead - 2 * at + behind) / step**2
    error = np.sqrt((first**2).sum()) / n
    a = (first**3).sum() / (6 * n**3 * error**3)
    along = first / (n**2 * error)
    sides = statistic(shares + step * along) + statistic(shares - step * along)
    curvature = second.sum() / (2 * n**2 * error) - (sides - 2 * at) / (2 * error * step**2)
    z0 = stats.norm.ppf(2 * stats.norm.cdf(a) * stats.norm.cdf(-curvature))
    z = z0 + stats.norm.ppf([(1 - level) / 2, (1 + level) / 2])
    return [statistic(shares + step * along) for step in z / (1 - a * z) ** 2]


def mean_of(y: Floats) -> Callable[[Floats], float]:
    return lambda shares: float(shares @ y / shares.sum())


def variance_of(y: Floats) -> Callable[[Floats], float]:
    return lambda shares: float(shares @ y**2 / shares.sum() - (shares @ y / shares.sum()) ** 2)


def test_the_variance_of_the_spatial_test_is_that_of_table_14_2(spatial: Fit) -> None:
    # Efron and Tibshirani (1993), table 14.2: ABC (116.7, 260.9).
    found = spatial.confidence_interval("abc", 0.9)
    assert_allclose([found.low[1], found.high[1]], [116.7, 260.9], atol=0.25)


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_intervals_are_those_of_the_algorithm(spatial: Fit, level: float) -> None:
    found = spatial.confidence_interval("abc", level)
    mean = abcnon(26, mean_of(SPATIAL), level)
    variance = abcnon(26, variance_of(SPATIAL), level)
    # A hundredth of a standard error: the lattice's derivatives are off by 5% at n = 26.
    assert_allclose([found.low[0], found.high[0]], mean, atol=0.01 * 2.57)
    assert_allclose([found.low[1], found.high[1]], variance, atol=0.01 * 42.5)


def test_derived_quantities_have_their_own(spatial: Fit) -> None:
    def quantile(params: Floats) -> dict[str, float]:
        return {"sd": params[1] ** 0.5, "upper": params[0] + 1.645 * params[1] ** 0.5}

    def upper(shares: Floats) -> float:
        return mean_of(SPATIAL)(shares) + 1.645 * float(variance_of(SPATIAL)(shares) ** 0.5)

    found = spatial.confidence_interval("abc", derive=quantile)
    expected = abcnon(26, lambda shares: variance_of(SPATIAL)(shares) ** 0.5, 0.95)
    assert_allclose([found.low[0], found.high[0]], expected, atol=0.01 * 1.6)
    assert_allclose([found.low[1], found.high[1]], abcnon(26, upper, 0.95), atol=0.01 * 3)
    boot = bootstrap(spatial, n_resamples=50, rng=0).derive(quantile)
    assert_allclose(boot.confidence_interval("abc").low, found.low)


def test_clusters_are_the_units() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(30), rng.integers(1, 5, 30))
    y = rng.exponential(2.0, labels.size) * (1 + labels % 3)
    totals, sizes = np.bincount(labels, y), np.bincount(labels)
    mle = fit(exponential_nll, {"log_mean": 0.0}, args=y)
    found = mle.confidence_interval("abc", 0.9, sampling=Clustered(labels))
    expected = abcnon(30, lambda p: float(np.log(p @ totals / (p @ sizes))), 0.9)
    assert_allclose([found.low[0], found.high[0]], expected, atol=0.01 * 0.15)


def test_strata_center_the_influences() -> None:
    # A mean is linear in the weights: z0 is the acceleration, and the endpoints are at w/(1 − aw)².
    y, strata = SPATIAL + 100 * (np.arange(26) % 2), np.arange(26) % 2
    influences = (y - np.array([y[strata == each].mean() for each in (0, 1)])[strata]) / 26
    error = np.sqrt((influences**2).sum())
    a = (influences**3).sum() / (6 * error**3)
    w = a + stats.norm.ppf([0.05, 0.95])
    mle = fit(normal_nll, {"mean": 80.0, "variance": 3e3}, args=y, transform={"variance": "log"})
    found = mle.confidence_interval("abc", 0.9, sampling=Stratified(strata))
    expected = y.mean() + error * w / (1 - a * w) ** 2
    assert_allclose([found.low[0], found.high[0]], expected, atol=0.02 * error)


def test_no_evaluation_is_needed_where_the_expansion_is_close() -> None:
    rng, calls = np.random.default_rng(2), 0

    def counted(params: Floats, y: Floats) -> Floats:
        nonlocal calls
        calls += 1
        return exponential_nll(params, y)

    y = rng.exponential(3.0, 2000)
    mle = fit(counted, {"log_mean": 0.0}, args=y)
    bootstrap(mle, n_resamples=2, refit="expansion", rng=0)
    before = calls
    found = mle.confidence_interval("abc")
    assert calls == before
    expected = np.log(abcnon(2000, mean_of(y), 0.95))
    assert_allclose([found.low[0], found.high[0]], expected, atol=0.03 / np.sqrt(2000))


def test_without_refits_no_evaluation_and_a_warning_where_the_expansion_is_far() -> None:
    calls = 0

    def counted(params: Floats, y: Floats) -> Floats:
        nonlocal calls
        calls += 1
        return normal_nll(params, y)

    def fitted(n: int) -> Fit:
        y, start = np.random.default_rng(3).normal(5.0, 30.0, n), {"mean": 0.0, "variance": 600.0}
        return fit(counted, start, args=y, transform={"variance": "log"})

    mle = fitted(150)
    bootstrap(mle, n_resamples=2, refit="expansion", rng=0)
    before, refitted = calls, mle.confidence_interval("abc", 0.9)
    assert calls > before
    before, found = calls, mle.confidence_interval("abc", 0.9, refit=False)
    assert calls == before
    assert np.all(np.abs(found.low - refitted.low) < 0.05 * mle.standard_error)
    with pytest.warns(UserWarning, match=r"off by up to 0\.\d+ standard errors"):
        fitted(60).confidence_interval("abc", 0.9, refit=False)


def test_p_values_invert_the_intervals(spatial: Fit) -> None:
    boot = bootstrap(spatial, n_resamples=2, rng=0)
    ends = boot.confidence_interval("abc", 0.9)
    for end in (ends.low, ends.high):
        assert_allclose(boot.p_value(end, "abc"), 0.1, rtol=1e-3)


def total(params: Floats, y: Floats) -> float:
    return float(normal_nll(params, y).sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda mle: mle.confidence_interval("bca"), r"bootstrap\(mle\)"),
        (lambda mle: mle.confidence_interval("abc", sampling=Bayesian()), "draws no units"),
        (lambda mle: mle.confidence_interval("abc", sampling=Clustered([1, 2])), "2 labels for 26"),
        (lambda mle: mle.confidence_interval("abc", 0.05), "and 5% in"),
    ],
)
def test_what_has_none_is_refused(spatial: Fit, call: Callable[[Fit], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(spatial)


def test_totals_and_estimators_have_none() -> None:
    mle = fit(total, {"mean": 30.0, "variance": 170.0}, args=SPATIAL)
    with pytest.raises(ValueError, match=r"delete \.sum\(\)"):
        mle.confidence_interval("abc", sampling=Cases())
    boot = bootstrap(Estimator(np.mean, args=SPATIAL), n_resamples=50, rng=0)
    with pytest.raises(ValueError, match="has no likelihood to expand"):
        boot.confidence_interval("abc")
