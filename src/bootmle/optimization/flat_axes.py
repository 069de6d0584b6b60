"""What a certified Hessian hides: parameters without an effect, and curvature made by noise."""

from __future__ import annotations

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.optimization.flat_spaces import noise_at
from bootmle.optimization.refit_rules import RULES
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["has_flat_axis", "hidden_curvature"]


def has_flat_axis(target: WhitenedObjective, z: Floats, first: Floats) -> bool:
    """Whether a parameter alone hardly moves the nll, as that of a dummy that is not drawn."""
    # The original's Hessian does not show it; the gradient at the estimate, which comes first, has
    # no part in it.
    whitening = target.whitening
    if np.isnan(first).any() or whitening.size < whitening.center.size:
        return False
    axes = np.linalg.solve(whitening.factor, np.diag(whitening.units)).T
    slopes = np.abs(axes @ first) / np.linalg.norm(axes, axis=1)
    return any(
        abs(target.value(z + axis) - target.value(z)) < RULES.flat
        for axis in axes[slopes < RULES.level]
    )


def hidden_curvature(
    target: WhitenedObjective,
    z: Floats,
    value: float,
    direction: Floats,
    curvature: float,
    hessian_step: float,
) -> float:
    """Return the curvature that noise may make along a direction; 0 where it cannot be much."""
    # Infinity where there is hardly any: far steeper ones across may hide that in a Hessian.
    sides = target.values(z + RULES.longer * np.array([[1.0], [-1.0]]) * direction)
    ratio = float(np.sum(sides - value)) / (RULES.longer**2 * curvature)
    low, high = RULES.alike
    if low < ratio < high or ratio < RULES.gone:
        return 0.0 if ratio > low else np.inf
    return noise_at(target, z, direction) / hessian_step**2
