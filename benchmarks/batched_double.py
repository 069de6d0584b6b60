"""The double bootstrap of a data set: resamples of all its resamples, solved at once.

As bootmle does where the expansion that all refits share is off (`bootmle.refitting.nested`): those
of a resample are solved on a cubic expansion around its optimum, and corrected by verified ones.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement, permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batched import Batched
from bootmle.bootstrapping.calibrating import _REFUSED, _SAMPLES
from bootmle.inference.calibration import Calibration
from bootmle.inference.order_statistics import sort_replicates
from bootmle.inference.standard_errors import quantile_standard_error
from bootmle.likelihood.arrays import Floats
from bootmle.optimization.newton import CubicModels, maximize_models, trust_radius
from bootmle.refitting.nested import _FAR, _REACH, InnerErrors

__all__ = ["Redrawn", "calibrate", "redraw"]

STEP = 0.01
"""Step of the third derivatives in a predictor's standard errors: curvatures are formulas."""
FEWEST = 8
"""Verified resamples of resamples with an optimum: twice the coefficients they determine."""
PIVOT, CONVERGED, ROUNDING = 1e-2, 1e-3, 1e-12
"""As of `maximize_models`, which solves what these few undamped steps do not."""
STEPS = 6

Redrawn = tuple[NDArray[np.intp], Floats]
"""Rows (B, n) of resamples, and how often resamples of them take each: (M, n) or (B, M, n)."""


def redraw(
    numbers: NDArray[np.intp], kept: Floats, count: int, rng: np.random.Generator
) -> Redrawn:
    """Resample resamples, given by their counts (B, n): the same places of rows in any order."""
    n = kept.shape[1]
    rows = np.repeat(np.tile(np.arange(n), len(kept)), kept.ravel().astype(int)).reshape(-1, n)
    patterns = rng.multinomial(n, np.full(n, 1 / n), count).astype(float)
    return rng.permuted(rows, axis=1), patterns


def calibrate(
    data: Batched,
    quantities: Callable[[Floats], Floats],
    params: Floats,
    redrawn: Redrawn,
    rng: np.random.Generator,
) -> Calibration:
    """Find the level of the estimates among each replicate's own resamples; params (B, p)."""
    rows, patterns = redrawn
    estimate, count = quantities(data.estimate[None])[0], patterns.shape[-2]
    nothing, levels = np.zeros(estimate.size), np.full((len(rows), estimate.size), np.nan)
    none = Calibration(levels, levels, nothing, nothing, nothing == 0, count)
    usable = np.flatnonzero(np.isfinite(params).all(axis=1))
    if usable.size < FEWEST:
        return none
    error = quantile_standard_error(*sort_replicates(quantities(params)))
    unit = np.where(np.isfinite(error) & (error > 0), error, np.inf)

    def scaled(values: Floats) -> Floats:
        return np.asarray(np.clip((values - estimate) / unit, -_FAR, _FAR))

    chosen = rng.choice(usable, size=min(_SAMPLES[1], usable.size), replace=False)
    fresh = rng.multinomial(data.n, np.full(data.n, 1 / data.n), chosen.size).astype(float)
    first = patterns[chosen, 0] if patterns.ndim > 2 else fresh
    weights = np.zeros(first.shape)
    np.add.at(weights, (np.arange(chosen.size)[:, None], rows[chosen]), first)
    verified = scaled(quantities(data.optima(weights, params[chosen])))
    known = np.isfinite(verified).all(axis=1)
    if known.sum() < FEWEST:
        return none
    expanded = scaled(quantities(_solved(data, params[chosen], (rows[chosen], first[:, None]))))
    errors = InnerErrors.of(expanded[known], verified[known])
    mcse, refused = errors.spread / np.sqrt(len(errors.residuals)), ~(errors.spread <= _REFUSED)
    if not refused.all():
        inner = scaled(quantities(_solved(data, params, redrawn))).reshape(len(rows), count, -1)
        at = scaled(quantities(params))
        shares = np.where(np.abs(at) < _FAR, _shares_below(errors, inner), at < 0)
        levels = np.where(np.isnan(at), np.nan, (count * shares + 0.5) / (count + 1))
    return Calibration(levels, levels, errors.spread, mcse, refused, count)


def _shares_below(errors: InnerErrors, inner: Floats) -> Floats:
    """Return the expected shares of inner replicates (B, M, k) below 0: `share_below` of all."""
    inside = np.clip(inner, *errors.range)
    one, slope, curvature = errors.coefficients
    room = -inner - (one + inside * (slope + inside * curvature))
    found = np.empty((len(inner), inner.shape[2]))
    for j, own in enumerate(errors.residuals.T):  # sorted
        both = (np.searchsorted(own, room[:, :, j], side) for side in ("left", "right"))
        found[:, j] = sum(each.mean(axis=1) for each in both) / (2 * len(own))
    return found


def _solved(data: Batched, params: Floats, redrawn: Redrawn) -> Floats:
    """Return the optima of all resamples' resamples, (B M, p), exact where there is a formula."""
    rows, patterns = redrawn
    if data.closed is not None:
        each = np.broadcast_to(patterns, (len(rows), *patterns.shape[-2:]))
        known = [
            data.closed(own, *(part[row] for part in data.data))
            for row, own in zip(rows, each, strict=True)
        ]
        return np.concatenate(known)
    values, vectors = np.linalg.eigh(data.scale)
    factor = vectors / np.sqrt(np.maximum(values, np.finfo(float).tiny))
    centers = np.where(np.isfinite(params).all(axis=1, keepdims=True), params, data.estimate)
    terms = _terms(data, centers, factor)
    lost = np.flatnonzero(~np.isfinite(terms).all(axis=(1, 2)))
    if lost.size:
        centers[lost], terms[lost] = data.estimate, _terms(data, data.estimate[None], factor)
    sums = np.matmul(patterns, terms[np.arange(len(rows))[:, None], rows])
    moves = _optima(sums.reshape(-1, sums.shape[2]), data.p) @ factor.T
    return np.asarray(np.repeat(centers, sums.shape[1], axis=0) + moves)


def _terms(data: Batched, centers: Floats, factor: Floats) -> Floats:
    """Return each row's distinct derivatives of orders 1 to 3 around centers, (B, n, K)."""
    m, design = len(data.design), data.design @ factor
    unit = STEP * np.maximum(np.abs(design).sum(axis=2), np.finfo(float).tiny)
    predictors = np.einsum("mnp,bp->bmn", data.design, centers)
    _, slope, curve = data.parts(predictors, *data.data)
    thirds = []
    for k in range(m):
        away = np.zeros_like(unit)
        away[k] = unit[k]
        ends = [data.parts(predictors + side * away, *data.data)[2] for side in (-1, 1)]
        thirds.append((ends[1] - ends[0]) / (2 * unit[k]))
    found = []
    for order, by in ((1, slope), (2, curve), (3, np.stack(thirds, axis=1))):
        kinds = list(combinations_with_replacement(range(m), order))
        own = np.stack([np.moveaxis(by, 0, -2)[each] for each in kinds])
        found.append(np.einsum("cbn,cnq->bnq", own, _products(design, kinds)))
    return np.concatenate(found, axis=2)


def _products(design: Floats, kinds: list[tuple[int, ...]]) -> Floats:
    """Multiply predictors' derivatives (m, n, p), (c, n, K): summed over their orders."""
    params = np.array(list(combinations_with_replacement(range(design.shape[2]), len(kinds[0])))).T
    return np.array(
        [
            sum(
                np.prod([design[k][:, j] for k, j in zip(each, params, strict=True)], axis=0)
                for each in set(permutations(kind))
            )
            for kind in kinds
        ]
    )


def _optima(sums: Floats, size: int) -> Floats:
    """Find the optima (R, p) of cubic models, as `maximize_models` does, most by Newton steps."""
    columns = np.ascontiguousarray(sums.T)
    reach = _REACH * trust_radius(size)
    names = [
        entry for order in (1, 2, 3) for entry in combinations_with_replacement(range(size), order)
    ]
    place = {other: k for k, entry in enumerate(names) for other in set(permutations(entry))}
    z, value = np.zeros((size, len(sums))), np.zeros(len(sums))
    good = np.ones(len(sums), dtype=bool)
    for _ in range(STEPS):
        new, gradient, hessian = _at(columns, place, z)
        step, pivots = _newton_step(hessian, gradient)
        length = np.sqrt((step**2).sum(axis=0))
        good &= (pivots > PIVOT) & (length <= reach) & (new <= value + ROUNDING)
        z, value = z + step, new
        if not (good & (length >= CONVERGED)).any():
            break
    good &= (length < CONVERGED) & (np.sqrt((z**2).sum(axis=0)) < reach)
    found, rest = z.T.copy(), np.flatnonzero(~good)
    if rest.size:
        found[rest] = maximize_models(_models(sums[rest], place, size), reach)[0]
    return found


def _at(columns: Floats, place: dict[tuple[int, ...], int], z: Floats) -> Any:
    """Evaluate values (R,), gradients (p, R) and Hessians, by pair, of models in columns."""
    size, pairs = len(z), list(combinations_with_replacement(range(len(z)), 2))
    bends = {pair: sum(columns[place[*pair, k]] * z[k] for k in range(size)) for pair in pairs}
    hessian = {pair: columns[place[pair]] + bends[pair] for pair in pairs}
    whole = [[place[j, k] for k in range(size)] for j in range(size)]
    straight = np.array(
        [sum(columns[whole[j][k]] * z[k] for k in range(size)) for j in range(size)]
    )
    bent = np.array(
        [sum(bends[min(j, k), max(j, k)] * z[k] for k in range(size)) for j in range(size)]
    )
    value = (z * (columns[:size] + straight / 2 + bent / 6)).sum(axis=0)
    return value, columns[:size] + straight + bent / 2, hessian


def _newton_step(hessian: dict[tuple[int, int], Floats], gradient: Floats) -> tuple[Floats, Floats]:
    """Return Newton steps (p, R), and the smallest diagonal of each Cholesky factor (R,)."""
    size, lower = len(gradient), dict[tuple[int, int], Floats]()
    known = -gradient
    for j in range(size):
        own = hessian[j, j] - sum(lower[j, k] ** 2 for k in range(j))
        lower[j, j] = np.sqrt(own)
        for i in range(j + 1, size):
            part = sum(lower[i, k] * lower[j, k] for k in range(j))
            lower[i, j] = (hessian[j, i] - part) / lower[j, j]
        known[j] = (known[j] - sum(lower[j, k] * known[k] for k in range(j))) / lower[j, j]
    for j in reversed(range(size)):
        later = sum(lower[i, j] * known[i] for i in range(j + 1, size))
        known[j] = (known[j] - later) / lower[j, j]
    return known, np.min([lower[j, j] for j in range(size)], axis=0)


def _models(sums: Floats, place: dict[tuple[int, ...], int], size: int) -> CubicModels:
    """Lay models' distinct derivatives out as tensors."""
    second, third = np.empty((size,) * 2, dtype=int), np.empty((size,) * 3, dtype=int)
    for tensor in (second, third):
        for index in np.ndindex(tensor.shape):
            tensor[index] = place[index]
    return CubicModels(sums[:, :size], sums[:, second], sums[:, third])
