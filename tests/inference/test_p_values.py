"""P-values against the intervals that they invert, and closed forms."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bootmle import Bootstrap, Estimator, Status, bootstrap
from bootmle.bootstrapping.interval_kinds import METHODS
from bootmle.inference.intervals import Need
from bootmle.refitting.leave_one_out import LeaveOneOut

RANKS = np.arange(1.0, 1000.0)
UNITS = np.array([1.0, 2000.0])
BootOf = Callable[..., Bootstrap]


OTHERS = {Need.EXPANSION, Need.LEVELS, Need.CLUSTERS, Need.ROOTS, Need.SCORES}
OF_REPLICATES = [name for name, kind in METHODS.items() if not kind.needs & OTHERS]
ALTERNATIVES = ("two-sided", "less", "greater")


def moments(y: Any) -> Any:
    return {"mean": y.mean(), "sd": 1000 * y.std()}


def errors_of_moments(y: Any) -> Any:
    fourth = ((y - y.mean()) ** 4).mean() - y.var() ** 2
    return [y.std(ddof=1) / y.size**0.5, 1000 * (fourth / y.size) ** 0.5 / (2 * y.std())]


@cache
def skewed(count: int = 1999, rng: int = 0) -> Bootstrap:
    """Mean and spread of 40 skewed numbers: every kind of interval there is."""
    y = np.random.default_rng(3).gamma(2.0, size=40)
    estimator = Estimator(moments, y, standard_error=errors_of_moments)
    return bootstrap(estimator, n_resamples=count, rng=rng)


@pytest.fixture
def boot(boot_of: BootOf) -> Bootstrap:
    return boot_of(500 * UNITS, RANKS[:, None] * UNITS)


@pytest.mark.parametrize(
    ("null", "alternative", "expected"),
    [
        # B = 999: the interval of level 1 - α ends at ranks 1000 α/2 and 1000 (1 - α/2).
        (25.5, "two-sided", 0.051),
        (974.5, "two-sided", 0.051),
        (50.5, "greater", 0.0505),
        (950.5, "greater", 0.9505),
        (950.5, "less", 0.0495),
    ],
)
def test_a_percentile_p_value_is_read_off_the_ranks(
    boot: Bootstrap, null: float, alternative: str, expected: float
) -> None:
    found = boot.p_value(null * UNITS, alternative=alternative)
    assert_allclose(found, [expected] * 2, atol=1.01e-3)


@pytest.mark.parametrize("method", OF_REPLICATES)
@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_an_endpoint_has_the_p_value_of_its_level(
    method: str, alternative: str, level: float
) -> None:
    bounds = skewed().confidence_interval(method, level, alternative)
    ends = {"two-sided": (bounds.low, bounds.high), "less": (bounds.high,)}
    for end in ends.get(alternative, (bounds.low,)):
        assert_allclose(skewed().p_value(end, method, alternative), 1 - level, rtol=1e-9)


@pytest.mark.parametrize("method", OF_REPLICATES)
@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("distance", [-1.7, -0.9, 0.4, 1.1])
def test_the_interval_of_level_one_minus_p_touches_the_null(
    method: str, alternative: str, distance: float
) -> None:
    boot = skewed()
    null = boot.estimate + distance * boot.standard_error
    for j, p in enumerate(boot.p_value(null, method, alternative)):
        assert 2 / 2000 < p < 1
        # Users are refused levels below 0.5, which many take for their complement.
        bounds = boot._prepared(method).interval(1 - p, alternative)
        away = np.abs(np.array([bounds.low[j], bounds.high[j]]) - null[j])
        assert away.min() < 1e-9 * boot.standard_error[j]


@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_a_value_is_left_out_where_its_p_value_is_below_the_level(
    boot_of: BootOf, method: str, alternative: str, level: float
) -> None:
    draws = np.random.default_rng(1).gamma(3.0, size=(999, 2)) * UNITS
    boot = boot_of(3 * UNITS, draws)
    bounds = boot.confidence_interval(method, level, alternative)
    for null in np.linspace(0.0, 9.0, 7):
        outside = (null * UNITS < bounds.low) | (null * UNITS > bounds.high)
        found = boot.p_value(null * UNITS, method, alternative)
        clear = np.abs(found - (1 - level)) > 1e-9
        assert np.array_equal((found < 1 - level)[clear], outside[clear])


def test_a_normal_p_value_is_that_of_the_normal_distribution(boot: Bootstrap) -> None:
    error = boot.standard_error
    for null in (300.0, 650.0):
        centre = boot.estimate - boot.bias
        expected = 2 * stats.norm.sf(np.abs(centre - null * UNITS) / error)
        assert_allclose(boot.p_value(null * UNITS, "normal"), expected, rtol=1e-6)


def test_the_smallest_p_value_is_what_the_replicates_can_show(boot: Bootstrap) -> None:
    assert_allclose(boot.p_value(-1.0), 2 / 1000)
    assert_allclose(boot.p_value(-1.0, alternative="greater"), 1 / 1000)


def test_a_value_in_the_middle_has_a_p_value_of_one(boot: Bootstrap) -> None:
    assert_allclose(boot.p_value(500 * UNITS), 1.0, atol=2e-3)


def test_parameters_that_are_not_identified_have_none(boot_of: BootOf) -> None:
    boot = boot_of(500 * UNITS, RANKS[:, None] * UNITS, not_identified=("x1",))
    assert np.isnan(boot.p_value(300 * UNITS)).tolist() == [True, False]


@pytest.mark.parametrize("null", [[1.0, 2.0, 3.0], "a", "0", np.nan, [1.0, np.nan], True, [1j, 0]])
def test_null_values_of_another_number_are_refused(boot: Bootstrap, null: Any) -> None:
    with pytest.raises(ValueError, match=r"null: .*; pass one number, or 2"):
        boot.p_value(null)


@pytest.mark.parametrize(
    ("null", "said"), [({"x1": "a"}, "'x1' is 'a'"), (pd.Series({"x3": 0.0}), r"'x3' is not")]
)
def test_a_mapping_of_null_values_is_read(boot: Bootstrap, null: Any, said: str) -> None:
    with pytest.raises(ValueError, match=f"null: {said}"):
        boot.p_value(null)


def test_null_values_go_by_name(boot: Bootstrap) -> None:
    values = 300 * UNITS
    expected = boot.p_value(values)
    assert_allclose(boot.p_value(pd.Series({"x2": values[1], "x1": values[0]})), expected)
    assert_allclose(boot.p_value({"x2": values[1]}), [np.nan, expected[1]])


@pytest.mark.parametrize("method", ["percentile", "basic", "normal", "studentized"])
def test_a_null_far_outside_has_the_smallest_p_value_at_any_number_of_replicates(
    method: str,
) -> None:
    for count in (2, 3, 20, 1999):
        boot = skewed(count)
        smallest = 0.0 if method == "normal" else 1 / (count + 1)
        far = 1e9 * UNITS
        for null, alternative in ((-far, "greater"), (far, "less")):
            assert_allclose(boot.p_value(null, method, alternative), smallest, atol=1e-12)
            assert_allclose(boot.p_value(null, method), 2 * smallest, atol=1e-12)
        for null, alternative in ((far, "greater"), (-far, "less")):
            assert_allclose(boot.p_value(null, method, alternative), 1.0)


@pytest.mark.parametrize("count", [2, 3, 20, 1999])
def test_beyond_the_outermost_replicate_a_bca_p_value_is_that_at_it(count: int) -> None:
    boot = skewed(count, rng=1)  # of which two replicates lie on both sides of the estimate
    far, ends = 1e9 * UNITS, (boot.replicates.min(axis=0), boot.replicates.max(axis=0))
    for null, end, alternative in zip((-far, far), ends, ("greater", "less"), strict=True):
        found = boot.p_value(null, "bca", alternative)
        nudged = end + 1e-9 * (null - end) / np.abs(null)
        assert_allclose(found, boot.p_value(nudged, "bca", alternative))
        assert np.all(found >= 1 / (count + 1))
        assert_allclose(boot.p_value(-null, "bca", alternative), 1.0)


@pytest.mark.parametrize("method", OF_REPLICATES)
def test_one_sided_p_values_are_the_two_tails(method: str) -> None:
    boot = skewed()
    for distance in (-1.0, 0.0, 0.7):
        null = boot.estimate + distance * boot.standard_error
        both, less, greater = (boot.p_value(null, method, each) for each in ALTERNATIVES)
        assert_allclose(less + greater, 1.0, rtol=1e-9)
        assert_allclose(both, 2 * np.minimum(less, greater), rtol=1e-9)


def test_a_bca_p_value_is_efrons_formula_inverted() -> None:
    """On 2,000,000 resampled means: p = 0.0677 (percentile 0.0665, the t test 0.075).

    The sd of p over runs of B = 999 is 0.0155 (1,000 of them): four at B = 9,999 are 0.02.
    """
    y = np.random.default_rng(243).normal(0.25, 1.0, 50)
    mean = Estimator(lambda y: [y.mean(), -1000 * y.mean()], y)
    boot = bootstrap(mean, n_resamples=9999, rng=0)
    assert_allclose(boot.p_value(0.0, "bca"), 0.0677, atol=0.02)
    assert_allclose(boot.p_value(0.0), 0.0665, atol=0.02)
    # The same formula, written out, on the same replicates.
    draws, units = boot.replicates[:, 0], np.sort(y)
    share = (1 + np.sum(draws <= 0)) / 10_000
    shift = stats.norm.ppf(np.mean(draws < y.mean()))
    pulls = units - units.mean()
    a = np.sum(pulls**3) / (6 * np.sum(pulls**2) ** 1.5)
    reach = stats.norm.ppf(share) - shift
    expected = 2 * stats.norm.cdf(reach / (1 + a * reach) - shift)
    # The rank lies between two replicates: at most 1 / (B + 1) of the tail, doubled.
    assert_allclose(boot.p_value(0.0, "bca"), expected, atol=3e-4)


def test_a_studentized_p_value_of_a_normal_mean_is_students() -> None:
    """B = 9,999: the error of a tail of 0.02 is 0.0014, and p's within 4 of them.

    Edgeworth terms of one sample's skewness, of order 1 / √n, are allowed 0.01 besides.
    """
    y = np.random.default_rng(2).normal(size=12)
    y = np.concatenate([y, 2 * y.mean() - y])  # symmetric: no skewness
    mean = Estimator(
        lambda y: [y.mean(), 1000 * y.mean()],
        y,
        standard_error=lambda y: y.std(ddof=1) / y.size**0.5 * UNITS * [1.0, 0.5],
    )
    boot = bootstrap(mean, n_resamples=9999, rng=0)
    error = y.std(ddof=1) / y.size**0.5
    for distance in (2.1, -2.1):
        null = (y.mean() + distance * error) * np.array([1.0, 1000.0])
        expected = 2 * stats.t.sf(abs(distance), y.size - 1)
        assert_allclose(boot.p_value(null, "studentized"), expected, atol=0.016)


def test_basic_p_values_are_the_percentile_ones_of_the_reflected_null() -> None:
    boot = skewed()
    null = boot.estimate + boot.standard_error * [1.2, -0.3]
    reflected = boot.p_value(2 * boot.estimate - null, "percentile")
    assert_allclose(boot.p_value(null, "basic"), reflected, rtol=1e-9)


def test_a_monotone_function_maps_the_null(boot_of: BootOf) -> None:
    draws = 5 + np.random.default_rng(1).gamma(3.0, size=(999, 2))
    boot = boot_of([8.0, 8.0], draws * UNITS)
    null = np.array([6.2, 2000 * 9.0])
    derived = boot.derive(np.log)
    for alternative in ALTERNATIVES:
        expected = boot.p_value(null, alternative=alternative)
        found = derived.p_value(np.log(null), alternative=alternative)
        assert_allclose(found, expected, atol=1e-3)


def test_infinite_replicates_count_and_leave_no_normal_p_value(boot_of: BootOf) -> None:
    values, states = RANKS[:, None] * UNITS, np.full(999, Status.CERTIFIED)
    values[-100:, 0], states[-100:] = np.inf, Status.NO_FINITE_OPTIMUM
    boot = boot_of(500 * UNITS, values, states)
    # 100 of 999 replicates are infinite: no value is beyond them.
    found = boot.p_value([1e9, 1e9], alternative="less")
    assert_allclose(found, [0.101, 0.001])
    assert_allclose(boot.p_value(np.inf, alternative="less"), [0.101, 0.001])
    assert boot.confidence_interval("percentile", 0.9, "less").high[0] == np.inf
    reason = "100 of 999 replicates have no finite optimum"
    with pytest.warns(UserWarning, match=f"the p-value is nan for x1: {reason}"):
        normal = boot.p_value(0.0, "normal")
    assert np.isnan(normal).tolist() == [True, False]
    with pytest.warns(UserWarning, match=f"an end is nan for x1: {reason}"):
        boot.confidence_interval("normal")


def test_ties_are_inside_the_interval_that_ends_at_them(boot_of: BootOf) -> None:
    values = np.repeat([1.0, 2.0, 3.0], 333)[:, None] * UNITS
    boot = boot_of(2 * UNITS, values)
    # Ranks 334 to 666 of 999 are at 2: its upper tail is 1 - 0.334, its lower one 0.666.
    assert_allclose(boot.p_value(2 * UNITS, alternative="greater"), 0.666)
    assert_allclose(boot.p_value(2 * UNITS, alternative="less"), 1 - 0.334)
    assert_allclose(boot.p_value(2 * UNITS), 1.0)
    assert_allclose(boot.p_value(1 * UNITS), 2 * 0.333)
    assert_allclose(boot.p_value(0.999 * UNITS), 0.002)


@pytest.mark.parametrize("method", OF_REPLICATES)
def test_a_fixed_parameter_has_its_value_and_no_other(method: str) -> None:
    y = np.random.default_rng(3).gamma(2.0, size=40)
    estimator = Estimator(
        lambda y: [y.mean(), 3.0], y, standard_error=lambda y: [y.std() / 40**0.5, 0.0]
    )
    boot = bootstrap(estimator, n_resamples=99, rng=0)
    assert boot.p_value(3.0, method)[1] == 1.0
    assert boot.p_value(3.001, method)[1] == (0.0 if method == "normal" else 0.02)
    bounds = boot.confidence_interval(method, 0.8)
    assert (bounds.low[1], bounds.high[1]) == (3.0, 3.0)


def test_an_own_error_of_zero_studentizes_nothing_that_varies() -> None:
    y = np.random.default_rng(3).gamma(2.0, size=40)
    estimator = Estimator(
        lambda y: [y.mean(), y.max()], y, standard_error=lambda y: [y.std() / 40**0.5, 0.0]
    )
    boot = bootstrap(estimator, n_resamples=99, rng=0)
    with pytest.warns(UserWarning, match="nan for x2: its own standard error is 0"):
        bounds = boot.confidence_interval("studentized", 0.8)
    with pytest.warns(UserWarning, match="the p-value is nan for x2: its own standard error is 0"):
        tested = boot.p_value(0.0, "studentized")
    assert np.isnan([bounds.low[1], bounds.high[1], tested[1]]).all()


def test_bca_without_a_correction_says_so_or_has_no_p_value(boot_of: BootOf) -> None:
    jackknife = LeaveOneOut.known(RANKS[:50, None] * UNITS, np.zeros(50, dtype=np.intp))
    boot = boot_of(2000 * UNITS, RANKS[:, None] * UNITS, leave_one_out=jackknife)
    with pytest.raises(ValueError, match="'bca' has no correction for x1: all its replicates lie"):
        boot.confidence_interval("bca")
    with pytest.warns(
        UserWarning, match="p-value is nan for x1, x2: all its replicates lie on one"
    ):
        assert np.isnan(boot.p_value(0.0, "bca")).all()


@pytest.mark.parametrize("method", ["percentile", "basic", "bca", "studentized"])
@pytest.mark.parametrize("alternative", ["less", "greater"])
def test_endpoints_beside_infinite_replicates_have_the_p_value_of_their_level(
    boot_of: BootOf, method: str, alternative: str
) -> None:
    rng = np.random.default_rng(5)
    values, states = rng.gamma(3.0, size=(999, 2)), np.full(999, Status.CERTIFIED)
    values[:40, 0], values[40:60, 0] = np.inf, -np.inf
    states[:60] = Status.NO_FINITE_OPTIMUM
    jackknife = LeaveOneOut.known(rng.gamma(3.0, size=(50, 2)) * UNITS, np.zeros(50, dtype=np.intp))
    boot = boot_of(
        2.7 * UNITS,
        values * UNITS,
        states,
        leave_one_out=jackknife,
        own_standard_error=UNITS,
    )
    errors = rng.uniform(1, 2, (999, 2)) * UNITS
    errors[:60, 0] = np.nan
    boot = replace(boot, data=replace(boot.data, standard_errors=errors))
    for level in (0.6, 0.8, 0.99):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            bounds = boot.confidence_interval(method, level, alternative)
        said = [str(each.message) for each in warned]
        why = "an end is infinite for x1: 60 of 999 replicates have no finite value, or no standard"
        assert any(why in each for each in said) == (level > 0.9 and method == "studentized")
        end = bounds.high if alternative == "less" else bounds.low
        finite = np.isfinite(end)
        assert finite[1]
        assert finite[0] == (level < 0.9)
        found = boot.p_value(np.where(finite, end, 0.0), method, alternative)
        assert_allclose(found[finite], 1 - level, rtol=1e-9)
        # Where the interval has no end, no value is beyond it.
        far = boot.p_value(1e9 * UNITS * (1 if alternative == "less" else -1), method, alternative)
        assert far[0] > 0.01
        assert far[1] < 0.01


def test_a_linear_function_keeps_bca_p_values() -> None:
    boot = skewed()
    derived = boot.derive(lambda params: -3 * params)
    null = boot.estimate + 0.8 * boot.standard_error
    found = derived.p_value(-3 * null, "bca", "less")
    assert_allclose(found, boot.p_value(null, "bca", "greater"), rtol=1e-9)
