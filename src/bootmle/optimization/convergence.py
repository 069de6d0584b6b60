"""Gradients and curvature of an objective in whitened coordinates, and convergence by them."""

from __future__ import annotations

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.information import Information, measure_information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.optimization.newton import bfgs_changes, newton_steps
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = ["furthest_fall", "observed_information", "refine", "whitened_gradient"]

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


def whitened_gradient(target: WhitenedObjective, z: Floats, step_sizes: StepSizes) -> Floats:
    """Return the gradient: analytic, or central differences extrapolated to fourth order."""
    if target.likelihood.differentiable:
        return target.gradient(z)
    c = float(np.clip(step_sizes.noise**0.2, 1e-2, 0.5))
    unit = c * np.eye(z.size)
    values = target.values(z + np.concatenate([unit, -unit, 2 * unit, -2 * unit]))
    up, down, up2, down2 = values.reshape(4, z.size)
    # Beyond the domain on both sides the difference of two infinities is no slope, and is NaN.
    with np.errstate(invalid="ignore"):
        return np.asarray((8 * (up - down) - (up2 - down2)) / (12 * c))


def refine(target: WhitenedObjective, step_sizes: StepSizes) -> tuple[Floats, float]:
    """Converge from z = 0 by quasi-Newton steps; return the point and its decrement."""
    size = target.whitening.size
    z, hessian = np.zeros(size), np.eye(size)
    gradient = whitened_gradient(target, z, step_sizes)
    best, distance = z, np.inf
    for _ in range(12):
        steps, decrements, _ = newton_steps(gradient[None], hessian[None])
        step, here = steps[0], max(float(decrements[0]), float(np.linalg.norm(steps[0])))
        if here < distance:
            best, distance = z, here
        if here < _AIM or here > 2 * distance:
            break
        z, before = z + step, gradient
        gradient = whitened_gradient(target, z, step_sizes)
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
