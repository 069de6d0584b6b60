"""Cubic models: their values, Newton steps, and optima that are interior or said not to be."""

from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.optimize import minimize

from bootmle.optimization.newton import (
    CubicModels,
    bfgs_changes,
    maximize_models,
    newton_steps,
    trust_radius,
)

pytestmark = pytest.mark.usefixtures("within_a_verb")

Floats = NDArray[np.float64]


def random_models(count: int, size: int, slope: float, third: float, seed: int = 0) -> CubicModels:
    """Models near the whitened quadratic, with symmetric third derivatives."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=(count, size, size, size))
    orders = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
    bend = np.mean([np.transpose(raw, (0, *(1 + k for k in order))) for order in orders], axis=0)
    noise = 0.1 * rng.normal(size=(count, size, size))
    curvature = np.eye(size) + noise + noise.transpose(0, 2, 1)
    return CubicModels(slope * rng.normal(size=(count, size)), curvature, third * bend)


def plain_value(models: CubicModels, k: int, z: Floats) -> float:
    """One model's value, written out."""
    assert models.third is not None
    bent = np.einsum("ijk,i,j,k->", models.third[k], z, z, z) / 6
    return float(models.slope[k] @ z + z @ models.curvature[k] @ z / 2 + bent)


def test_values_gradients_and_hessians_are_those_of_the_polynomial() -> None:
    models = random_models(5, 3, 1.0, 1.0)
    z = np.random.default_rng(1).normal(size=(5, 3))
    value, gradient, hessian = models.at(z)
    assert_allclose(value, [plain_value(models, k, z[k]) for k in range(5)], rtol=1e-12)
    # Central differences of a cubic's gradient are exact, those of its value off by t_jjj h²/6.
    step = 1e-4
    for j, e in enumerate(step * np.eye(3)):
        up, down = models.at(z + e), models.at(z - e)
        assert_allclose((up[0] - down[0]) / (2 * step), gradient[:, j], atol=1e-7)
        assert_allclose((up[1] - down[1]) / (2 * step), hessian[:, j], atol=1e-10)
    assert_array_equal(models.hessian(z), hessian)


def test_without_third_derivatives_the_model_is_the_quadratic() -> None:
    full = random_models(5, 3, 1.0, 0.0)
    z = np.random.default_rng(1).normal(size=(5, 3))
    for one, other in zip(
        full.at(z), CubicModels(full.slope, full.curvature, None).at(z), strict=True
    ):
        assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("third", [0.0, 1.0, None])
def test_taking_some_of_the_models(third: float | None) -> None:
    models = random_models(6, 2, 1.0, third or 0.0)
    if third is None:
        models = CubicModels(models.slope, models.curvature, None)
    chosen, z = np.array([4, 1]), np.random.default_rng(1).normal(size=(6, 2))
    for some, every in zip(models.take(chosen).at(z[chosen]), models.at(z), strict=True):
        assert_allclose(some, every[chosen], rtol=1e-13)


def per_observation(slope: Floats, curvature: Floats, third: Floats) -> CubicModels:
    """Models that are sums of cubics in one variable each, (b, q) arrays."""
    count, size = slope.shape
    matrices, tensors = np.zeros((count, size, size)), np.zeros((count, size, size, size))
    for j in range(size):
        matrices[:, j, j], tensors[:, j, j, j] = curvature[:, j], third[:, j]
    return CubicModels(slope, matrices, tensors)


def closed_form(slope: Floats, curvature: Floats, third: Floats) -> Floats:
    """The minimum of g z + c z²/2 + t z³/6, NaN where there is none."""
    with np.errstate(invalid="ignore"):
        return np.asarray(-2 * slope / (curvature + np.sqrt(curvature**2 - 2 * third * slope)))


def separable_problems() -> tuple[CubicModels, Floats]:
    rng = np.random.default_rng(2)
    slope = rng.uniform(-2, 2, size=(800, 2))
    curvature = rng.uniform(0.5, 2.0, size=(800, 2)) * [1.0, 4.0]
    third = rng.uniform(-1, 1, size=(800, 2)) * [1.0, 8.0]
    return per_observation(slope, curvature, third), closed_form(slope, curvature, third)


def test_optima_of_separable_cubics_are_the_closed_form() -> None:
    models, exact = separable_problems()
    z, good = maximize_models(models)
    distance = np.linalg.norm(exact, axis=1)
    assert 300 < good.sum() < 790
    assert np.isfinite(exact[good]).all()
    # The last Newton step is shorter than 1e-3 and leaves its square times the bend, which is
    # below 100 here.
    assert np.abs(z - exact)[good].max() < 1e-4
    assert distance[good].max() < trust_radius(2) + 1e-3


def test_a_cubic_without_a_minimum_within_the_radius_is_said_to_have_none() -> None:
    models, exact = separable_problems()
    z, good = maximize_models(models)
    none = ~(np.linalg.norm(exact, axis=1) < trust_radius(2))
    assert none.sum() > 20
    assert not good[none].any()
    assert np.linalg.norm(z[none], axis=1).max() <= trust_radius(2) / 2 * (1 + 1e-12)


def test_clear_minima_are_all_found() -> None:
    models, exact = separable_problems()
    assert models.third is not None
    minimum = np.where(np.isfinite(exact), exact, 0.0)
    lowest = np.linalg.eigvalsh(models.hessian(minimum))[:, 0]
    clear = np.isfinite(exact).all(axis=1) & (np.linalg.norm(minimum, axis=1) < 1.5)
    clear &= lowest > 0.3
    assert clear.sum() > 200
    assert maximize_models(models)[1][clear].all()


@pytest.mark.parametrize(("size", "third"), [(1, 0.9), (2, 0.9), (5, 0.4)])
def test_what_is_called_an_optimum_is_interior_stationary_and_positive_definite(
    size: int, third: float
) -> None:
    models = random_models(400, size, 1.2, third, seed=size)
    z, good = maximize_models(models)
    value, gradient, hessian = models.at(z)
    assert 20 < good.sum() < 400
    assert np.linalg.norm(z[good], axis=1).max() < trust_radius(size)
    assert np.linalg.eigvalsh(hessian[good]).min() > 0
    newton = np.linalg.solve(hessian[good], gradient[good][..., None])[..., 0]
    assert np.linalg.norm(newton, axis=1).max() < 1e-3
    assert value[good].max() <= 1e-12


def test_optima_of_coupled_models_are_those_of_scipy() -> None:
    models = random_models(60, 3, 0.8, 0.4)
    z, good = maximize_models(models)
    assert good.sum() > 20
    for k in np.flatnonzero(good):
        function: Any = partial(plain_value, models, int(k))
        found = minimize(function, z[k] + 0.01, method="BFGS")
        assert np.linalg.norm(found.x - z[k]) < 1e-3


@pytest.mark.parametrize("slope", [[0.1, -0.1], [0.0, 0.0]], ids=["beside it", "on it"])
def test_a_saddle_is_no_optimum(slope: list[float]) -> None:
    models = CubicModels(np.array([slope]), np.array([np.diag([1.0, -0.5])]), None)
    z, good = maximize_models(models)
    assert not good[0]
    assert np.isfinite(z).all()


def test_the_radius_decides_what_is_interior() -> None:
    models = CubicModels(np.array([[-2.0, 0.0]]), np.eye(2)[None], None)
    inside, outside = (maximize_models(models, radius=radius) for radius in (2.1, 1.9))
    assert inside[1][0]
    assert_allclose(inside[0], [[2.0, 0.0]], atol=1e-3)
    assert not outside[1][0]
    assert_allclose(outside[0], [[0.95, 0.0]], rtol=1e-12)


@pytest.mark.parametrize("size", [1, 4, 12])
def test_normal_estimates_lie_within_the_trust_radius(size: int) -> None:
    # P(χ²_p > (2 + √p)²) is at most 0.3%: the radius holds nearly all replicates.
    draws = np.random.default_rng(0).normal(size=(20_000, size))
    outside = np.mean(np.linalg.norm(draws, axis=1) > trust_radius(size))
    # 0.3% of 20,000 and 5 standard errors of that: a false-alarm rate below 1e-6.
    assert outside < 0.003 + 5 * np.sqrt(0.003 / 20_000)


def test_newton_steps_solve_and_measure_the_distance() -> None:
    models = random_models(30, 3, 1.0, 0.0)
    steps, decrements, definite = newton_steps(models.slope, models.curvature)
    expected = np.linalg.eigvalsh(models.curvature).min(axis=1) > 0
    assert_array_equal(definite, expected)
    for k in np.flatnonzero(definite):
        step = np.linalg.solve(models.curvature[k], -models.slope[k])
        assert_allclose(steps[k], step, rtol=1e-10)
        length = np.sqrt(step @ models.curvature[k] @ step)
        assert decrements[k] == pytest.approx(length, rel=1e-10)


def test_an_indefinite_hessian_gets_a_step_downhill_and_no_certificate() -> None:
    curvature = np.array([np.eye(2), np.diag([2.0, -3.0]), np.diag([1.0, 0.0])])
    gradient = np.array([[1.0, 100.0], [1.0, 100.0], [1.0, 1.0]])
    steps, decrements, definite = newton_steps(gradient, curvature)
    assert definite.tolist() == [True, False, False]
    assert ((steps * gradient).sum(axis=1) < 0).all()
    assert_allclose(steps[1], [-0.5, -100 / 3], rtol=1e-12)
    assert np.isfinite(decrements).all()


def test_a_hessian_of_nans_is_not_definite() -> None:
    curvature = np.array([np.eye(2), np.full((2, 2), np.nan)])
    steps, _, definite = newton_steps(np.ones((2, 2)), curvature)
    assert definite.tolist() == [True, False]
    assert np.isfinite(steps).all()


def test_a_hessian_that_rounding_makes_singular_is_not_definite() -> None:
    # Its Cholesky factor exists, and its last pivot is rounding.
    nearly = 5e7 * np.array([[1.0, -1.0], [-1.0, 1.0]]) + 1e-7 * np.eye(2)
    curvature, gradient = np.array([nearly, np.eye(2)]), np.array([[2.5e4, 2.5e4], [1.0, 2.0]])
    steps, _, definite = newton_steps(gradient, curvature)
    assert definite.tolist() == [False, True]
    assert np.isfinite(steps).all()
    assert steps[1].tolist() == [-1.0, -2.0]


def test_bfgs_updates_map_the_step_to_the_change_of_the_gradient() -> None:
    # Nocedal and Wright (2006), equation 6.19 and the secant equation 6.6.
    rng = np.random.default_rng(3)
    models = random_models(20, 3, 1.0, 0.0)
    curvature = np.array([matrix @ matrix.T + np.eye(3) for matrix in models.curvature])
    s = rng.normal(size=(20, 3)) * [1.0, 0.01, 100.0]
    y = np.einsum(
        "bij,bj->bi", np.array([m @ m.T + np.eye(3) for m in rng.normal(size=(20, 3, 3))]), s
    )
    updated = curvature + bfgs_changes(curvature, s, y)
    image = np.einsum("bij,bj->bi", updated, s)
    assert_allclose(image / np.abs(y).max(), y / np.abs(y).max(), atol=1e-12)
    assert_allclose(updated, updated.transpose(0, 2, 1), rtol=1e-9)
    assert np.linalg.eigvalsh(updated).min() > 0


def test_bfgs_makes_no_update_where_the_curvature_is_negative_or_nothing_moved() -> None:
    s = np.array([[1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    y = np.array([[-1.0, 0.0], [0.0, 0.0], [2.0, 0.0]])
    changes = bfgs_changes(np.array([np.eye(2)] * 3), s, y)
    assert_array_equal(changes[:2], 0.0)
    assert_allclose(changes[2], [[1.0, 0.0], [0.0, 0.0]], atol=1e-15)


def test_matrices_without_a_factor_are_told_from_the_others_of_their_batch() -> None:
    rng = np.random.default_rng(0)
    roots = rng.normal(size=(60, 4, 4))
    matrices = roots @ roots.transpose(0, 2, 1)
    matrices[::3] -= 2 * np.eye(4)
    matrices[5, 0, 0] = np.nan
    definite = newton_steps(np.zeros((60, 4)), matrices)[2]
    # All diagonals of its Cholesky factor are above a hundredth: the share of the determinant that
    # each row and column adds is above its square.
    usable = np.nan_to_num(matrices, nan=-1e9)
    minors = [np.linalg.det(usable[:, :k, :k]) for k in range(5)]
    expected = np.all([b > 1e-4 * a for a, b in pairwise(minors)], axis=0)
    assert 0.2 < expected.mean() < 0.9
    np.testing.assert_array_equal(definite, expected)
