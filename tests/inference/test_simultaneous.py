"""Simultaneous intervals against Šidák's quantile and the replicates' own share."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from bootmle import Bootstrap

BootOf = Callable[..., Bootstrap]
UNITS = np.array([1e-6, 1.0, 1e6])
LEVELS = pytest.mark.parametrize("level", [0.8, 0.95])


@LEVELS
def test_independent_normal_replicates_have_sidaks_quantile(boot_of: BootOf, level: float) -> None:
    draws = np.random.default_rng(0).normal(size=(19_999, 3)) * UNITS
    boot = boot_of(np.zeros(3), draws)
    bounds = boot.simultaneous(level)
    critical = stats.norm.ppf((1 + level ** (1 / 3)) / 2)
    # Four Monte Carlo errors, of both ends of three parameters: a false-alarm rate of 4e-4.
    assert np.all(
        np.abs(bounds.high / boot.standard_error - critical) < 4 * bounds.high_mcse / UNITS
    )
    assert_allclose(bounds.low, -bounds.high)


@LEVELS
def test_the_share_of_replicates_inside_all_of_them_is_the_level(
    boot_of: BootOf, level: float
) -> None:
    root = np.array([[1.0, 0.0, 0.0], [0.9, 0.4, 0.0], [0.1, -0.5, 0.8]])
    draws = np.random.default_rng(1).standard_t(5, size=(999, 3)) @ root.T * UNITS
    boot = boot_of(np.zeros(3), draws)
    bounds = boot.simultaneous(level)
    inside = np.all((draws >= bounds.low) & (draws <= bounds.high), axis=1)
    # The critical value is the order statistic of rank 1000 level of 999 maxima.
    assert inside.sum() == round(1000 * level)


@LEVELS
def test_parameters_that_move_together_need_no_more_than_one(boot_of: BootOf, level: float) -> None:
    draws = np.random.default_rng(2).normal(size=(999, 1)) * UNITS
    boot = boot_of(np.zeros(3), draws)
    together, alone = boot.simultaneous(level), boot.simultaneous(level, names=["x2"])
    assert_allclose(together.high[1], alone.high[0], rtol=1e-12)


def test_the_order_is_that_of_the_names_asked_for(boot_of: BootOf) -> None:
    draws = np.random.default_rng(3).normal(size=(999, 3)) * UNITS
    boot = boot_of(np.zeros(3), draws)
    one, other = boot.simultaneous(names=["x1", "x3"]), boot.simultaneous(names=["x3", "x1"])
    assert_allclose(one.high, other.high[::-1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["x9"], "names: .*x9.*x1"),
        ("x1", "names: 'x1'"),
        ([], "names: "),
        (["x2"], "names: .*x2"),
    ],
)
def test_names_that_have_no_interval_are_refused(
    boot_of: BootOf, names: list[str], message: str
) -> None:
    draws = np.random.default_rng(4).normal(size=(99, 3))
    boot = boot_of(np.zeros(3), draws, not_identified=("x2",))
    with pytest.raises(ValueError, match=message):
        boot.simultaneous(names=names)


def test_too_few_replicates_are_refused(boot_of: BootOf) -> None:
    boot = boot_of(np.zeros(2), np.random.default_rng(5).normal(size=(15, 2)))
    with pytest.raises(ValueError, match="at least 19 replicates, there are 15"):
        boot.simultaneous(0.95)
    with pytest.raises(ValueError, match="confidence_level: 2 is not between 0 and 1"):
        boot.simultaneous(2)
