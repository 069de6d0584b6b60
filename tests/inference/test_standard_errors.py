"""Standard errors and their Monte Carlo errors, against theory and NumPy, at unequal scales."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy import stats
from scipy.stats import norm

from bootmle.inference.standard_errors import (
    covariance,
    covariance_mcse,
    largest_share,
    mean_shift,
    mean_shift_mcse,
    of_finite,
    of_finite_pairs,
    quantile_standard_error,
    skewness,
    standard_error,
    standard_error_mcse,
)

Floats = NDArray[np.float64]
SCALES = np.array([1e-6, 1.0, 1e6])


def draws(seed: int, count: int) -> Floats:
    root = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [-0.3, 0.5, 0.8]])
    return np.random.default_rng(seed).normal(size=(count, 3)) @ root.T * SCALES + 10 * SCALES


def in_order(values: Floats) -> Floats:
    return np.sort(values, axis=0)


def test_the_standard_error_has_n_minus_one_in_its_denominator() -> None:
    values = np.array([[1.0, 2000.0], [2.0, 4000.0], [6.0, 12000.0]])
    # R: sd(c(1, 2, 6)) is 2.645751
    assert_allclose(standard_error(values), [2.6457513110645907, 2645.7513110645907 * 2])


def test_the_covariance_is_that_of_r() -> None:
    # R: cov(cbind(c(1, 2, 6, 3), c(10, 50, 20, 40)))
    values = np.array([[1.0, 10.0], [2.0, 50.0], [6.0, 20.0], [3.0, 40.0]])
    expected = [[4.666666666666667, -3.3333333333333335], [-3.3333333333333335, 333.3333333333333]]
    assert_allclose(covariance(values), expected)
    assert_allclose(np.sqrt(np.diag(covariance(values))), standard_error(values))


def test_one_parameter_has_a_covariance_matrix_too() -> None:
    assert_allclose(covariance(np.array([[1.0], [3.0]])), [[2.0]])


def test_the_shift_of_the_mean() -> None:
    values = np.array([[1.0, 1000.0], [4.0, 2000.0]])
    assert_allclose(mean_shift(values - [2.0, 1600.0]), [0.5, -100.0])


NORMAL = np.sqrt(0.5)
EXPONENTIAL = np.sqrt(2.0)
UNIFORM = np.sqrt(0.2)


@pytest.mark.parametrize(
    ("draw", "root_b"),
    [("standard_normal", NORMAL), ("standard_exponential", EXPONENTIAL), ("random", UNIFORM)],
)
def test_the_monte_carlo_error_is_the_sd_of_the_standard_error(draw: str, root_b: float) -> None:
    # The sd of s/σ is √((κ - 1)/4B), κ the kurtosis: 3, 9 and 1.8. Over 2000 runs its relative
    # error is near 1.6%; 8% is five of these.
    rng = np.random.default_rng(5)
    runs = np.array([standard_error(getattr(rng, draw)((400, 2)) * [1, 1e4]) for _ in range(2000)])
    relative = runs.std(axis=0, ddof=1) / runs.mean(axis=0)
    assert_allclose(relative, root_b / np.sqrt(400), rtol=0.08)
    one = getattr(rng, draw)((40_000, 2)) * [1, 1e4]
    ours = standard_error_mcse(one) / standard_error(one)
    assert_allclose(ours, root_b / np.sqrt(40_000), rtol=0.1)


def test_the_monte_carlo_error_scales_with_its_parameter() -> None:
    values = np.random.default_rng(0).normal(size=(99, 1)) * SCALES
    assert_allclose(standard_error_mcse(values) / SCALES, standard_error_mcse(values)[1])


def test_the_quantile_error_of_a_normal_is_its_standard_deviation() -> None:
    # sd of half the distance of the 84.13 and 15.87% quantiles: 1.17/√B; four of these.
    values = in_order(draws(3, 9999))
    found = quantile_standard_error(values, values) / SCALES
    spread = np.sqrt([1.0, 1.0, 0.98])
    assert np.all(np.abs(found / spread - 1) < 4 * 1.17 / np.sqrt(9999))


def test_the_quantile_error_of_a_cauchy_exists() -> None:
    # Half the distance of the quantiles of t₁ at ±1 of a normal: 1.8373; R: qt(pnorm(1), 1).
    values = in_order(np.random.default_rng(0).standard_cauchy((99_999, 2)) * [1.0, 1e5])
    found = quantile_standard_error(values, values) / [1.0, 1e5]
    assert_allclose(found, 1.8373, rtol=0.03)


@pytest.mark.parametrize("share", [0.1, 0.2])
def test_the_quantile_error_with_infinite_replicates(share: float) -> None:
    values = draws(4, 1000)
    values[: int(1000 * share), 1] = np.inf
    found = quantile_standard_error(in_order(values), in_order(values))
    assert np.isfinite(found[[0, 2]]).all()
    assert np.isinf(found[1]) == (share > 1 - norm.cdf(1))


def test_the_quantile_error_of_nothing_is_nothing() -> None:
    assert np.isnan(quantile_standard_error(np.empty((0, 2)), np.empty((0, 2)))).all()


def test_the_quantile_error_where_every_replicate_is_infinite() -> None:
    values = np.column_stack([np.full(50, np.inf), np.arange(50.0)])
    found = quantile_standard_error(values, values)
    assert not np.isfinite(found[0])
    assert np.isfinite(found[1])


FEW: list[tuple[Callable[[Floats], Floats], int]] = [
    (standard_error, 1),
    (standard_error, 0),
    (standard_error_mcse, 3),
    (standard_error_mcse, 0),
]


@pytest.mark.parametrize(("summary", "count"), FEW)
def test_too_few_replicates_have_no_spread(summary: Callable[[Floats], Floats], count: int) -> None:
    found = summary(np.ones((count, 2)))
    assert found.shape == (2,)
    assert np.isnan(found).all()


def test_covariances_of_too_few_replicates_are_nan() -> None:
    assert covariance(np.ones((1, 3))).shape == (3, 3)
    assert np.isnan(covariance(np.ones((1, 3)))).all()


def test_a_held_parameter_has_errors_of_zero() -> None:
    values = np.column_stack([np.full(50, 3.0), np.arange(50.0)])
    assert standard_error(values)[0] == 0
    assert standard_error_mcse(values)[0] == 0
    assert standard_error_mcse(values)[1] > 0


def test_monte_carlo_errors_are_the_sd_over_runs() -> None:
    # 2,000 runs: the sd over them has a relative error of 1.6%, four of which are 6.3%.
    runs = [draws(seed, 200) for seed in range(2000)]
    shifts = np.std([mean_shift(run) for run in runs], axis=0)
    assert_allclose(np.mean([mean_shift_mcse(run) for run in runs], axis=0), shifts, rtol=0.07)
    covariances = np.std([covariance(run) for run in runs], axis=0)
    stated = np.mean([covariance_mcse(run) for run in runs], axis=0)
    assert_allclose(stated, covariances, rtol=0.09)


def test_skewness_and_the_largest_share_of_the_variance() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=(99, 3)) * SCALES
    assert_allclose(skewness(values), stats.skew(values))
    squared = (values - values.mean(axis=0)) ** 2
    assert_allclose(largest_share(values), squared.max(axis=0) / squared.sum(axis=0))
    fixed = np.full((99, 2), 0.1)
    assert skewness(fixed).tolist() == largest_share(fixed).tolist() == [0.0, 0.0]


def test_each_parameter_and_pair_has_the_statistic_of_its_own_finite_replicates() -> None:
    values = draws(0, 99)
    values[:7, 1], values[5:20, 2], values[50, 0] = np.inf, np.nan, -np.inf
    own, pairs = of_finite(standard_error, values), of_finite_pairs(covariance, values)
    for i in range(3):
        assert_allclose(own[i], np.std(values[np.isfinite(values[:, i]), i], ddof=1))
        for j in range(3):
            both = values[np.isfinite(values[:, [i, j]]).all(axis=1)][:, [i, j]]
            assert_allclose(pairs[i, j], np.cov(both, rowvar=False)[0, 1], rtol=1e-9)
