"""Exponentials through three values of a parameter."""

import numpy as np
import pytest

from bootmle.optimization.approach import Approach


@pytest.mark.parametrize("rate", [-3.0, -0.2, 0.01, 0.7, 5.0])
@pytest.mark.parametrize("times", [(0.0, 1.0, 2.0), (1.0, 1.3, 4.0), (2.0, 5.0, 5.5)])
def test_exponentials_are_continued_exactly(rate: float, times: tuple[float, ...]) -> None:
    limits, sizes, at = np.array([2.0, -1e3]), np.array([0.5, 1e4]), np.array(times)
    approach = Approach(at, limits + sizes * np.exp(-rate * at)[:, None])
    expected = limits + sizes * np.exp(-rate * 6.0)
    np.testing.assert_allclose(approach.at(6.0), expected, rtol=1e-6)
    ends = limits if rate > 0 else np.array([np.inf, np.inf])
    np.testing.assert_allclose(approach.limits(), ends, rtol=1e-4)


def test_straight_lines_and_constants() -> None:
    times = np.array([0.0, 1.0, 3.0])
    approach = Approach(times, np.column_stack([1 + 2 * times, np.full(3, 4.0)]))
    np.testing.assert_allclose(approach.at(5.0), [11.0, 4.0])
    assert approach.limits()[1] == 4
