"""The observed information on the working scale, and convergence to the last digit."""

from __future__ import annotations

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.likelihood.information import Information, measure_information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.newton import bfgs_changes, newton_steps
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["furthest_fall", "observed_information", "refine"]

_AIM = 1e-7
_DOUBLINGS = 24
_FIRST = 1e-3


def observed_information(likelihood: Likelihood, working: Floats) -> Information:
    """Measure the observed information on the working scale."""
    whitening = Whitening(working, np.eye(working.size))
    target = WhitenedObjective(
        likelihood, whitening, likelihood.at(likelihood.parameters.to_user(working))
    )
    return measure_information(
        target.value_at,
        working,
        names=likelihood.parameters.free_names,
        gradient=target.analytic_gradient,
        base=0.0,
    )


def refine(target: WhitenedObjective, step_sizes: StepSizes) -> tuple[Floats, float]:
    """Converge from z = 0 by quasi-Newton steps; return the point and its decrement."""
    size = target.whitening.size
    z, hessian = np.zeros(size), np.eye(size)
    gradient = accurate_gradient(target, z, step_sizes.noise)
    best, distance = z, np.inf
    for _ in range(12):
        steps, decrements, _ = newton_steps(gradient[None], hessian[None])
        step, here = steps[0], max(float(decrements[0]), float(np.linalg.norm(steps[0])))
        if here < distance:
            best, distance = z, here
        if here < _AIM or here > 2 * distance:
            break
        z, before = z + step, gradient
        gradient = accurate_gradient(target, z, step_sizes.noise)
        hessian = hessian + bfgs_changes(hessian[None], step[None], (gradient - before)[None])[0]
    return best, distance


def furthest_fall(target: WhitenedObjective, direction: Floats) -> tuple[Floats, float]:
    """Double the way from z = 0 while the nll falls; return the lowest point and its value."""
    z, value = np.zeros_like(direction), 0.0
    for doubling in range(_DOUBLINGS):
        trial = _FIRST * 2.0**doubling * direction
        trial_value = target.value(trial)
        if not trial_value < value:
            break
        z, value = trial, trial_value
    return z, value
