"""P-values against the intervals that they invert, and closed forms."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bootmle import Bootstrap

RANKS = np.arange(1.0, 1000.0)
UNITS = np.array([1.0, 2000.0])
BootOf = Callable[..., Bootstrap]


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


@pytest.mark.parametrize("method", ["percentile", "basic", "normal"])
@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
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


@pytest.mark.parametrize("null", [[1.0, 2.0, 3.0], "a", np.nan, [1.0, np.nan], {"x1": 0}])
def test_null_values_of_another_number_are_refused(boot: Bootstrap, null: Any) -> None:
    with pytest.raises(ValueError, match=r"null: .*; pass one number, or 2"):
        boot.p_value(null)
