"""Intervals against theory and R's boot.ci, at two levels and unequal scales."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.stats import expon, norm

from bootmle import Bootstrap
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.inference.intervals import ConfidenceInterval, ReplicateArrays
from bootmle.inference.order_statistics import order_level, order_quantile, order_quantile_mcse

Floats = NDArray[np.float64]
LEVELS = pytest.mark.parametrize("level", [0.90, 0.95])
TWO = np.array([1.0, -1000.0])


def interval(
    values: Floats,
    estimate: Floats,
    method: str = "percentile",
    confidence_level: float = 0.95,
    alternative: str = "two-sided",
) -> ConfidenceInterval:
    names = tuple(f"x{j + 1}" for j in range(estimate.size))
    with np.errstate(invalid="ignore"):
        bias = values.mean(axis=0) - estimate
    arrays = ReplicateArrays(names, estimate, values, bias)
    return METHODS[method].of(arrays).interval(confidence_level, alternative)


def counting(count: int) -> Floats:
    """Columns 1 ... B and -1000 ... -1000 B: endpoints are ranks that can be read off."""
    return np.arange(1.0, count + 1)[:, None] * TWO


@pytest.mark.parametrize(
    ("level", "low", "high"), [(0.90, 50.0, 950.0), (0.95, 25.0, 975.0), (0.99, 5.0, 995.0)]
)
def test_percentile_ends_are_the_order_statistics_of_rank_b_plus_one_alpha(
    level: float, low: float, high: float
) -> None:
    # Davison and Hinkley (1997), section 5.2: with R = 999 these ranks are whole.
    bounds = interval(counting(999), 500 * TWO, confidence_level=level)
    assert_allclose(bounds.low, [low, -1000 * high])
    assert_allclose(bounds.high, [high, -1000 * low])


@LEVELS
def test_basic_ends_are_the_percentile_ones_reflected_at_the_estimate(level: float) -> None:
    values = np.random.default_rng(0).exponential(size=(999, 2)) * [1.0, 1000.0]
    estimate = np.array([0.7, 900.0])
    plain = interval(values, estimate, confidence_level=level)
    basic = interval(values, estimate, method="basic", confidence_level=level)
    assert_allclose(basic.low, 2 * estimate - plain.high)
    assert_allclose(basic.high, 2 * estimate - plain.low)
    assert_allclose(basic.low_mcse, plain.high_mcse)
    assert_allclose(basic.high_mcse, plain.low_mcse)


@LEVELS
def test_normal_ends_are_centred_at_the_bias_corrected_estimate(level: float) -> None:
    # Davison and Hinkley (1997), equation (5.4), with the bias as in R's boot.ci.
    values = np.random.default_rng(0).exponential(size=(999, 2)) * [1.0, 1000.0]
    estimate = np.array([0.7, 900.0])
    bounds = interval(values, estimate, method="normal", confidence_level=level)
    half = norm.ppf(0.5 + level / 2) * values.std(axis=0, ddof=1)
    assert_allclose(bounds.low, 2 * estimate - values.mean(axis=0) - half)
    assert_allclose(bounds.high, 2 * estimate - values.mean(axis=0) + half)


@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
@LEVELS
def test_intervals_of_normal_replicates_are_normal(method: str, level: float) -> None:
    # Every endpoint within four Monte Carlo errors of theory: a false-alarm rate of 6e-5 each.
    count, scale, center = 9999, np.array([1e-3, 1e3]), np.array([5.0, -2000.0])
    values = center + scale * np.random.default_rng(6).normal(size=(count, 2))
    bounds = interval(values, center, method=method, confidence_level=level)
    reach = norm.ppf(0.5 + level / 2) * scale
    tail = (1 - level) / 2
    error = np.sqrt(tail * (1 - tail) / count) / norm.pdf(norm.ppf(tail)) * scale
    assert np.all(np.abs(bounds.low - center + reach) < 4 * error)
    assert np.all(np.abs(bounds.high - center - reach) < 4 * error)


@LEVELS
@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
def test_monte_carlo_errors_are_the_sd_of_the_ends_over_runs(method: str, level: float) -> None:
    # 400 runs: the sd over runs has a relative error of 3.5%, the mean of ours less.
    rng, scale = np.random.default_rng(7), np.array([1.0, 1e5])
    found = []
    for _ in range(400):
        values = rng.normal(size=(999, 2)) * scale
        bounds = interval(values, np.zeros(2), method=method, confidence_level=level)
        found.append([bounds.low, bounds.high, bounds.low_mcse, bounds.high_mcse])
    low, high, low_error, high_error = np.array(found).transpose(1, 0, 2)
    assert_allclose(low_error.mean(axis=0), low.std(axis=0), rtol=0.2)
    assert_allclose(high_error.mean(axis=0), high.std(axis=0), rtol=0.2)


RUNS = 2000


def assert_errors_over_runs(values: Floats, method: str, level: float, within: float) -> None:
    """Compare our errors, in the mean over columns, with the ends' standard deviation over them.

    That of 2000 ends has a relative error of 1.6%, of 3% where they are exponential extremes.
    """
    ends = interval(values, np.zeros(RUNS), method=method, confidence_level=level)
    assert ends.low_mcse.mean() == pytest.approx(ends.low.std(), rel=within)
    assert ends.high_mcse.mean() == pytest.approx(ends.high.std(), rel=within)


@pytest.mark.parametrize("scale", [1.0, 1e5])
@pytest.mark.parametrize("method", ["percentile", "basic"])
@pytest.mark.parametrize(("count", "level"), [(39, 0.95), (199, 0.99), (199, 0.95), (59, 0.95)])
def test_monte_carlo_errors_of_the_fewest_replicates(
    count: int, level: float, method: str, scale: float
) -> None:
    values = scale * np.random.default_rng(8).normal(size=(count, RUNS))
    assert_errors_over_runs(values, method, level, within=0.25)


@pytest.mark.parametrize("side", [1.0, -1e5])
@pytest.mark.parametrize("count", [199, 999])
@LEVELS
def test_monte_carlo_errors_of_normal_ends_know_of_skewness(
    level: float, count: int, side: float
) -> None:
    # Of skewed replicates the mean and the spread vary together: one end errs more than the other.
    values = side * np.random.default_rng(9).exponential(size=(count, RUNS))
    assert_errors_over_runs(values, "normal", level, within=0.15)


@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
@LEVELS
def test_one_sided_ends_are_those_of_the_two_sided_interval_of_twice_the_tail(
    method: str, level: float
) -> None:
    values = np.random.default_rng(0).exponential(size=(999, 2)) * [1.0, 1000.0]
    options: dict[str, Any] = {"estimate": np.array([0.7, 900.0]), "method": method}
    whole = interval(values, **options, confidence_level=2 * level - 1)
    less = interval(values, **options, confidence_level=level, alternative="less")
    greater = interval(values, **options, confidence_level=level, alternative="greater")
    assert_allclose(less.high, whole.high, rtol=1e-12)
    assert_allclose(greater.low, whole.low, rtol=1e-12)
    assert np.all(less.low == -np.inf)
    assert np.all(greater.high == np.inf)
    assert_allclose(less.high_mcse, whole.high_mcse, rtol=1e-9)
    assert_allclose(greater.low_mcse, whole.low_mcse, rtol=1e-9)


def test_ends_between_ranks_are_interpolated_on_the_normal_scale() -> None:
    # R: boot:::norm.inter(1:100, 0.05) is 5.0499 in its second column.
    ((value, other),) = [order_quantile(counting(100)[::1], 0.05)]
    z = norm.ppf(np.array([0.05, 5 / 101, 6 / 101]))
    expected = 5 + (z[0] - z[1]) / (z[2] - z[1])
    assert value == pytest.approx(expected, rel=1e-12)
    assert other == pytest.approx(-1000 * expected, rel=1e-12)
    assert value == pytest.approx(5.0519, abs=2e-3)


@pytest.mark.parametrize("method", ["PERCENTILE", "Percentile", "percentile"])
def test_the_method_may_be_in_any_case(boot_of: Callable[..., Bootstrap], method: str) -> None:
    bounds = boot_of(50 * TWO, counting(99)).confidence_interval(method, 0.9)
    assert_allclose(bounds.low, [5.0, -95_000.0])


@LEVELS
def test_infinite_replicates_push_an_end_only_where_their_share_exceeds_the_tail(
    level: float,
) -> None:
    tail = round(1000 * (1 - level) / 2)
    for n_infinite in (tail - 1, tail, tail + 1):
        values = counting(999)
        values[999 - n_infinite :, 0] = np.inf
        bounds = interval(values, 500 * TWO, confidence_level=level)
        assert np.isinf(bounds.high[0]) == (n_infinite >= tail)
        assert bounds.low[0] == tail
        assert np.isfinite([bounds.low[1], bounds.high[1]]).all()


@LEVELS
@pytest.mark.parametrize("method", ["percentile", "basic"])
def test_an_end_between_an_infinite_replicate_and_a_finite_one_is_infinite(
    method: str, level: float
) -> None:
    # B = 1000: the rank 25.025 (or 50.05) lies between two order statistics.
    lower = round(1000 * (1 - level) / 2)
    for sign in (1.0, -1.0):
        values = np.column_stack([sign * np.arange(1.0, 1001), np.arange(1.0, 1001)])
        values[np.argsort(values[:, 0])[:lower], 0] = -np.inf
        bounds = interval(values, np.zeros(2), method=method, confidence_level=level)
        end = bounds.low[0] if method == "percentile" else -bounds.high[0]
        assert end == -np.inf
        assert np.isfinite([bounds.low[1], bounds.high[1]]).all()


def test_replicates_of_undetermined_sign_widen_both_ends() -> None:
    values = counting(999)
    values[:30, 0] = np.nan
    bounds = interval(values, 500 * TWO, confidence_level=0.95)
    assert (bounds.low[0], bounds.high[0]) == (-np.inf, np.inf)
    bounds = interval(values, 500 * TWO, confidence_level=0.90)
    assert np.isfinite([bounds.low[0], bounds.high[0]]).all()


@pytest.mark.parametrize(("level", "enough"), [(0.90, 19), (0.95, 39), (0.99, 199)])
def test_levels_that_the_replicates_cannot_show_are_refused(level: float, enough: int) -> None:
    interval(counting(enough), 10 * TWO, confidence_level=level)
    with pytest.raises(ValueError, match=f"at least {enough} replicates, there are {enough - 1}"):
        interval(counting(enough - 1), 10 * TWO, confidence_level=level)


def test_the_smallest_run_that_shows_a_level_has_its_ends_at_the_extremes() -> None:
    bounds = interval(counting(39), 20 * TWO, confidence_level=0.95)
    assert_allclose([bounds.low[0], bounds.high[0]], [1.0, 39.0])


def test_the_monte_carlo_error_of_the_extremes_is_finite() -> None:
    errors = order_quantile_mcse(counting(39) * [1, -1], 0.025)
    assert np.isfinite(errors).all()
    assert np.all(errors > 0)


def test_an_interval_of_equal_replicates_is_a_point() -> None:
    values = np.full((99, 2), 3.0)
    for method in ("percentile", "basic", "normal"):
        bounds = interval(values, np.full(2, 3.0), method=method)
        assert_allclose([bounds.low, bounds.high], 3.0)


@pytest.mark.parametrize("lowest", [False, True])
@pytest.mark.parametrize("infinite", [0, 3])
def test_the_level_of_a_quantile_is_its_own(lowest: bool, infinite: int) -> None:
    values = np.sort(np.random.default_rng(2).gamma(2.0, size=(99, 2)), axis=0) * [1.0, 1e5]
    values[:infinite, 0], values[99 - infinite :, 1] = -np.inf, np.inf
    for level in np.linspace(0.045, 0.955, 40):
        at = order_quantile(values, float(level))
        assert_allclose(order_level(values, at, lowest=lowest), level, rtol=1e-9)


def test_levels_between_and_beyond_infinite_replicates() -> None:
    values = np.array([-np.inf, -np.inf, 1.0, 2.0, np.inf])[:, None] * [1.0, 2.0]
    # Every quantile below rank 3 is -inf, every one above rank 4 inf.
    for lowest in (False, True):
        assert_allclose(order_level(values, np.array([0.0, 0.0]), lowest=lowest), 3 / 6)
        assert_allclose(order_level(values, np.array([9.0, 9.0]), lowest=lowest), 4 / 6)
    assert order_level(values[2:4], np.array([0.5, 5.0])).tolist() == [0.0, 1.0]
    assert np.isnan(order_level(values, np.array([np.nan, 2.0]))).tolist() == [True, False]


@pytest.mark.parametrize("count", [199, 999])
@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_true_ends_lie_within_two_monte_carlo_errors(draw: str, count: int) -> None:
    # Each share of 8,000 has an error of 0.24%: 3 of them to each side, of 8, are 2% false alarms.
    rng, law = np.random.default_rng(10), {"normal": norm, "exponential": expon}[draw]
    ends = interval(getattr(rng, draw)(size=(count, 8000)), np.zeros(8000), confidence_level=0.95)
    for end, error, level in (
        (ends.low, ends.low_mcse, 0.025),
        (ends.high, ends.high_mcse, 0.975),
    ):
        inside = 100 * np.mean(np.abs(end - law.ppf(level)) <= 2 * error)
        assert 92.3 < inside < 98.2


def test_a_printed_interval_names_parameters_and_has_the_digits_of_its_width() -> None:
    low, high = np.array([1.23456, -4100.0]), np.array([1.63456, np.inf])
    errors = np.array([0.00123, 40.0]), np.array([0.0, 0.0])
    shown = str(ConfidenceInterval(low, high, *errors, ("rate", "a long name")))
    assert [line.split() for line in shown.splitlines()] == [
        ["low", "±", "MC", "high", "±", "MC"],
        ["rate", "1.235", "0.001", "1.635", "0.000"],
        ["a", "long", "name", "-4100", "40", "inf"],
    ]
    none = np.zeros(1)
    exact = ConfidenceInterval(none, none + 2, none, none)
    assert str(exact).split() == ["low", "high", "x1", "0.000", "2.000"]
    assert "&lt;b&gt;" in ConfidenceInterval(low, high, *errors, ("rate", "<b>"))._repr_html_()
