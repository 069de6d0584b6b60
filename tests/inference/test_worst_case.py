"""Bounds on what failed replicates hide, against a search over what they could have been."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Estimator, bootstrap
from bootmle.inference.percentile import Percentile
from bootmle.inference.standard_errors import standard_error
from bootmle.inference.worst_case import worst_case

TWO = np.array([1.0, -1000.0])


def test_standard_errors_are_bounded_by_a_search_over_the_failed_ones() -> None:
    known = np.random.default_rng(0).exponential(size=(12, 2)) * TWO
    ordered = np.sort(known, axis=0)
    bounds = worst_case(known, ordered, ordered, 3, 0.5)
    for column in range(2):
        ends = np.linspace(known[:, column].min(), known[:, column].max(), 9)
        places = [*ends, known[:, column].mean()]
        spreads = [
            np.std([*known[:, column], *hidden], ddof=1) for hidden in product(places, repeat=3)
        ]
        assert_allclose(bounds.standard_error[:, column], [min(spreads), max(spreads)])


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_ends_are_bounded_by_all_failed_ones_below_and_all_above(level: float) -> None:
    known = np.random.default_rng(0).exponential(size=(96, 2)) * TWO
    ordered = np.sort(known, axis=0)
    bounds = worst_case(known, ordered, ordered, 3, level)
    found = []
    for far in (-1e9, 1e9):
        filled = np.sort(np.concatenate([known, np.full((3, 2), far)]), axis=0)
        ends = Percentile(filled, filled).interval(level)
        found.append([ends.low, ends.high])
    assert_allclose(bounds.low, [found[0][0], found[1][0]])
    assert_allclose(bounds.high, [found[0][1], found[1][1]])


def test_without_failures_nothing_can_move() -> None:
    known = np.random.default_rng(0).normal(size=(99, 2)) * TWO
    ordered = np.sort(known, axis=0)
    bounds = worst_case(known, ordered, ordered, 0, 0.9)
    assert_allclose(bounds.standard_error, [standard_error(known)] * 2)
    assert_allclose(np.ptp(bounds.low, axis=0), 0)
    assert_allclose(np.ptp(bounds.high, axis=0), 0)


def test_the_table_says_what_failed_and_how_much_that_hides() -> None:
    def fragile(y: np.ndarray) -> list[float]:
        if y[0] > 9.5:
            raise ArithmeticError("too large")
        return [y.mean(), 1000 * y.max()]

    y = np.random.default_rng(0).uniform(0, 10, 60)
    boot = bootstrap(Estimator(fragile, y), n_resamples=999, rng=0)
    assert 20 < boot.n_failed < 120
    shown = str(boot)
    worst = boot.worst_case()
    ratio = (worst.standard_error[1] / boot.standard_error).max()
    assert f"failed, {boot.n_failed} times: ArithmeticError: too large" in shown
    assert f"an SE up to {ratio:.2f} times as large, a 95% endpoint moved" in shown
    # More failed than lie beyond an end: it has no bound.
    assert boot.n_failed > 0.025 * 1000
    assert "without limit" in shown
    assert np.isinf([worst.low[0], worst.high[1]]).all()
