"""Subsamples: exact moments after rescaling, by enumeration and in closed form."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.special import ndtri

from bootmle import Estimator, Given, Subsample, bootstrap, fit, load
from bootmle.fitting.fit import Fit
from bootmle.sampling.streams import stream_of

N, M, SEED = 24, 8, 5
UNIT = np.array([50.0, 0.01])


def data(n: int = N) -> Any:
    """Two variables of scales 50 and 0.01."""
    return np.array([1000.0, 1.0]) + UNIT * np.random.default_rng(1).normal(size=(n, 2))


def means(n: int = N) -> Fit:
    def nll(params: Any, Y: Any) -> Any:
        return 0.5 * (((Y - params) / UNIT) ** 2).sum(axis=1)

    return fit(nll, {"first": 1000.0, "second": 1.0}, data(n))


def variances(Y: Any) -> Any:
    """The plug-in variances, with divisor n."""
    return Y.var(axis=0)


def test_a_subsample_has_m_rows_none_twice(weights_of: Any) -> None:
    weights = weights_of(Subsample(M), SEED, N, 70)
    assert_array_equal(weights.sum(axis=1), M)
    assert weights.max() == 1
    assert len(np.unique(weights, axis=0)) == 70


def test_all_subsamples_are_equally_likely(weights_of: Any) -> None:
    # Chi-squared over the 20 subsets of 3 of 6 at 1e-6.
    subsets = [list(each) for each in combinations(range(6), 3)]
    weights = weights_of(Subsample(3), 11, 6, 8000)
    found = [subsets.index(np.flatnonzero(one).tolist()) for one in weights]
    assert stats.chisquare(np.bincount(found, minlength=20)).pvalue > 1e-6


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_the_rescaled_variance_of_a_mean_is_exact_over_all_subsamples(m: int) -> None:
    # Var(ȳ_m) = (s²/m)(1 − m/n) without replacement, and m/(n − m) takes it to s²/n.
    Y = data(6)
    averages = np.array([Y[list(rows)].mean(axis=0) for rows in combinations(range(6), m)])
    spread, _ = Subsample(m).rescaling(6)
    covariance = spread**2 * np.cov(averages, rowvar=False, ddof=0)
    assert_allclose(covariance, np.cov(Y, rowvar=False) / 6, rtol=1e-10)


@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_rescaled_bias_of_a_variance_is_exact_over_all_subsamples(m: int) -> None:
    # The bias of the plug-in variance is −s²/n, that of subsamples −s² (1/m − 1/n).
    Y = data(6)
    plugged = np.array([variances(Y[list(rows)]) for rows in combinations(range(6), m)])
    _, shift = Subsample(m).rescaling(6)
    bias = shift * (plugged.mean(axis=0) - variances(Y))
    assert_allclose(bias, -Y.var(axis=0, ddof=1) / 6, rtol=1e-10)


def test_the_covariance_of_a_mean_is_that_of_the_whole_sample() -> None:
    # Both within 5 Monte Carlo errors: a false-alarm rate of 1e-6.
    boot = bootstrap(means(), sampling=Subsample(M), n_resamples=3999, rng=1)
    exact = np.cov(data(), rowvar=False) / N
    errors = np.sqrt(np.diag(exact))
    assert np.all(np.abs(boot.standard_error - errors) < 5 * boot.standard_error_mcse)
    correlation = exact[0, 1] / errors.prod()
    found = boot.covariance[0, 1] / boot.standard_error.prod()
    assert abs(found - correlation) < 5 * (1 - correlation**2) / np.sqrt(3999)
    assert np.all(np.abs(boot.bias) < 5 * np.sqrt(M / (N - M)) * errors / np.sqrt(3999))


def test_the_bias_of_a_variance_is_that_of_the_whole_sample() -> None:
    # −s²/n within 5 Monte Carlo errors of the rescaled mean: a false-alarm rate of 1e-6.
    boot = bootstrap(Estimator(variances, data()), sampling=Subsample(M), n_resamples=9999, rng=1)
    error = M / (N - M) * boot.replicates.std(axis=0) / np.sqrt(9999)
    expected = -data().var(axis=0, ddof=1) / N
    assert np.all(np.abs(boot.bias - expected) < 5 * error)
    assert np.all(np.abs(expected) > 8 * error)


def test_replicates_are_the_raw_ones() -> None:
    boot = bootstrap(Estimator(variances, data()), sampling=Subsample(M), n_resamples=70, rng=SEED)
    streams = [stream_of(SEED, k) for k in range(70)]
    rows = [each.permutation(N)[:M] for each in streams]
    given = bootstrap(Estimator(variances, data()), sampling=Given(indices=rows), n_resamples=70)
    assert_allclose(boot.replicates, given.replicates, rtol=1e-12)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_are_those_of_rescaled_deviations(level: float) -> None:
    # 999 replicates: both levels are order statistics, none interpolated.
    boot = bootstrap(Estimator(variances, data()), sampling=Subsample(M), n_resamples=999, rng=1)
    center = boot.estimate
    deviations = np.sort(np.sqrt(M / (N - M)) * (boot.replicates - center), axis=0)
    rank = round(1000 * (1 - level) / 2)
    low, high = deviations[rank - 1], deviations[-rank]
    percentile = boot.confidence_interval("percentile", level)
    assert_allclose(percentile.low, center + low, rtol=1e-12)
    assert_allclose(percentile.high, center + high, rtol=1e-12)
    basic = boot.confidence_interval("basic", level)
    assert_allclose(basic.low, center - high, rtol=1e-12)
    assert_allclose(basic.high, center - low, rtol=1e-12)
    normal = boot.confidence_interval("normal", level)
    width = 2 * float(ndtri((1 + level) / 2)) * deviations.std(axis=0, ddof=1)
    assert_allclose(normal.high - normal.low, width, rtol=1e-12)
    upper = boot.confidence_interval("percentile", (1 + level) / 2, "less")
    assert_array_equal(upper.low, [-np.inf, -np.inf])
    assert_allclose(upper.high, center + high, rtol=1e-12)


def test_a_share_is_a_number_of_observations(weights_of: Any) -> None:
    assert_array_equal(
        weights_of(Subsample(1 / 3), SEED, N, 20), weights_of(Subsample(8), SEED, N, 20)
    )
    assert Subsample(1 / 3).rescaling(N) == Subsample(8).rescaling(N)


def test_a_saved_run_is_rescaled_as_before(tmp_path: Path) -> None:
    boot = bootstrap(means(), sampling=Subsample(M), n_resamples=199, rng=1)
    boot.save(tmp_path / "run.npz")
    again = load(tmp_path / "run.npz")
    assert again.rescaling == boot.rescaling == (np.sqrt(M / (N - M)), M / (N - M))
    assert_array_equal(again.standard_error, boot.standard_error)
    assert_array_equal(again.bias, boot.bias)
    for level in (0.8, 0.95):
        one, other = (each.confidence_interval("basic", level) for each in (again, boot))
        assert_array_equal(one.low, other.low)
        assert_array_equal(one.high, other.high)


@pytest.mark.parametrize("size", [0, -3, True, 2.5, 1.0, "half", None, np.nan])
def test_what_is_no_size_is_refused(size: Any) -> None:
    with pytest.raises(ValueError, match=r"size: .*; pass a whole number m below n, or a share"):
        Subsample(size)


@pytest.mark.parametrize(("size", "shown"), [(N, N), (N + 5, N + 5), (0.001, 0), (0.999, N)])
def test_a_subsample_as_large_as_the_sample_or_empty_is_refused(size: Any, shown: int) -> None:
    with pytest.raises(ValueError, match=f"size: {size} is {shown} of {N} observations; pass 1 to"):
        bootstrap(means(), sampling=Subsample(size), n_resamples=9, rng=0)


def test_an_objective_that_reads_earlier_rows_is_refused() -> None:
    def reading(params: Any, Y: Any) -> Any:
        return 0.5 * (((Y - 0.5 * np.roll(Y, 1, axis=0) - params) / UNIT) ** 2).sum(axis=1)

    mle = fit(reading, [500.0, 0.5], data())
    with pytest.raises(ValueError, match=r"sampling: Subsample\(\) draws single rows"):
        bootstrap(mle, sampling=Subsample(M), n_resamples=9, rng=0)
