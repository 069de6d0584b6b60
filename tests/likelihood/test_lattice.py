"""Derivatives from lattices: exact for polynomials, and errors of the order that theory gives."""

from itertools import combinations_with_replacement, permutations
from math import comb
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from bootmle.likelihood.lattice import combine_scores, combine_values, score_lattice, value_lattice

Floats = NDArray[np.float64]
SIZES = pytest.mark.parametrize("size", [1, 2, 3, 5])
SCALES = np.array([1.0, 1e-3, 50.0, 0.2, 7.0])


class Cubic(NamedTuple):
    """The derivatives at 0 of n cubic polynomials in z that are 0 there."""

    slope: Floats
    curvature: Floats
    third: Floats

    def values(self, z: Floats) -> Floats:
        bent = np.einsum("nijk,...i,...j,...k->...n", self.third, z, z, z) / 6
        curved = np.einsum("nij,...i,...j->...n", self.curvature, z, z) / 2
        return z @ self.slope.T + curved + bent

    def scores(self, z: Floats) -> Floats:
        bent = np.einsum("nijk,...i,...j->...nk", self.third, z, z) / 2
        return self.slope + np.einsum("nij,...i->...nj", self.curvature, z) + bent


def symmetric(tensor: Floats) -> Floats:
    """Average over the orders of all axes but the first."""
    orders = list(permutations(range(1, tensor.ndim)))
    return np.mean([np.transpose(tensor, (0, *order)) for order in orders], axis=0)


def random_cubic(size: int, order: int = 3, n: int = 4) -> Cubic:
    rng, unit = np.random.default_rng(size), SCALES[:size]
    third = symmetric(rng.normal(size=(n, size, size, size))) * (order >= 3)
    curvature = symmetric(rng.normal(size=(n, size, size))) * (order >= 2)
    return Cubic(
        rng.normal(size=(n, size)) * unit,
        curvature * np.multiply.outer(unit, unit),
        third * np.multiply.outer(np.multiply.outer(unit, unit), unit),
    )


def distinct(cubic: Cubic, order: int) -> Floats:
    """Derivatives up to an order as the lattices list them: by combinations with repetition."""
    size = cubic.slope.shape[1]
    tensors = (cubic.slope, cubic.curvature, cubic.third)[:order]
    columns = [
        np.moveaxis(tensor, 0, -1)[entry]
        for degree, tensor in enumerate(tensors, start=1)
        for entry in combinations_with_replacement(range(size), degree)
    ]
    return np.array(columns).T


def relative(found: Floats, expected: Floats) -> Floats:
    """Errors by each column's own size, since the parameters' scales differ."""
    return np.asarray((found - expected) / np.abs(expected).max(axis=0))


@SIZES
@pytest.mark.parametrize("step", [1.0, 0.25])
def test_values_of_a_cubic_give_its_derivatives_exactly(size: int, step: float) -> None:
    cubic = random_cubic(size)
    values = cubic.values(step * value_lattice(size, 3))
    found = combine_values(values, size, 3, step)
    # Rounding of the largest scale, 50³, stands in every value; the columns are scaled by it.
    room = np.abs(values).max() * 1e-13 / step**3
    assert_allclose(found, distinct(cubic, 3), rtol=0, atol=room)


@SIZES
@pytest.mark.parametrize("step", [1.0, 0.25])
def test_the_lattice_of_second_order_is_exact_for_a_cubic_too(size: int, step: float) -> None:
    cubic = random_cubic(size)
    values = cubic.values(step * value_lattice(size, 2))
    found = combine_values(values, size, 2, step)
    room = np.abs(values).max() * 1e-13 / step**2
    assert_allclose(found, distinct(cubic, 2), rtol=0, atol=room)


@SIZES
@pytest.mark.parametrize("step", [1.0, 0.25])
def test_the_lattice_of_first_order_is_exact_for_a_quadratic(size: int, step: float) -> None:
    cubic = random_cubic(size, order=2)
    values = cubic.values(step * value_lattice(size, 1))
    room = np.abs(values).max() * 1e-13 / step
    found = combine_values(values, size, 1, step)
    assert_allclose(found, cubic.slope, rtol=0, atol=room)


@SIZES
@pytest.mark.parametrize("step", [1.0, 0.25])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_scores_of_a_cubic_give_its_derivatives_exactly(size: int, step: float, order: int) -> None:
    cubic = random_cubic(size)
    scores = cubic.scores(step * score_lattice(size, order))
    found = combine_scores(scores.swapaxes(1, 2), size, order, step)
    room = np.abs(scores).max() * 1e-13 / step**2
    assert_allclose(found, distinct(cubic, order), rtol=0, atol=room)


def test_mixed_derivatives_of_single_monomials() -> None:
    for entry in combinations_with_replacement(range(3), 3):
        values = np.prod(value_lattice(3, 3)[:, list(entry)], axis=1)[:, None]
        thirds = combine_values(values, 3, 3, 1.0)[0, 9:]
        expected = np.zeros(10)
        place = list(combinations_with_replacement(range(3), 3)).index(entry)
        repeats = np.prod([np.arange(1, entry.count(j) + 1).prod() for j in set(entry)])
        expected[place] = repeats
        assert_allclose(thirds, expected, atol=1e-12)


def exponential_errors(step: float, by_scores: bool, order: int = 3) -> Floats:
    """Relative errors for exp(a·z), whose derivatives are products of the a_j."""
    a = np.array([[0.9, -1.1, 0.7], [1.2, 0.5, -0.8]])
    pairs = a[:, :, None] * a[:, None, :]
    exact = Cubic(a, pairs, pairs[..., None] * a[:, None, None, :])
    points = step * (score_lattice(3, order) if by_scores else value_lattice(3, order))
    values = np.exp(points @ a.T)
    if by_scores:
        found = combine_scores(values[:, None, :] * a.T, 3, order, step)
    else:
        found = combine_values(values - 1.0, 3, order, step)
    return np.abs(relative(found, distinct(exact, order))).max(axis=0)


SLOPES, SQUARES, CROSSES, THIRDS = [0, 1, 2], [3, 6, 8], [4, 5, 7], list(range(9, 19))


@pytest.mark.parametrize(
    ("by_scores", "terms", "power"),
    [
        (False, SLOPES, 3),
        (False, SQUARES, 2),
        (False, CROSSES, 2),
        (False, THIRDS, 1),
        (True, [*SQUARES, *CROSSES], 2),
        (True, THIRDS, 2),
    ],
)
def test_errors_fall_with_the_power_of_the_step_that_taylor_gives(
    by_scores: bool, terms: list[int], power: int
) -> None:
    coarse, fine = (exponential_errors(step, by_scores)[terms] for step in (0.02, 0.01))
    assert_allclose(np.log2(coarse / fine), power, atol=0.05)


def test_errors_of_the_second_order_lattice() -> None:
    coarse, fine = (exponential_errors(step, False, order=2) for step in (0.1, 0.05))
    assert_allclose(np.log2(coarse / fine)[[*SLOPES, *SQUARES]], 4, atol=0.05)
    assert_allclose(np.log2(coarse / fine)[CROSSES], 2, atol=0.05)


def test_slopes_of_the_first_order_lattice_are_central_differences() -> None:
    coarse, fine = (exponential_errors(step, False, order=1) for step in (0.1, 0.05))
    assert_allclose(np.log2(coarse / fine), 2, atol=0.05)


def test_the_slopes_that_scores_give_are_the_scores_at_the_origin() -> None:
    assert exponential_errors(0.7, True)[SLOPES].max() < 1e-15


@pytest.mark.parametrize("size", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_lattices_start_at_the_origin_and_repeat_no_point(size: int, order: int) -> None:
    for points in (value_lattice(size, order), score_lattice(size, order)):
        assert_array_equal(points[0], 0.0)
        assert len(np.unique(points, axis=0)) == len(points)
    # Of third order as many values as a cubic has coefficients: 455 of 12 parameters.
    counts = 1 + 2 * size, 1 + 4 * size + 2 * comb(size, 2), comb(size + 3, 3)
    assert len(value_lattice(size, order)) == counts[order - 1]
    assert len(score_lattice(size, order)) == (1, 1 + 2 * size, 1 + size * (size + 1))[order - 1]


def test_each_observation_has_its_own_derivatives() -> None:
    cubic = random_cubic(3, n=6)
    points = value_lattice(3, 3)
    together: Any = combine_values(cubic.values(points), 3, 3, 1.0)
    for k in range(6):
        alone = Cubic(*(part[k : k + 1] for part in cubic))
        assert_allclose(
            combine_values(alone.values(points), 3, 3, 1.0)[0], together[k], rtol=1e-9, atol=1e-7
        )
