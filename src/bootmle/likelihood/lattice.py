"""Lattices around the estimate, and derivatives from the values or scores on them."""

from __future__ import annotations

from collections.abc import Sequence
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
    """List the points that the order needs: as many as it has derivatives, at the highest."""
    unit = np.eye(size)
    points = [np.zeros((1, size)), unit, -unit]
    pairs = np.array(list(combinations(range(size), 2)), dtype=int).reshape(-1, 2)
    one, other = unit[pairs[:, 0]], unit[pairs[:, 1]]
    if order == 2:
        points += [2 * unit, -2 * unit, one + other, -one - other]
    if order == 3:
        triples = np.array(list(combinations(range(size), 3)), dtype=int).reshape(-1, 3)
        points += [2 * unit, one + other, one - other, other - one, unit[triples].sum(axis=1)]
    return np.concatenate(points)


def combine_values(values: Floats, size: int, order: int, step: float) -> Floats:
    """Turn values on the lattice (k, n) into distinct derivatives (n, terms)."""
    # At third order third derivatives are one-sided, so that their error is of first order.
    middle, up, down = values[0], values[1 : size + 1], values[size + 1 : 2 * size + 1]
    up, down, rest = up - middle, down - middle, values[2 * size + 1 :] - middle
    odd, square = (up - down) / 2, up + down
    if order == 1:
        return np.asarray(odd / step).T
    pairs = list(combinations(range(size), 2))
    if order == 2:
        up2, down2 = rest[:size], rest[size : 2 * size]
        ahead, behind = rest[2 * size :].reshape(2, len(pairs), middle.size)
        cross = [
            (ahead[k] + behind[k] - square[i] - square[j]) / 2 for k, (i, j) in enumerate(pairs)
        ]
        slope, square = fourth_order_slope(up - down, up2 - down2, step), square * 16 - up2 - down2
        return np.concatenate([slope, _seconds(square / 12, cross) / step**2]).T
    corners = rest[size : size + 3 * len(pairs)].reshape(3, len(pairs), middle.size)
    cube = rest[:size] - 2 * (square + odd)
    cross, mixed = _pair_terms(pairs, up, down, corners)
    third = _thirds(cube, mixed, _triple_terms(up, corners[0], rest[size + 3 * len(pairs) :]))
    slope = odd - cube / 6
    return np.concatenate([slope / step, _seconds(square, cross) / step**2, third / step**3]).T


def fourth_order_slope(near: Floats, far: Floats, step: Floats | float) -> Floats:
    """Combine differences of values a step to both sides, and two steps, into a derivative."""
    return np.asarray((8 * near - far) / (12 * step))


def _seconds(square: Floats, cross: Sequence[Floats]) -> Floats:
    """List the second derivatives in the order of pairs with repetition."""
    size = len(square)
    position = {pair: k for k, pair in enumerate(combinations(range(size), 2))}
    pairs = combinations_with_replacement(range(size), 2)
    return np.array([square[i] if i == j else cross[position[i, j]] for i, j in pairs])


def _pair_terms(
    pairs: list[tuple[int, int]], up: Floats, down: Floats, corners: Floats
) -> tuple[list[Floats], dict[tuple[int, int], Floats]]:
    """Return the second derivatives of pairs (i, j), and t_iij of every ordered one."""
    cross, mixed = [], {}
    for k, (i, j) in enumerate(pairs):
        both = corners[0, k] - up[i] - up[j]
        mixed[i, j] = both + corners[2, k] - down[i] - up[j]
        mixed[j, i] = both + corners[1, k] - up[i] - down[j]
        cross.append(both - (mixed[i, j] + mixed[j, i]) / 2)
    return cross, mixed


def _triple_terms(up: Floats, both: Floats, all_three: Floats) -> dict[tuple[int, ...], Floats]:
    """Return t_ijk of different parameters, from steps along one, two and three of them."""
    size = len(up)
    pair = {each: k for k, each in enumerate(combinations(range(size), 2))}
    found: dict[tuple[int, ...], Floats] = {}
    for value, (i, j, k) in zip(all_three, combinations(range(size), 3), strict=True):
        two = both[pair[i, j]] + both[pair[i, k]] + both[pair[j, k]]
        found[i, j, k] = value - two + up[i] + up[j] + up[k]
    return found


def _thirds(
    cube: Floats,
    mixed: dict[tuple[int, int], Floats],
    distinct: dict[tuple[int, ...], Floats],
) -> Floats:
    """List the third derivatives in the order of triples with repetition."""

    def entry(i: int, j: int, k: int) -> Floats:
        if i == j == k:
            return np.asarray(cube[i])
        if i == j:
            return mixed[i, k]
        return mixed[j, i] if j == k else distinct[i, j, k]

    return np.array([entry(*each) for each in combinations_with_replacement(range(len(cube)), 3)])


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
