"""Whether the second derivatives that JAX takes of an objective are those of its gradient."""

# They are not where fun has `jax.lax.stop_gradient`, as after a solver whose result is
# differentiated by one Newton step, or a `jax.custom_jvp` that is right to first order only, as in
# NumPyro's negative binomial (0.22), whose second derivative by the size was twice the right one.

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bootmle.likelihood.arrays import Floats

__all__ = ["is_hessian_of"]


@dataclass(frozen=True, slots=True)
class _Rules:
    """Steps of the differences, and what they may differ by."""

    steps: tuple[float, ...] = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    """From far to near, as a share of a parameter, or of 1 if that is larger: scales differ."""
    agreeing: float = 1e-3
    """Relative difference of two steps' results by which they are taken for the derivative."""
    wrong: float = 1e-2
    """That of JAX's own: ten times as much."""
    resolved: float = 1e-7
    """Change of a sum of scores, as a share of their sizes, that is above rounding: 10⁹ times."""


_RULES = _Rules()


def is_hessian_of(
    gradient: Callable[[Floats], Floats],
    hessian: Callable[[Floats], Floats],
    scores: Callable[[Floats], Floats],
    points: Sequence[Floats],
) -> bool:
    """Whether the Hessian at some points is what differences of the gradient say."""
    direction = points[-1] - points[0]
    for point in points:
        sizes = np.abs(np.atleast_2d(scores(point))).sum(axis=0)
        if _wrong_rows(gradient, hessian(point), sizes, point, direction).any():
            return False
    return True


def _wrong_rows(
    gradient: Callable[[Floats], Floats],
    hessian: Floats,
    sizes: Floats,
    point: Floats,
    direction: Floats,
) -> NDArray[np.bool_]:
    """Say for which parameters (p,) the Hessian differs from differences of the gradient."""
    expected, change = hessian @ direction, np.abs(hessian) @ np.abs(direction)
    judged, wrong = (np.zeros(point.size, dtype=bool) for _ in range(2))
    before = np.full(point.size, np.nan)
    for step in _RULES.steps:
        slopes = gradient(point + step * direction) - gradient(point - step * direction)
        slopes /= 2 * step
        least = np.maximum(change, np.abs(slopes))
        known = ~judged & (np.abs(slopes - before) <= _RULES.agreeing * least)
        known &= step * least > _RULES.resolved * sizes
        wrong |= known & (np.abs(slopes - expected) > _RULES.wrong * least)
        judged, before = judged | known, slopes
    return wrong
