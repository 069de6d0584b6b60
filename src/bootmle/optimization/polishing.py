"""From near an optimum to it, by few evaluations, before the Hessian is measured there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.optimization.newton import bfgs_changes
from bootmle.optimization.whitening import WhitenedObjective

__all__ = ["polish"]


@dataclass(frozen=True, slots=True)
class _Polish:
    """How SciPy's point is moved to the optimum before the Hessian is measured, if it is near."""

    step: float = 1e-3
    """Of central differences: off by 1e-6/6 times a third derivative, 1/√n or so."""
    near: float = 1e-4
    """Largest slope, and move, in rough standard errors: SciPy was at the optimum then."""
    curvatures: tuple[float, float] = (0.02, 50.0)
    """Along coordinates that are good enough for quasi-Newton steps."""
    shrinks: float = 0.8
    """Ratio of successive slopes that is progress."""
    aim: float = 1e-6
    """Last step: a rough Hessian leaves a third of it; measured on four models with p = 12."""
    steps: int = 6
    """Most steps: 6 take 150 evaluations at p = 12, and measuring the Hessian again takes 196."""


_POLISH = _Polish()


def polish(target: WhitenedObjective) -> Floats | None:
    """Converge from z = 0 by central differences in rough coordinates; None where that fails.

    The curvatures along the coordinates come from the same points as the slopes.
    """
    start = np.zeros(target.whitening.size)
    z, (gradient, curvatures) = start, _slopes_and_curvatures(target, start)
    size = float(np.linalg.norm(gradient))
    low, high = _POLISH.curvatures
    regular = np.all((curvatures > low) & (curvatures < high))
    if not (size < _POLISH.near and regular):
        return None
    hessian = np.diag(curvatures)
    for _ in range(_POLISH.steps):
        step = np.asarray(np.linalg.solve(hessian, -gradient), dtype=np.float64)
        before = gradient
        z = z + step
        if float(np.linalg.norm(step)) < _POLISH.aim:
            return z if float(np.linalg.norm(z)) < _POLISH.near else None
        gradient = _slopes_and_curvatures(target, z)[0]
        if not np.linalg.norm(gradient) < _POLISH.shrinks * np.linalg.norm(before):
            return None
        hessian = hessian + bfgs_changes(hessian[None], step[None], (gradient - before)[None])[0]
    return None


def _slopes_and_curvatures(target: WhitenedObjective, z: Floats) -> tuple[Floats, Floats]:
    """Take central differences along all coordinates: curvatures are those at z = 0 only."""
    if target.likelihood.has_gradient:
        return accurate_gradient(target, z, 0.0), np.ones(z.size)
    steps = _POLISH.step * np.eye(z.size)
    up, down = target.values(z + np.concatenate([steps, -steps])).reshape(2, z.size)
    return (up - down) / (2 * _POLISH.step), (up + down) / _POLISH.step**2
