"""Equality constraints that repeat each other, which SLSQP does not solve."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats

__all__ = ["without_repeated"]

_STEP = 1e-5
"""Of derivatives, in sizes of the parameters: of what adds up they are exact."""
_BESIDE = 0.01
"""Distance of a second point, in sizes: gradients that agree by chance at the first differ."""
_RANK = 1e-6
"""Singular value of rows of length 1 below which a constraint repeats others, and the distance, in
sizes, by which it contradicts them: differences leave 1e-10."""

Limited = Callable[[Floats], tuple[Floats, Floats, Floats]]
"""All that constraints limit at a point, (k,), and the lower and upper limits."""


def without_repeated(limited: Limited, start: Floats) -> list[dict[str, Any]] | None:
    """Combine equalities that repeat others into as many as there are; None where none does."""
    values, lower, upper = limited(start)
    equal = lower == upper
    if equal.sum() < 2 or not np.isfinite(values).all():
        return None
    sizes = np.where(start == 0, 1.0, np.abs(start))
    points = start, start + _BESIDE * sizes * np.cos(np.arange(start.size))
    rows = np.hstack([_slopes(limited, point, sizes)[equal] for point in points])
    lengths = np.linalg.norm(rows, axis=1)
    if not (np.isfinite(rows).all() and lengths.all()):
        return None
    directions, singular, _ = np.linalg.svd(rows / lengths[:, None])
    rank = int((singular > _RANK).sum())
    contradiction = directions[:, rank:].T @ ((values - lower)[equal] / lengths)
    if rank == equal.sum() or np.abs(contradiction).max() > _RANK:
        return None
    combine = directions[:, :rank].T / lengths
    below, above = np.isfinite(lower) & ~equal, np.isfinite(upper) & ~equal

    def equalities(point: Floats) -> Floats:
        return np.asarray(combine @ (limited(point)[0] - lower)[equal])

    def inequalities(point: Floats) -> Floats:
        found = limited(point)[0]
        return np.concatenate([(found - lower)[below], (upper - found)[above]])

    others = [{"type": "ineq", "fun": inequalities}] if below.any() or above.any() else []
    return [{"type": "eq", "fun": equalities}, *others]


def _slopes(limited: Limited, point: Floats, sizes: Floats) -> Floats:
    """Differentiate by parameters in their sizes, (k, q)."""
    steps = np.diag(_STEP * sizes)
    columns = [(limited(point + step)[0] - limited(point - step)[0]) / 2 for step in steps]
    return np.column_stack(columns) / _STEP
