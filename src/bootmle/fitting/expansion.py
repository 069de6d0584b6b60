"""The shared expansion: every observation's derivatives at the estimate, from one lattice.

With contributions ℓ_i, replicate b's objective is Σ w_bi ℓ_i. Derivatives of the ℓ_i up to the
third, measured once on a lattice around the estimate, give every replicate's cubic model by one
matrix product with its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from bootmle.fitting.whitening import Metric
from bootmle.likelihood import Likelihood, Rows
from bootmle.parameters import Floats

__all__ = ["CubicModels", "Expansion", "expand", "n_terms"]

MEMORY_CAP = 2**25
"""Largest number of stored derivatives (256 MiB)."""

BLOCK_CAP = 2**23
"""Largest number of objective values held while a block of rows is expanded (64 MiB)."""

_STEPS = (1.0, 0.5, 0.25, 0.1)
_FAR = 1e4


@dataclass(frozen=True, slots=True)
class CubicModels:
    """Cubic models of b objectives around z = 0.

    Attributes
    ----------
    slope : (b, q) array
    curvature : (b, q, q) array
    third : (b, q, q, q) array or None
    """

    slope: Floats
    curvature: Floats
    third: Floats | None

    def at(self, z: Floats) -> tuple[Floats, Floats, Floats]:
        """Evaluate values (b,), gradients (b, q) and Hessians (b, q, q) at one point each."""
        straight = np.matmul(self.curvature, z[..., None])[..., 0]
        value = ((self.slope + straight / 2) * z).sum(axis=-1)
        if self.third is None:
            return value, self.slope + straight, self.curvature
        bend = np.matmul(self.third, z[:, None, :, None])[..., 0]
        bent = np.matmul(bend, z[..., None])[..., 0]
        return (
            value + (bent * z).sum(axis=-1) / 6,
            self.slope + straight + bent / 2,
            self.curvature + bend,
        )

    def hessian(self, z: Floats) -> Floats:
        """Evaluate the models' Hessians at one point each, (b, q, q)."""
        return self.at(z)[2]

    def take(self, members: NDArray[np.intp]) -> CubicModels:
        """Take some of the models."""
        third = None if self.third is None else self.third[members]
        return CubicModels(self.slope[members], self.curvature[members], third)


@dataclass(frozen=True, slots=True)
class Expansion:
    """Derivatives of every contribution at the estimate.

    Attributes
    ----------
    order : int
        3, 2 or 1: the highest derivative.
    step : float
        Distance between lattice points in standard errors.
    terms : (n, k) array
        Distinct derivatives by contribution; one row where the objective gives its total only.
    n_evaluations : int
        Evaluations of the objective spent.
    """

    order: int
    step: float
    terms: Floats
    size: int
    n_evaluations: int

    def models(self, weights: Floats) -> CubicModels:
        """Combine the derivatives with weights (b, n) into b models."""
        q, sums = self.size, weights @ self.terms
        slope, pairs = sums[:, :q], _n_pairs(q)
        if self.order == 1:
            return CubicModels(slope, np.broadcast_to(np.eye(q), (len(sums), q, q)), None)
        curvature = sums[:, q : q + pairs][:, _symmetric(q, 2)]
        if self.order == 2:
            return CubicModels(slope, curvature, None)
        return CubicModels(slope, curvature, sums[:, q + pairs :][:, _symmetric(q, 3)])


def n_terms(size: int, order: int) -> int:
    """Count the distinct derivatives of order 1 up to ``order`` in ``size`` variables."""
    counts = (size, _n_pairs(size), size * (size + 1) * (size + 2) // 6)
    return sum(counts[:order])


def expand(likelihood: Likelihood, metric: Metric) -> Expansion | None:
    """Measure the derivatives, at the highest order that memory and the model's domain allow.

    Returns None where the objective is not finite on any lattice.
    """
    rows = likelihood.n if likelihood.separable else 1
    for order in (3, 2, 1):
        if n_terms(metric.size, order) * (rows or 1) > MEMORY_CAP and order > 1:
            continue
        for step in _STEPS:
            expansion = _expand_at(likelihood, metric, order, step)
            if expansion is not None:
                return expansion
    return None


def _expand_at(likelihood: Likelihood, metric: Metric, order: int, step: float) -> Expansion | None:
    """Expand on one lattice; None where it leaves the domain."""
    with_scores = likelihood.separable and likelihood.scores_given
    points = _score_lattice(metric.size, order) if with_scores else _lattice(metric.size, order)
    measure = _score_block if with_scores else _value_block
    blocks = []
    for block in _row_blocks(likelihood, len(points) * (metric.size if with_scores else 1)):
        values = measure(block, metric, step * points)
        if values is None:
            return None
        blocks.append(
            (_combine_scores if with_scores else _combine)(values, metric.size, order, step)
        )
    return Expansion(order, step, np.concatenate(blocks), metric.size, len(points))


def _row_blocks(likelihood: Likelihood, per_row: int) -> Iterator[Likelihood]:
    """Split long data so that one block's values fit the cap; only where rows are separate."""
    length = max(1, BLOCK_CAP // per_row)
    if (
        not likelihood.separable
        or likelihood.rows is not Rows.SEPARATE
        or (likelihood.n or 0) <= length
    ):
        yield likelihood
        return
    assert likelihood.n is not None
    for start in range(0, likelihood.n, length):
        yield likelihood.resampled(np.arange(start, min(start + length, likelihood.n)))


def _value_block(likelihood: Likelihood, metric: Metric, points: Floats) -> Floats | None:
    """Evaluate contributions (or the total) at all points, (k, n); None where one is not finite."""
    params = likelihood.parameters.to_user(metric.to_working(points))
    base: Floats | float | None = None
    values = []
    for point in params:
        value = _finite(lambda at=point: _raw(likelihood, at))  # type: ignore[misc]
        if value is None:
            return None
        base = value if base is None else base
        if abs(float(np.sum(value - base))) > _FAR:
            return None
        values.append(value - base)
    return np.array(values)


def _raw(likelihood: Likelihood, params: Floats) -> Floats:
    """Evaluate the contributions, or the total as the one contribution."""
    if likelihood.separable:
        return likelihood.contributions(params)
    return np.array([likelihood.total(params)])


def _score_block(likelihood: Likelihood, metric: Metric, points: Floats) -> Floats | None:
    """Evaluate whitened scores at all points, (k, n, q); None where one is not finite."""
    parameters = likelihood.parameters
    values = []
    for working in metric.to_working(points):
        params = parameters.to_user(working)
        scores = _finite(lambda at=params: likelihood.scores(at)[:, parameters.free])  # type: ignore[misc]
        if scores is None:
            return None
        values.append((scores * parameters.slopes(working)) @ metric.factor)
    return np.array(values)


def _finite(evaluate: Callable[[], Floats]) -> Floats | None:
    """Return the values where they are all finite and nothing was raised."""
    try:
        with np.errstate(all="ignore"):
            values = evaluate()
    except Exception:  # the user's code may raise anything outside its domain
        return None
    return values if np.isfinite(values).all() else None


def _lattice(size: int, order: int) -> Floats:
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


def _combine(values: Floats, size: int, order: int, step: float) -> Floats:
    """Turn values on the lattice (k, n) into distinct derivatives (n, terms)."""
    up, down = values[1 : size + 1], values[size + 1 : 2 * size + 1]
    if order == 1:
        return ((up - down) / (2 * step)).T
    up2, down2 = values[2 * size + 1 : 3 * size + 1], values[3 * size + 1 : 4 * size + 1]
    slope = (8 * (up - down) - (up2 - down2)) / (12 * step)
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


def _score_lattice(size: int, order: int) -> Floats:
    """List the points 0, ±e_i, ±(e_i+e_j) that the order needs where scores are given."""
    unit = np.eye(size)
    points = [np.zeros((1, size))]
    if order >= 2:
        points += [unit, -unit]
    if order >= 3:
        pairs = np.array(list(combinations(range(size), 2)), dtype=int).reshape(-1, 2)
        sums = unit[pairs].sum(axis=1)
        points += [sums, -sums]
    return np.concatenate(points)


def _combine_scores(values: Floats, size: int, order: int, step: float) -> Floats:
    """Turn scores on the lattice (k, n, q) into distinct derivatives (n, terms)."""
    origin = values[0]
    terms = [origin.T]
    if order >= 2:
        up, down = values[1 : size + 1], values[size + 1 : 2 * size + 1]
        slopes = (up - down) / (2 * step)
        pairs = combinations_with_replacement(range(size), 2)
        terms.append(np.array([(slopes[i][:, j] + slopes[j][:, i]) / 2 for i, j in pairs]))
    if order >= 3:
        sums = values[2 * size + 1 :].reshape(2, size * (size - 1) // 2, *origin.shape)
        bends = _score_bends(size, up + down - 2 * origin, sums[0] + sums[1] - 2 * origin, step)
        terms.append(bends)
    return np.concatenate(terms).T


def _score_bends(size: int, single: Floats, double: Floats, step: float) -> Floats:
    """Average every third derivative over the scores that show it."""
    position = {pair: k for k, pair in enumerate(combinations(range(size), 2))}

    def bend(i: int, j: int, k: int) -> Floats:
        """Differentiate score k along i and j."""
        if i == j:
            return np.asarray(single[i][:, k] / step**2)
        mixed = double[position[min(i, j), max(i, j)]] - single[i] - single[j]
        return np.asarray(mixed[:, k] / (2 * step**2))

    triples = combinations_with_replacement(range(size), 3)
    return np.array([(bend(i, j, k) + bend(i, k, j) + bend(j, k, i)) / 3 for i, j, k in triples])


def _n_pairs(size: int) -> int:
    """Count pairs with repetition."""
    return size * (size + 1) // 2


@lru_cache(maxsize=16)
def _symmetric(size: int, order: int) -> NDArray[np.intp]:
    """Map full indices to positions among the distinct derivatives of one order."""
    position = {
        entry: k for k, entry in enumerate(combinations_with_replacement(range(size), order))
    }
    full = np.empty((size,) * order, dtype=np.intp)
    for index in np.ndindex(full.shape):
        full[index] = position[tuple(sorted(index))]
    return full
