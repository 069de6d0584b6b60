"""Bounds that are left: a corner where each alone lets nothing fall, and a fall beside a bound."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle import Status, fit


@pytest.mark.parametrize("scales", [(1.0, 1.0), (1e3, 1e-4)])
def test_a_corner_is_left_where_both_multipliers_are_0(scales: tuple[float, float]) -> None:
    # -uv (3 - u - v) has its minimum -1 at (1, 1); beside (0, 0) it is -3uv.
    unit = np.array(scales)

    def nll(x: np.ndarray) -> float:
        u, v = x / unit
        return float(-u * v * (3 - u - v))

    mle = fit(nll, np.array([2.5, 3.0]) * unit, bounds=[(0, 10 * each) for each in unit])
    assert mle.status is Status.CERTIFIED
    assert_allclose(mle.estimate / unit, 1, atol=1e-6)


def test_a_corner_that_holds_is_kept() -> None:
    mle = fit(
        lambda x: float(x[0] * x[1] + x[0] ** 2 + x[1] ** 2), [2.5, 3.0], bounds=[(0, 10)] * 2
    )
    assert_allclose(mle.estimate, 0, atol=1e-6)
    assert mle.converged


def test_a_bound_is_left_for_a_minimum_beside_it() -> None:
    # The root of 200x³ + 10x - 1 is 0.0768, where the nll falls by 4 alone; at 50 it is 3e10.
    mle = fit(lambda x: 100 * float(5 * x[0] ** 2 - x[0] + 50 * x[0] ** 4), [5.0], bounds=[(0, 50)])
    root = np.roots([200, 0, 10, -1])
    assert mle.status is Status.CERTIFIED
    assert_allclose(mle.estimate, root[np.abs(root.imag) < 1e-12].real, rtol=1e-6)
