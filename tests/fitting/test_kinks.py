"""Curvatures that change within a standard error, or jump, are no kinks; slopes that jump are."""

from typing import Any

import numpy as np
import pytest

from bootmle import Status, fit


def test_a_minimum_whose_curvature_changes_within_a_standard_error_is_certified() -> None:
    # exp(x) - x + y² has its minimum at 0; a standard error is 100 units of x, or 70 of y.
    mle = fit(lambda p: 1e-4 * float(np.exp(p[0]) - p[0] + p[1] ** 2), [1.0, 1.0])
    assert mle.status is Status.CERTIFIED
    np.testing.assert_allclose(mle.estimate, 0, atol=1e-4)


@pytest.mark.parametrize("start", [[1.0, 0.0], [0.5, 0.3]])
def test_a_distance_is_stated_where_the_curvature_jumps_at_the_optimum(start: list[float]) -> None:
    # 120 seen, 120 + 10 mu + 18 a or 12 a expected: the minimum is at 0, with curvatures 3.7, 2.2.
    def nll(params: np.ndarray) -> float:
        expected = 120 + 10 * params[0] + (18 if params[1] >= 0 else 12) * params[1]
        return float(expected - 120 * np.log(expected) + 0.5 * params[1] ** 2)

    mle = fit(nll, {"mu": start[0], "a": start[1]}, bounds=[(0, 5), (-5, 5)])
    exact = abs(mle.estimate[1]) * np.sqrt(3.7 if mle.estimate[1] >= 0 else 2.2)
    assert mle.estimate[0] < 1e-3
    assert exact < 1e-3
    assert exact < max(1e-6, 10 * mle.decrement)


@pytest.mark.parametrize("seed", range(4))
def test_a_median_is_a_kink_all_the_same(seed: int) -> None:
    y = np.random.default_rng(seed).laplace(size=101)

    def nll(params: np.ndarray, y: np.ndarray) -> np.ndarray:
        return params[1] + np.abs(y - params[0]) * np.exp(-params[1])

    assert not fit(nll, [0.3, 0.1], y).converged


@pytest.mark.parametrize("start", [(1.0, 0.0), (2.0, -0.4), (0.5, 0.3)])
@pytest.mark.parametrize("bounds", [None, [(0, 10), (-5, 5)]], ids=["free", "bounds"])
@pytest.mark.parametrize("slopes", [(15, 11), (10, 9)])
def test_beside_a_jump_in_curvature_the_stated_distance_holds(
    start: tuple[float, float], bounds: Any, slopes: tuple[int, int]
) -> None:
    # A count of 300 with a nuisance that moves the expectation by other slopes up and down: the
    # optimum is (0, 0), where the curvature along the nuisance jumps by a tenth.
    def nll(params: Any) -> float:
        expected = 300 + 9 * params[0] + slopes[int(params[1] < 0)] * params[1]
        return float(expected - 300 * np.log(expected) + 0.5 * params[1] ** 2)

    mle = fit(nll, start, bounds=bounds)
    slope = slopes[int(mle.estimate[1] < 0)]
    along = np.array([9, slope])
    information = np.outer(along, along) / 300 + np.diag([0.0, 1.0])
    exact = np.sqrt(mle.estimate @ information @ mle.estimate)
    assert exact < 1e-3
    assert exact < 1e-6 or mle.decrement > exact / 10


@pytest.mark.parametrize("seed", range(3))
def test_a_jump_in_curvature_within_the_steps_beside_the_optimum_is_no_kink(seed: int) -> None:
    # The curvature is A'A at the optimum, and jumps by a half 0.0015 standard errors away.
    rng = np.random.default_rng(seed)
    A, optimum, way = rng.normal(size=(3, 3)) * [1, 3, 0.2], rng.normal(size=3), rng.normal(size=3)
    way /= np.linalg.norm(way)

    def nll(params: Any) -> float:
        z = A @ (params - optimum)
        smooth = 100 + z @ z / 2 + z[0] ** 3 / 20 + (z @ z) ** 2 / 100
        return float(smooth + max(way @ z - 0.0015, 0) ** 2 / 4)

    mle = fit(nll, np.zeros(3))
    assert mle.status is Status.CERTIFIED
    assert np.linalg.norm(A @ (mle.estimate - optimum)) < 1e-6
    assert np.all(np.abs(mle.information.matrix - A.T @ A) <= mle.information.error)
