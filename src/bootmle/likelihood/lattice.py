"""Lattices around the estimate, and derivatives from the values or scores on them."""

from __future__ import annotations

from itertools import combinations, combinations_with_replacement

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = [
    "combine_scores",
    "combine_values",
    "fourth_order_slope",
    "score_lattice",
    "value_lattice",
]


def value_lattice(size: int, order: int) -> Floats:
    """List the points 0, ±e_i, ±2e_i, ±e_i±e_j, ±(e_i+e_j+e_k) that the order needs."""
    unit = np.eye(size)
    points = [np.zeros((1, size)), unit, -unit]
    if order >= 2:
        points += [2 * unit, -2 * unit]
        pairs = np.array(list(combinations(range(size), 2)), dtype=int).reshape(-1, 2)
        one, other = unit[pairs[:, 0]], unit[pairs[:, 1]]
        points += [one + other, one - other, other - one, -one - other]
    if order >= 3:
        triples = np.array(list(combinations(range(size), 3)), dtype=int).reshape(-1, 3)
        sums = unit[triples].sum(axis=1)
        points += [sums, -sums]
    return np.concatenate(points)


def combine_values(values: Floats, size: int, order: int, step: float) -> Floats:
    """Turn values on the lattice (k, n) into distinct derivatives (n, terms)."""
    up, down = values[1 : size + 1], values[size + 1 : 2 * size + 1]
    if order == 1:
        return ((up - down) / (2 * step)).T
    up2, down2 = values[2 * size + 1 : 3 * size + 1], values[3 * size + 1 : 4 * size + 1]
    slope = fourth_order_slope(up - down, up2 - down2, step)
    square = (16 * (up + down) - (up2 + down2)) / (12 * step**2)
    cube = (up2 - 2 * up + 2 * down - down2) / (2 * step**3)
    pairs = list(combinations(range(size), 2))
    sides, ends = 4 * size + 1, 4 * size + 1 + 4 * len(pairs)
    corners = values[sides:ends].reshape(4, len(pairs), values.shape[1])
    curvature = _curvature_terms(size, square, corners, step)
    if order == 2:
        return np.concatenate([slope, curvature]).T
    mixed = _mixed_thirds(pairs, up, down, corners, step)
    sums = values[ends:].reshape(2, (len(values) - ends) // 2, values.shape[1])
    third = _third_terms(size, slope, cube, mixed, (sums[0] - sums[1]) / 2, step)
    return np.concatenate([slope, curvature, third]).T


def fourth_order_slope(near: Floats, far: Floats, step: Floats | float) -> Floats:
    """Combine differences of values a step to both sides, and two steps, into a derivative."""
    return np.asarray((8 * near - far) / (12 * step))


def _curvature_terms(size: int, square: Floats, corners: Floats, step: float) -> Floats:
    """List the second derivatives in the order of pairs with repetition."""
    cross = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * step**2)
    position = {pair: k for k, pair in enumerate(combinations(range(size), 2))}
    pairs = combinations_with_replacement(range(size), 2)
    return np.array([square[i] if i == j else cross[position[i, j]] for i, j in pairs])


def _mixed_thirds(
    pairs: list[tuple[int, int]], up: Floats, down: Floats, corners: Floats, step: float
) -> dict[tuple[int, int], Floats]:
    """Return t_iij for every ordered pair (i, j), i != j."""
    both, first, second, none = corners
    mixed = {}
    for k, (i, j) in enumerate(pairs):
        mixed[i, j] = (both[k] + second[k] - 2 * up[j] - first[k] - none[k] + 2 * down[j]) / (
            2 * step**3
        )
        mixed[j, i] = (both[k] + first[k] - 2 * up[i] - second[k] - none[k] + 2 * down[i]) / (
            2 * step**3
        )
    return mixed


def _third_terms(
    size: int,
    slope: Floats,
    cube: Floats,
    mixed: dict[tuple[int, int], Floats],
    odd: Floats,
    step: float,
) -> Floats:
    """List the third derivatives in the order of triples with repetition."""
    position = {triple: k for k, triple in enumerate(combinations(range(size), 3))}

    def distinct(i: int, j: int, k: int) -> Floats:
        rise = odd[position[i, j, k]] / step - slope[i] - slope[j] - slope[k]
        pure = cube[i] + cube[j] + cube[k]
        pairs = ((i, j), (i, k), (j, i), (j, k), (k, i), (k, j))
        total = 6 * rise / step**2 - pure - 3 * sum(mixed[pair] for pair in pairs)
        return np.asarray(total / 6)

    def entry(i: int, j: int, k: int) -> Floats:
        if i == j == k:
            return np.asarray(cube[i])
        if i == j:
            return mixed[i, k]
        return mixed[j, i] if j == k else distinct(i, j, k)

    return np.array([entry(*triple) for triple in combinations_with_replacement(range(size), 3)])


def score_lattice(size: int, order: int) -> Floats:
    """List the points 0, ±e_i, ±(e_i+e_j) that the order needs where there are scores."""
    unit = np.eye(size)
    points = [np.zeros((1, size))]
    if order >= 2:
        points += [unit, -unit]
    if order >= 3:
        pairs = np.array(list(combinations(range(size), 2)), dtype=int).reshape(-1, 2)
        sums = unit[pairs].sum(axis=1)
        points += [sums, -sums]
    return np.concatenate(points)


def combine_scores(values: Floats, size: int, order: int, step: float) -> Floats:
    """Turn scores on the lattice (k, q, n) into distinct derivatives (n, terms)."""
    origin = values[0]
    terms = [origin]
    if order >= 2:
        up, down = values[1 : size + 1], values[size + 1 : 2 * size + 1]
        slopes = (up - down) / (2 * step)
        pairs = combinations_with_replacement(range(size), 2)
        terms.append(np.array([(slopes[i][j] + slopes[j][i]) / 2 for i, j in pairs]))
    if order >= 3:
        sums = values[2 * size + 1 :].reshape(2, size * (size - 1) // 2, *origin.shape)
        thirds = _score_thirds(size, up + down - 2 * origin, sums[0] + sums[1] - 2 * origin, step)
        terms.append(thirds)
    return np.concatenate(terms).T


def _score_thirds(size: int, single: Floats, double: Floats, step: float) -> Floats:
    """Average every third derivative over the scores that give it."""
    position = {pair: k for k, pair in enumerate(combinations(range(size), 2))}

    def third(i: int, j: int, k: int) -> Floats:
        """Differentiate score k along i and j."""
        if i == j:
            return np.asarray(single[i][k] / step**2)
        both = double[position[min(i, j), max(i, j)]]
        return np.asarray((both[k] - single[i][k] - single[j][k]) / (2 * step**2))

    triples = combinations_with_replacement(range(size), 3)
    return np.array([(third(i, j, k) + third(i, k, j) + third(j, k, i)) / 3 for i, j, k in triples])
