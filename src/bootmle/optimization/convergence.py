"""The observed information on the working scale, and convergence to the last digit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bootmle.likelihood.arrays import Floats
from bootmle.likelihood.automatic_views import automatic_derivatives
from bootmle.likelihood.derivatives import accurate_gradient
from bootmle.likelihood.information import Information, measure_information
from bootmle.likelihood.likelihood import Likelihood
from bootmle.likelihood.quick_hessian import Surroundings
from bootmle.likelihood.stationary_information import measure_beside, measure_stationary
from bootmle.optimization.newton import bfgs_changes, newton_steps
from bootmle.optimization.step_sizes import StepSizes
from bootmle.optimization.whitening import WhitenedObjective, Whitening

__all__ = [
    "FLAT",
    "furthest_fall",
    "information_beside",
    "lowest_neighbor",
    "observed_information",
    "refine",
    "stationary_information",
]

FLAT = 0.02
"""Rise of the nll over one standard error up to which it is flat: a regular one rises by ½."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """When refining ends, and how far a saddle is left."""

    steps: int = 12
    """Quasi-Newton steps at most; measured on 200 fits of eight models: 1 or 2 are enough."""
    aim: float = 1e-7
    """Distance in standard errors that ends them: a tenth of what a fit's certificate asks for."""
    diverging: float = 2.0
    """Growth of the distance that ends them as well."""
    first: float = 1e-3
    """Shortest step away from a saddle, in standard errors."""
    doublings: int = 24
    """Of that step while the nll falls: to 8,000 standard errors."""


_RULES = _Rules()


def observed_information(
    likelihood: Likelihood,
    working: Floats,
    metric: Floats | None = None,
    *,
    base: Floats | float | None = None,
) -> Information:
    """Measure the observed information on the working scale; a metric is its rough inverse."""
    # ``base`` are the values here.
    target = _seen_from(likelihood, working, base)
    exact = automatic_derivatives(target, np.zeros(working.size))
    return measure_information(
        target.value_at,
        working,
        gradient=target.analytic_gradient,
        base=0.0,
        hessian=None if exact is None else exact[1],
        metric=metric,
        **_asked_of(target),
    )


def stationary_information(
    likelihood: Likelihood, working: Floats, metric: Floats | None, base: Floats | float
) -> tuple[Information, Surroundings | None]:
    """Measure it at the stationary point that is found from here, and look around there."""
    target = _seen_from(likelihood, working, base)
    gradient = target.analytic_gradient
    return measure_stationary(
        target.value_at, working, metric, gradient=gradient, base=0.0, **_asked_of(target)
    )


def information_beside(
    likelihood: Likelihood, working: Floats, metric: Floats, base: Floats | float
) -> tuple[Information, Surroundings | None] | None:
    """Do the same where a rough inverse Hessian leads to one; None where it does not."""
    target = _seen_from(likelihood, working, base)
    return measure_beside(target.value_at, working, metric, **_asked_of(target))


def _seen_from(
    likelihood: Likelihood, working: Floats, base: Floats | float | None
) -> WhitenedObjective:
    """See a likelihood on the working scale, relative to its values at a point."""
    if base is None:
        base = likelihood.at(likelihood.parameters.to_user(working))
    return WhitenedObjective(likelihood, Whitening(working, np.eye(working.size)), base)


def _asked_of(target: WhitenedObjective) -> dict[str, Any]:
    """Return names, the spacing of values, and who is told which points will be asked for."""
    likelihood = target.likelihood
    whole = 0.0 if likelihood.per_observation else float(np.spacing(np.sum(np.abs(target.base))))
    return {
        "names": likelihood.parameters.free_names,
        "spacing": whole,
        "announce": likelihood.expect_working,
    }


def refine(
    target: WhitenedObjective, step_sizes: StepSizes, gradient: Floats | None = None
) -> tuple[Floats, float]:
    """Converge from z = 0 by quasi-Newton steps; return the point and its decrement."""
    size = target.whitening.size
    z, hessian = np.zeros(size), np.eye(size)
    if gradient is None:
        gradient = accurate_gradient(target, z, step_sizes.noise)
    best, distance = z, np.inf
    for _ in range(_RULES.steps):
        steps, decrements, _ = newton_steps(gradient[None], hessian[None])
        step, here = steps[0], max(float(decrements[0]), float(np.linalg.norm(steps[0])))
        if here < distance:
            best, distance = z, here
        if here < _RULES.aim or here > _RULES.diverging * distance:
            break
        z, before = z + step, gradient
        gradient = accurate_gradient(target, z, step_sizes.noise)
        hessian = hessian + bfgs_changes(hessian[None], step[None], (gradient - before)[None])[0]
    return best, distance


def furthest_fall(target: WhitenedObjective, direction: Floats) -> tuple[Floats, float]:
    """Double the distance from z = 0 while the nll falls; return the lowest point and its value."""
    z, value = np.zeros_like(direction), 0.0
    for doubling in range(_RULES.doublings):
        trial = _RULES.first * 2.0**doubling * direction
        trial_value = target.value(trial)
        if not trial_value < value:
            break
        z, value = trial, trial_value
    return z, value


def lowest_neighbor(
    target: WhitenedObjective, z: Floats, value: float, axes: Floats
) -> Floats | None:
    """Return the lowest point one standard error away, along axes (k, q); None where all rise."""
    around = z + np.concatenate([axes, -axes])
    rises = target.values(around) - value
    lowest = int(np.argmin(rises))
    return around[lowest] if rises[lowest] < FLAT else None
