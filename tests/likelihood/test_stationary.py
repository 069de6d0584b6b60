"""From near an optimum to it by cheap looks, and its Hessian from two points a line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from bootmle.likelihood.stationary_information import measure_stationary

NAMES = ("a", "b")


def counted(function: Callable[[Any], float]) -> tuple[Callable[[Any], float], list[int]]:
    calls = [0]

    def value(x: Any) -> float:
        calls[0] += 1
        return function(x)

    return value, calls


def poisson(x: Any) -> float:
    """Two log rates, of 40 and 90 events, in units 1e4 apart, with a coupling."""
    return float(
        np.exp(x[0]) - 40 * x[0] + np.exp(1e4 * x[1]) - 90e4 * x[1] + 0.5 * x[0] * 1e4 * x[1]
    )


@pytest.mark.parametrize("away", [0.0, 1e-3, 0.1, 1.0])
@pytest.mark.parametrize("off", [1.0, 1e4])
def test_the_optimum_is_reached_from_a_standard_error_away(away: float, off: float) -> None:
    from scipy.optimize import root

    def gradient(u: Any) -> Any:
        return [np.exp(u[0]) - 40 + 0.5 * u[1], np.exp(u[1]) - 90 + 0.5 * u[0]]

    best = root(gradient, [np.log(40), np.log(90)], tol=1e-14).x
    right = np.array([[np.exp(best[0]), 0.5], [0.5, np.exp(best[1])]]) * [[1, 1e4], [1e4, 1e8]]
    best = best * [1, 1e-4]
    errors = 1 / np.sqrt(np.diag(right))
    value, calls = counted(poisson)
    found, around = measure_stationary(
        value, best + away * errors, off * np.linalg.inv(right), names=NAMES
    )
    assert np.linalg.norm((found.point - best) / errors) < 1e-6
    assert np.all(np.abs(found.matrix - right) <= found.error)
    assert_allclose(found.matrix, right, rtol=1e-5)
    assert around is not None
    assert np.all((around.rises > 0.25) & (around.rises < 1))
    assert calls[0] <= 50


def test_bounds_allow_for_fourth_derivatives_that_only_the_diagonal_shows() -> None:
    found, _ = measure_stationary(
        lambda x: float(0.5 * (x @ x) + 0.1 * x[0] ** 2 * x[1] ** 2),
        np.zeros(2),
        np.eye(2),
        names=NAMES,
    )
    assert np.all(np.abs(found.matrix - np.eye(2)) <= found.error)
    assert found.error.max() < 1e-5


def test_where_the_nll_bends_within_a_standard_error_four_points_on_axes_are_enough() -> None:
    # Chained Rosenbrock functions: without residuals the Hessian is JᵀJ.
    def residuals(x: Any) -> Any:
        return np.concatenate([10 * (x[1:] - x[:-1] ** 2), 1 - x[:-1]])

    best, size = np.ones(6), 6
    jacobian = np.zeros((10, 6))
    for k in range(5):
        jacobian[k, [k, k + 1]], jacobian[5 + k, k] = [-20.0, 10.0], -1.0
    right = jacobian.T @ jacobian
    value, calls = counted(lambda x: float(0.5 * residuals(x) @ residuals(x)))
    metric: Any = np.linalg.inv(right)
    found, _ = measure_stationary(value, best + 1e-9, metric, names=tuple("abcdef"))
    assert np.all(np.abs(found.matrix - right) <= found.error)
    errors = np.sqrt(np.diag(np.linalg.inv(right)))
    assert_allclose(found.standard_errors, errors, rtol=1e-4)
    assert np.linalg.norm(np.linalg.cholesky(right).T @ (found.point - best)) < 1e-6
    assert calls[0] <= 1 + 5 + 3 * 2 * size + 14 + 4 + size * (size - 1)  # 4 a line: 20 more


def test_no_optimum_is_claimed_where_the_nll_falls_for_ever() -> None:
    def separated(x: Any) -> float:
        return float(np.exp(-x[0]) + 0.5 * (x[1] - 1) ** 2)

    start = np.array([8.0, 1.0])
    found, _ = measure_stationary(separated, start, np.diag([np.exp(8.0), 1.0]), names=NAMES)
    assert_allclose(found.point, start, rtol=0, atol=0)


def test_a_kink_is_not_measured_by_two_points_a_line() -> None:
    found, around = measure_stationary(
        lambda x: float(np.abs(x[0]) + 0.5 * x[1] ** 2), np.zeros(2), np.eye(2), names=NAMES
    )
    assert around is None or not np.all(around.rises < 1)
    assert found.error.max() > 1e-3


def test_steps_that_leave_the_domain_are_shortened() -> None:
    # The scale's nll is quadratic in its log: from 0.55, a Newton step leads below 0.
    def nll(x: Any) -> float:
        return float(3 * (1 / x[0] + np.log(x[0]))) if x[0] > 0 else np.inf

    found, _ = measure_stationary(nll, np.array([1.9]), np.array([[2.0]]), names=("scale",))
    assert np.isfinite(found.point).all()
