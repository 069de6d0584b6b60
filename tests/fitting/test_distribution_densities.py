"""Densities of values and of censored ones, against SciPy's and against known tails."""

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from scipy.stats import CensoredData

from bootmle.fitting.distribution_densities import CensoredDensity, Density, read_ends

pytestmark = pytest.mark.usefixtures("within_a_verb")

PARAMS = np.array([2.0, 0.0, 30.0])


def between(low: float, high: float, family: Any = stats.norm) -> float:
    params = np.array([0.0, 1.0])
    nll = CensoredDensity(family)(params, np.array([low]), np.array([high]))
    return float(np.exp(-nll[0]))


def test_values_have_scipys_density_or_probability() -> None:
    y = np.array([1.0, 5.0, 80.0])
    assert_allclose(Density(stats.gamma)(PARAMS, y), -stats.gamma.logpdf(y, 2.0, 0.0, 30.0))
    k = np.array([0.0, 3.0])
    params = np.array([4.0, 0.0])
    assert_allclose(Density(stats.poisson)(params, k), -stats.poisson.logpmf(k, 4.0))


def test_outside_the_support_and_outside_the_domain_nothing_is_finite() -> None:
    y = np.array([-1.0, 2.0])
    assert Density(stats.gamma)(PARAMS, y)[0] == np.inf
    assert np.isnan(Density(stats.gamma)(np.array([-2.0, 0.0, 30.0]), y)[1])


def test_each_kind_of_censoring_has_its_probability() -> None:
    lower = np.array([10.0, -np.inf, 40.0, 5.0])
    upper = np.array([10.0, 20.0, np.inf, 60.0])
    F = stats.gamma(2.0, scale=30.0)
    expected = [F.pdf(10), F.cdf(20), F.sf(40), F.cdf(60) - F.cdf(5)]
    assert_allclose(np.exp(-CensoredDensity(stats.gamma)(PARAMS, lower, upper)), expected)
    order = np.array([2, 0, 3, 1])
    moved = CensoredDensity(stats.gamma)(PARAMS, lower[order], upper[order])
    assert_array_equal(moved, CensoredDensity(stats.gamma)(PARAMS, lower, upper)[order])


@pytest.mark.parametrize("sign", [1, -1])
def test_probabilities_between_far_ends_keep_their_digits(sign: int) -> None:
    # Q(10) = 7.61985302416052e-24 and Q(11) = 1.91065957449868e-28 (Abramowitz and Stegun, 26.2).
    ends = sorted([10.0 * sign, 11.0 * sign])
    assert between(*ends) == pytest.approx(
        7.61985302416052e-24 - 1.91065957449868e-28, rel=1e-10, abs=0
    )


class Rounded(stats.rv_continuous):
    """The exponential with plain logarithms of probabilities, as of distributions of one's own."""

    def _cdf(self, x: Any, *shapes: Any) -> Any:
        return -np.expm1(-x)

    def _sf(self, x: Any, *shapes: Any) -> Any:
        return np.exp(-x)

    def _logcdf(self, x: Any, *shapes: Any) -> Any:
        return np.log(self._cdf(x))

    def _logsf(self, x: Any, *shapes: Any) -> Any:
        return np.log(self._sf(x))


def test_the_smaller_tail_is_taken_where_the_larger_rounds_to_one() -> None:
    for family in (stats.expon, Rounded(a=0.0)):
        tail = np.exp(-50.0) - np.exp(-60.0)
        assert between(50.0, 60.0, family) == pytest.approx(tail, rel=1e-10, abs=0)
        assert between(1e-18, 3e-18, family) == pytest.approx(2e-18, rel=1e-10, abs=0)


def test_narrow_intervals_have_the_density_times_their_width() -> None:
    for low in (-3.0, -0.01, 0.01, 3.0):
        assert between(low, low + 1e-6) == pytest.approx(
            1e-6 * stats.norm.pdf(low), rel=1e-5, abs=0
        )
    assert between(-1.0, 1.0) == pytest.approx(0.682689492137086, rel=1e-12, abs=0)


def test_an_interval_may_begin_outside_the_support() -> None:
    nll: Any = CensoredDensity(stats.gamma)(PARAMS, np.array([-5.0, 0.0]), np.array([20.0, 20.0]))
    assert_allclose(nll, -stats.gamma.logcdf(20.0, 2.0, scale=30.0))


def test_ends_stand_in_the_order_of_censored_data() -> None:
    data: Any = CensoredData(
        uncensored=[1.0, 2.0], left=[3.0], right=[4.0, 5.0], interval=[[6.0, 7.0], [0.0, 9.0]]
    )
    lower, upper = read_ends(data)
    assert lower.tolist() == [1.0, 2.0, -np.inf, 4.0, 5.0, 6.0, 0.0]
    assert upper.tolist() == [1.0, 2.0, 3.0, np.inf, np.inf, 7.0, 9.0]
    assert len(lower) == len(data)
